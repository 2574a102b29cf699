"""Who took part in a crash: words of a mode column → pedestrian, bicycle, motor vehicle."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from data.columns import plain

MODES = ("pedestrian", "bicycle", "motor vehicle")

_WORDS = {
    "pedestrian": """
        pedestrian pedestrians ped peds walk walker walking foot fussganger fusganger fuss pedestre pedestres
        peaton peatones pieton pietons atropelamento wheelchair
    """.split(),
    "bicycle": """
        bicycle bicycles bicyclist bicyclists bike bikes biking biker cyclist cyclists cycle cycling
        pedalcycle pedalcycles pedalcyclist pedalcyclists ebike bicicleta bicicletas ciclista ciclistas bici
        fahrrad radfahrer rad velo velos cycliste cyclistes
    """.split(),
    "motor vehicle": """
        motor vehicle vehicles motorvehicle motorvehicles mv mvo veh car cars auto autos automobile
        automobiles driver drivers truck trucks lorry bus buses van taxi suv motorist motorists motorized
        motorised motorcycle motorcycles motorcyclist motorcyclists motorbike moped scooter passenger
        occupant pkw lkw krad kraftfahrzeug carro carros automovil automoviles coche moto motos
        motocicleta motocicletas caminhao camion onibus voiture voitures vehicule vehiculo veiculo
    """.split(),
}
_OF_WORD = {word: mode for mode, words in _WORDS.items() for word in words}
_OTHER = frozenset({"other", "others", "otro", "outro", "autre", "sonstige", "none", "neither"})
_NO_WORDS = frozenset({"", "unknown", "unk", "na", "null", "notreported", "notapplicable", "nan"})
# Of two words that are one: the wheels alone would say bicycle, "non motorist" would say motorist.
_JOINED = re.compile(r"\b(motor|pedal|non|e|mountain|dirt)[\s-]+(?=[a-z])")


@dataclass(frozen=True)
class Modes:
    """Modes of each row, and labels that were not understood with their numbers of rows."""

    involved: list[frozenset[str]]
    not_understood: dict[str, int]
    other_is_motor: bool

    @property
    def is_known(self) -> bool:
        """Whether any row tells a mode."""
        return any(self.involved)


def modes(labels: Iterable[str | None]) -> Modes:
    """Return who took part by each label; several may stand in one.

    "Other" beside labels of people on foot or on bicycles is everybody else: motor vehicles.

    Examples
    --------
    >>> found = modes(["Ped", "Bike", "Other", "Motor Vehicle - Pedestrian", "Motor Cycle", "tram", None])
    >>> [sorted(one) for one in found.involved[:3]]
    [['pedestrian'], ['bicycle'], ['motor vehicle']]
    >>> [sorted(one) for one in found.involved[3:]], found.not_understood
    ([['motor vehicle', 'pedestrian'], ['motor vehicle'], [], []], {'tram': 1})
    """
    texts = [str(label).strip() if label is not None else "" for label in labels]
    times = Counter(texts)
    found = {text: _involved(text) for text in times}
    on_foot_or_bicycle = any(one & {"pedestrian", "bicycle"} for one in found.values())
    others = [text for text in times if plain(text) in _OTHER]
    if on_foot_or_bicycle:
        found |= dict.fromkeys(others, frozenset({"motor vehicle"}))
    unread = {text: n for text, n in times.items() if not found[text] and plain(text) not in _NO_WORDS}
    told = dict(sorted(unread.items(), key=lambda one: (-one[1], one[0])))
    return Modes([found[text] for text in texts], told, bool(others and on_foot_or_bicycle))


def _involved(label: str) -> frozenset[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).casefold()
    joined = _JOINED.sub(r"\1", spaced)
    words = [plain(word) for word in re.split(r"[^0-9a-zà-ÿß]+", joined)]
    return frozenset(_OF_WORD[word] for word in words if word in _OF_WORD)

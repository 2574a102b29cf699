"""Corridors in plain words: numbers, lengths and p as a report would write them."""

from models.severity import MEASURES

_COUNTED = {"injury": "injury crashes", "ksi": "crashes with killed or seriously injured"}
_COUNTED_ONE = {"injury": "injury crash", "ksi": "crash with killed or seriously injured"}


def length_words(metres: float) -> str:
    """Return a length.

    Examples
    --------
    >>> length_words(2143), length_words(640.4), length_words(999.7)
    ('2.1 km', '640 m', '1.0 km')
    """
    return f"{metres / 1000:.1f} km" if round(metres) >= 1000 else f"{metres:.0f} m"


def expected_words(number: float) -> str:
    """Return an expected number: whole from ten on.

    Examples
    --------
    >>> expected_words(13.9), expected_words(2.04), expected_words(0.0123)
    ('14', '2.0', '0.012')
    """
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}" if number >= 0.95 else f"{number:.2g}"


def p_words(p: float) -> str:
    """Return a p without the zero in front, as statistics are written.

    Examples
    --------
    >>> p_words(0.002), p_words(0.0471), p_words(0.00004), p_words(1.0)
    ('p = .002', 'p = .047', 'p < .001', 'p = 1')
    """
    if p < 0.001:
        return "p < .001"
    if p >= 0.9995:
        return "p = 1"
    return f"p = {p:.3f}".replace("0.", ".", 1)


def crash_words(number: int, measure: object, travel_mode: str | None) -> str:
    """Return so many crashes of a measure and a mode.

    Examples
    --------
    >>> crash_words(34, "all", None), crash_words(1, "injury", "bicycle"), crash_words(2, "ksi", None)
    ('34 crashes', '1 bicycle injury crash', '2 crashes with killed or seriously injured')
    """
    kind = measure if isinstance(measure, str) and measure in MEASURES else "all"
    counted = _COUNTED_ONE.get(kind, "crash") if number == 1 else _COUNTED.get(kind, "crashes")
    mode = f"{travel_mode} " if travel_mode else ""
    return f"{number:,} {mode}{counted}"


def street_words(name: str | None, road_class: str | None) -> str:
    """Return what a street is called: its name, else its class.

    Examples
    --------
    >>> street_words("Rural Road", "primary"), street_words(None, "motorway_link"), street_words(None, "")
    ('Rural Road', 'an unnamed street (motorway link)', 'an unnamed street')
    """
    if name:
        return name
    return f"an unnamed street ({road_class.replace('_', ' ')})" if road_class else "an unnamed street"


def corridor_words(metres: float, street: str, crashes: str, expected: float, p: float) -> str:
    """Return a corridor in one sentence; without a p where none is known.

    Examples
    --------
    >>> corridor_words(2100, "Rural Road", "34 crashes", 14.2, 0.002)
    '2.1 km of Rural Road: 34 crashes where 14 would be expected; p = .002'
    """
    said = f"{length_words(metres)} of {street}: {crashes} where {expected_words(expected)} would be expected"
    return f"{said}; {p_words(p)}" if p == p else said

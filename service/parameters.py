"""Parameters of the methods: names, bounds and defaults, as a request or `--param name=value` gives them.

One class per method; the HTTP description of a process and the command line both come from its schema.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from models.severity import EPDO_TABLES, weights
from models.severity_labels import NUMBER_SCALES
from service.times import parse_datetime

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


#: The least and the greatest instant there is: days of local time at the ends of the calendar reach beyond.
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_box(value: Any) -> Any:
    """Take ``west,south,east,north`` also as text, as a query parameter has it."""
    if value is None:
        return None
    parts = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
    try:
        box = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        box = ()
    if len(box) != 4 or not _is_box(*box):
        raise ValueError("bbox needs west,south,east,north in degrees with south <= north")
    return box


def _is_box(west: float, south: float, east: float, north: float) -> bool:
    return -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90


def _as_ring(value: Any) -> Any:
    """Take the ring also as text, as the command line has it."""
    if value == "auto":
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    ring = int(value) if is_number or (isinstance(value, str) and value.strip().isdecimal()) else 0
    if not 1 <= ring <= 10:
        raise ValueError("k needs 1 to 10 or auto")
    return ring


def _as_roles(value: Any) -> Any:
    """Take role → analysis id also as a list of ids or `role=id`, or as text: `a,b` or JSON."""
    given = _parsed(value)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        return given
    pairs = [
        (role.strip(), (name or role).strip()) for role, _, name in (one.partition("=") for one in given)
    ]
    roles = dict(pairs)
    if len(roles) < len(pairs):
        raise ValueError(f"inputs needs every role once, got {', '.join(role for role, _ in pairs)}")
    return roles


def _as_weights(value: Any) -> Any:
    """Take role → weight also as a list of `role=number`, or as text: `a=2,b=1` or JSON."""
    given = _parsed(value)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        return given
    pairs = [one.rpartition("=") for one in given]
    if not all(sign for _, sign, _ in pairs):
        raise ValueError("weights needs role=number for each")
    return {role.strip(): number.strip() for role, _, number in pairs}


def _parsed(value: Any) -> Any:
    """Return text as what it stands for: JSON, or parts between commas; a list of texts part by part."""
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        return value
    if len(texts) == 1 and texts[0].lstrip().startswith(("{", "[")):
        try:
            return json.loads(texts[0])
        except ValueError as err:
            raise ValueError(f"an object in JSON, or parts between commas, was needed: {err}") from err
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _as_measure(value: Any) -> Any:
    """Take weights also as text: `K=3,A=3,B=1,C=0,O=0` or JSON; a plain word as it is."""
    texts = value if isinstance(value, list) else [value]
    if all(isinstance(text, str) and "=" not in text and "{" not in text for text in texts):
        return value
    return _as_weights(value)


def _as_numbers(value: Any) -> Any:
    """Take a number or a list of them also as text: `0.01,0.05`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value]
    return _parsed(value)


_Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Metres = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_Days = Annotated[float, Field(ge=0, le=36_525, allow_inf_nan=False)]


def _readable(text: str | None) -> str | None:
    """Refuse what is no instant, date or interval; it is read later, in the layer's timezone."""
    if text is not None:
        parse_datetime(text)
    return text


_Ring = Annotated[int, Field(ge=1, le=10)]
_Interval = Annotated[str | None, AfterValidator(_readable)]
_Text = Annotated[str, Field(min_length=1)]


class Inputs(BaseModel):
    """What the inputs of every method tell of themselves: which of them name layers, which analyses."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    #: Input that names a layer (or a list of layers) → the kinds of layer that it takes.
    LAYER_KINDS: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    #: Inputs that name published analyses, as role → analysis id.
    ANALYSIS_FIELDS: ClassVar[tuple[str, ...]] = ()

    def layers(self) -> list[tuple[str, str]]:
        """Return (input, layer id) of every layer that is named."""
        named = [(role, getattr(self, role)) for role in self.LAYER_KINDS]
        return [
            (role, one)
            for role, value in named
            for one in (value if isinstance(value, list) else [value])
            if one
        ]

    def analyses(self) -> list[str]:
        """Return the ids of the published analyses that are named."""
        return [name for part in self.ANALYSIS_FIELDS for name in getattr(self, part).values()]


class LayerInputs(Inputs):
    """Inputs of a method that is about one layer."""

    layer: str = Field(min_length=1)
    """Id of the layer."""


class GridInputs(Inputs):
    """Inputs of a method that answers by cell."""

    resolution: int = Field(default=9, ge=5, le=12)
    """H3 resolution of the cells."""

    bbox: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_as_box)] = None
    """west, south, east, north in degrees: cuts the study area, and selects incidents."""

    boundary: _Text | None = None
    """Id of a boundary layer: the study area. By default it is derived from the data."""


class IncidentInputs(GridInputs, LayerInputs):
    """Inputs of a method that counts the incidents of one layer by cell."""

    LAYER_KINDS = {"layer": ("incidents",), "boundary": ("boundary",), "population": ("population",)}

    datetime: _Interval = None
    """RFC 3339 interval (a/b, a/.., ../b) or date: selects incidents; dates are local days."""

    category: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Categories to select; a value ending in || stands for all below it."""

    population: _Text | None = None
    """Id of a population layer: expected counts follow the people, and so does the study area by default."""


class HotspotInputs(IncidentInputs):
    """Inputs of `hotspots`."""

    LAYER_KINDS = {
        "layer": ("incidents",),
        "boundary": ("boundary",),
        "roads": ("roads",),
        "population": ("population",),
    }

    k: Annotated[_Ring | Literal["auto"], BeforeValidator(_as_ring)] = "auto"
    """Ring of the disk, 1 to 10; auto combines 1, 2 and 3."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """False discovery rate at which a cell is called hot or cold."""

    side: Literal["hot", "cold", "both"] = "hot"
    """Which departures are looked for."""

    kernel: Literal["uniform", "triangular", "quartic", "gaussian"] = "uniform"
    """Weight of a neighbour by its ring."""

    p_method: Literal["auto", "exact", "monte-carlo", "normal", "binomial", "negative-binomial"] = "auto"
    """How p is computed; auto takes the exact permutation law where the data allow it."""

    simulations: int = Field(default=999, ge=99, le=99_999)
    """Permutations, where p comes from Monte Carlo."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the random numbers, where any are drawn."""

    significant: bool = False
    """Return only cells whose class is hot or cold."""

    roads: _Text | None = None
    """Id of a roads layer: streets that name the areas."""

    output: Literal["cells", "areas"] = "cells"
    """One feature per cell of the study area, or the connected significant areas."""


class OutliersInputs(IncidentInputs):
    """Inputs of `outliers`."""

    k: Annotated[_Ring | Literal["auto"], BeforeValidator(_as_ring)] = "auto"
    """Neighbours are the cells within k steps, 1 to 10; auto combines 1, 2 and 3."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """False discovery rate at which a cell is called."""

    p_method: Literal["auto", "exact", "monte-carlo", "negative-binomial"] = "auto"
    """How p is computed; auto takes the exact permutation law where the data allow it, and with a population
    the negative binomial null of equal risk."""

    simulations: int = Field(default=999, ge=99, le=99_999)
    """Permutations, where p comes from Monte Carlo."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the random numbers, where any are drawn."""

    significant: bool = False
    """Return only cells that are called HH, LL, HL or LH."""


class EmergingInputs(IncidentInputs):
    """Inputs of `emerging`."""

    bin: _Text = "P7D"
    """Length of a time bin as an ISO 8601 duration: P7D, PT12H, or calendar months and years (P1M)."""

    align: _Text = "end"
    """end: the last bin ends with the period; start: the first begins with it; or a local time at which a bin
    begins (the first of a month where bins are months). Parts of bins are left out."""

    time_lag: int = Field(default=1, ge=0, le=52)
    """Bins that a neighbourhood reaches back."""

    window: Literal["cube", "neighborhood", "step"] = "cube"
    """What a bin is compared with: all cells in all bins, in the bins reached back to, or bin by bin."""

    k: Annotated[_Ring | Literal["auto"], BeforeValidator(_as_ring)] = "auto"
    """Ring of the disk, 1 to 10; auto combines 1, 2 and 3."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """False discovery rate, over all cells and bins, at which a bin is called hot or cold."""

    side: Literal["hot", "cold", "both"] = "both"
    """Which departures are looked for; the cold patterns need both."""

    p_method: Literal["auto", "exact", "monte-carlo", "negative-binomial"] = "auto"
    """How p is computed; auto takes the exact permutation law where the data allow it, and with a population
    the negative binomial null of equal risk."""

    simulations: int = Field(default=999, ge=99, le=99_999)
    """Permutations, where p comes from Monte Carlo."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the random numbers, where any are drawn."""

    significant: bool = False
    """Return only cells with a pattern."""


class PointInputs(LayerInputs):
    """Inputs of a method that looks at the incidents of one layer one by one."""

    LAYER_KINDS = {"layer": ("incidents",), "boundary": ("boundary",)}

    datetime: _Interval = None
    """RFC 3339 interval (a/b, a/.., ../b) or date: selects incidents; dates are local days."""

    category: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Categories to select; a value ending in || stands for all below it."""

    bbox: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_as_box)] = None
    """west, south, east, north in degrees: selects incidents."""

    boundary: _Text | None = None
    """Id of a boundary layer: incidents outside take no part."""


class ClustersInputs(PointInputs):
    """Inputs of `clusters`."""

    LAYER_KINDS = {"layer": ("incidents",), "boundary": ("boundary",), "roads": ("roads",)}

    boundary: _Text | None = None
    """Id of a boundary layer: incidents outside take no part; its polygons name the districts."""

    roads: _Text | None = None
    """Id of a roads layer: streets that name the clusters."""

    algorithm: Literal["dbscan", "hdbscan"] = "dbscan"
    """dbscan: one density for all, that of eps_m and min_samples; hdbscan: those that persist over many."""

    eps_m: float = Field(default=200.0, gt=0, le=100_000, allow_inf_nan=False)
    """Metres within which incidents are neighbours; for hdbscan the metres that eps_days count like."""

    eps_days: float | None = Field(default=None, gt=0, le=36_525, allow_inf_nan=False)
    """Days within which incidents must lie as well to be neighbours; without them time plays no part."""

    min_samples: int = Field(default=10, ge=2, le=1_000_000)
    """Fewest incidents of a neighbourhood, its own included (hdbscan: and of a cluster)."""

    collapse_piles: bool = False
    """Whether many incidents on one coordinate count as one; see `piles` in the diagnostics."""


class NearRepeatInputs(PointInputs):
    """Inputs of `near-repeat`."""

    distances_m: Annotated[list[_Metres], BeforeValidator(_as_numbers)] = Field(
        default=[0.0, 100.0, 200.0, 400.0, 800.0], min_length=1, max_length=20
    )
    """Upper limits of the distance bands in metres, ascending; 0 is the band of repeats at the same place."""

    days: Annotated[list[_Days], BeforeValidator(_as_numbers)] = Field(
        default=[7.0, 14.0, 28.0], min_length=1, max_length=20
    )
    """Upper limits of the time bands in days, ascending."""

    simulations: int = Field(default=999, ge=99, le=99_999)
    """How often the times are permuted over the places."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the permutations."""

    @field_validator("distances_m", "days")
    @classmethod
    def _ascending(cls, limits: list[float]) -> list[float]:
        if any(one >= other for one, other in pairwise(limits)):
            raise ValueError(f"ascending limits are needed, got {', '.join(f'{one:g}' for one in limits)}")
        return limits


class ForecastInputs(IncidentInputs):
    """Inputs of `forecast`."""

    LAYER_KINDS = {"layer": ("incidents",), "boundary": ("boundary",), "population": ("population",)}

    population: _Text | None = None
    """Id of a population layer: its cells are the study area; the forecast itself needs no people."""

    bin: _Text = "P7D"
    """Length of a period as an ISO 8601 duration: P7D, PT12H, or calendar months and years (P1M)."""

    align: _Text = "end"
    """end: the last period ends with the data; start: the first begins with them; or a local time at which
    a period begins (the first of a month where they are months). Parts of periods are left out."""

    area_share: Annotated[list[_Share], BeforeValidator(_as_numbers)] = Field(
        default=[0.01, 0.05], min_length=1
    )
    """Shares of the study area at which PAI, PEI and RRI are told."""

    backtest: int = Field(default=12, ge=3, le=104)
    """Latest periods that are forecast from what was before each, to choose a model and tell its worth."""

    model: Literal["auto", "last-period", "smoothed", "learned"] = "auto"
    """Which model forecasts; auto: the one with the smallest deviance in the back-test."""

    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Seed of the learned model."""

    output: Literal["cells", "backtest"] = "cells"
    """The forecast of every cell, or the hit rates of every model, area share and period."""


class ScanInputs(IncidentInputs):
    """Inputs of `scan`."""

    LAYER_KINDS = {
        "layer": ("incidents",),
        "boundary": ("boundary",),
        "population": ("population",),
        "roads": ("roads",),
    }

    bin: _Text = "P7D"
    """Length of a time bin as an ISO 8601 duration; none: a purely spatial scan, which needs a population."""

    align: _Text = "end"
    """end: the last bin ends with the period; start: the first begins with it; or a local time at which a bin
    begins (the first of a month where bins are months). Parts of bins are left out."""

    mode: Literal["prospective", "retrospective"] = "prospective"
    """Windows that end now, or all windows."""

    max_radius: int = Field(default=10, ge=0, le=10)
    """Steps of the largest disk."""

    max_duration: _Text | None = None
    """Longest window as an ISO 8601 duration; at most, and by default, half the period."""

    null_model: Literal["auto", "poisson", "negative-binomial"] = "auto"
    """What a map without clusters looks like; auto: with a population negative-binomial, risks that differ as
    those of ordinary cells do; without one permuted dates. poisson, with a population: the same risk in every
    cell, so that any difference in risk counts as a cluster."""

    fold: bool = True
    """Whether cases at one place in one bin count once: several records of one event are no cluster."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """Family-wise level at which a cluster is called significant."""

    simulations: int = Field(default=999, ge=99, le=99_999)
    """Simulated maps."""

    max_clusters: int = Field(default=20, ge=1, le=200)
    """Most clusters to tell, the most likely first."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the simulated maps."""

    roads: _Text | None = None
    """Id of a roads layer: streets that name the clusters."""

    significant: bool = False
    """Return only clusters whose p is at or below alpha."""


class CellsInputs(IncidentInputs):
    """Inputs of `cells`."""

    LAYER_KINDS = {
        "layer": ("incidents",),
        "incidents": ("incidents",),
        "boundary": ("boundary",),
        "population": ("population",),
        "samples": ("samples",),
        "sewersheds": ("sewersheds",),
        "coverage": ("coverage",),
        "areas": ("boundary", "coverage", "population", "sewersheds"),
        "locations": ("population", "coverage"),
    }

    incidents: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Ids of further incident layers, each with its own columns; `category` selects from `layer` alone."""

    samples: _Text | None = None
    """Id of a layer of wastewater samples: level and state of each analyte in the cell's sewershed."""

    sewersheds: _Text | None = None
    """Id of the sewershed layer that `samples` belong to."""

    analyte: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Analytes of `samples`; all by default."""

    coverage: _Text | None = None
    """Id of a broadband coverage layer: locations, unserved and underserved per cell."""

    rules: _Text = "bead-2024"
    """Rule set of `coverage`, where it is availability data."""

    areas: _Text | None = None
    """Id of a layer with the areas that the codes of `coverage` name."""

    locations: _Text | None = None
    """Id of a population or coverage layer that gives the denominators of `coverage`."""

    @model_validator(mode="after")
    def _together(self) -> "CellsInputs":
        if (self.samples is None) != (self.sewersheds is None):
            raise ValueError(
                "samples and sewersheds are needed together: cells know samples by their sewershed"
            )
        if self.coverage is None and (self.areas or self.locations):
            raise ValueError("areas and locations belong to coverage, which is not named")
        if self.samples is None and self.analyte:
            raise ValueError("analyte belongs to samples, which is not named")
        return self

    def incident_layers(self) -> list[str]:
        """Return the layer and the further ones, each once."""
        return list(dict.fromkeys([self.layer, *self.incidents]))


class CorridorsInputs(LayerInputs):
    """Inputs of `corridors`."""

    LAYER_KINDS = {"layer": ("incidents",), "roads": ("roads",), "boundary": ("boundary",)}

    roads: _Text
    """Id of a roads layer, on the command line also a file: the streets on which corridors are looked for."""

    datetime: _Interval = None
    """RFC 3339 interval (a/b, a/.., ../b) or date: selects crashes; dates are local days."""

    category: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Categories to select; a value ending in || stands for all below it."""

    bbox: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_as_box)] = None
    """west, south, east, north in degrees: selects crashes and cuts the network."""

    boundary: _Text | None = None
    """Id of a boundary layer: crashes and roads outside take no part."""

    travel_mode: Literal["pedestrian", "bicycle", "motor vehicle"] | None = None
    """Only crashes that involve this mode; what is expected is fitted to them."""

    select: Literal["scan", "excess"] = "scan"
    """scan: stretches that stand out against chance, each with a family-wise p; excess: the stretches with
    the largest excess that together make up length_share of the network."""

    excess_over: Literal["network", "kind"] = "network"
    """What select=excess gathers an excess over; network: what an average street of that length holds, which
    chooses the stretches that will hold most crashes; kind: what the street's kind and traffic explain."""

    length_share: float = Field(default=0.10, gt=0, le=1, allow_inf_nan=False)
    """Share of the analysed network that select=excess chooses."""

    measure: Annotated[_Text | dict[_Text, _Weight], BeforeValidator(_as_measure)] = "all"
    """Crashes that count: all, injury (K, A, B, C) or ksi (K, A); with select=excess also the name of a
    weight table, or weights of K, A, B, C and O."""

    null_model: Literal["nb", "poisson"] = "nb"
    """What a network without corridors looks like; nb: risks differ from piece to piece and from block to
    block as ordinary ones do; poisson: they do not, so that any difference counts as a corridor."""

    min_length_m: float = Field(default=400.0, ge=50, le=50_000, allow_inf_nan=False)
    """Shortest corridor in metres."""

    max_length_m: float = Field(default=5000.0, ge=50, le=50_000, allow_inf_nan=False)
    """Longest corridor in metres, as it is looked for; found ones that all but touch are joined."""

    tolerance_m: float = Field(default=25.0, gt=0, le=500, allow_inf_nan=False)
    """Metres from a road within which a crash belongs to it."""

    simulations: int = Field(default=999, ge=99, le=99_999)
    """Simulated networks without corridors."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """Family-wise level at which a corridor is called significant."""

    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Seed of the simulated networks."""

    train: _Interval = None
    """Interval or date whose crashes corridors are looked for in; needs `test`."""

    test: _Interval = None
    """Later interval or date: the diagnostics tell which share of its crashes the corridors hold."""

    epdo_table: _Text = "fhwa-2024"
    """Weight table of the score `epdo`; K and A are pooled in it."""

    severity_scale: _Text | None = None
    """What numbers in the severity column mean, such as 1-5-worst-first or 1-3-worst-first."""

    significant: bool = False
    """Return only corridors whose p is at or below alpha."""

    output: Literal["corridors", "segments", "intersections", "unmatched", "ambiguous"] = "corridors"
    """The corridors, every piece of road with its figures, single places that stand out, or the crashes that
    belong to no road or to more than one."""

    @model_validator(mode="after")
    def _together(self) -> "CorridorsInputs":
        if (self.train is None) != (self.test is None):
            raise ValueError("train and test are needed together: one to look in, the other to check by")
        if self.min_length_m > self.max_length_m:
            raise ValueError(
                f"min_length_m must not be above max_length_m, got {self.min_length_m:g} and"
                f" {self.max_length_m:g}"
            )
        if isinstance(self.measure, dict) or self.measure not in ("all", "injury", "ksi"):
            self._check_weights()
        weights(self.epdo_table)
        if self.severity_scale is not None and self.severity_scale not in NUMBER_SCALES:
            raise ValueError(
                f"severity_scale needs one of {', '.join(NUMBER_SCALES)}, got {self.severity_scale!r}"
            )
        return self

    def _check_weights(self) -> None:
        if isinstance(self.measure, str) and self.measure not in EPDO_TABLES:
            raise ValueError(
                f"measure needs all, injury, ksi or, with select=excess, one of {', '.join(EPDO_TABLES)} or"
                f" weights; got {self.measure!r}"
            )
        weights(self.measure)
        if self.select == "scan":
            raise ValueError(
                "measure needs all, injury or ksi with select=scan: weights rank (select=excess), they are"
                " never tested"
            )


class SurveillanceInputs(LayerInputs):
    """Inputs of `surveillance`."""

    LAYER_KINDS = {"layer": ("samples",), "sewersheds": ("sewersheds",)}

    sewersheds: _Text | None = None
    """Id of a sewershed layer: its polygons carry the findings, its population completes the samples'."""

    analyte: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Analytes to watch; all of the layer by default. Case and blanks do not count."""

    datetime: _Interval = None
    """RFC 3339 interval (a/b, a/.., ../b) or date: selects samples by start; dates are local days."""

    method: Literal["moderated", "prediction", "robust", "farrington", "ears-c1", "ears-c2", "ears-c3"] = (
        "moderated"
    )
    """How the latest campaign is judged: t prediction interval, with variances that inform each other
    (moderated) or not (prediction); median and median deviation (robust); line in time (farrington); EARS."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """False discovery rate of the alarms."""

    side: Literal["hot", "cold", "both"] = "hot"
    """Whether rises, falls or either raise an alarm."""

    measure: Literal["auto", "load", "concentration"] = "auto"
    """What is tested; auto: the load for 1,000 people where at least 80 % of a series' samples have one."""

    nondetect: Literal["limit/sqrt2", "limit/2", "limit"] = "limit/sqrt2"
    """What stands for a value below its limit."""

    correction: Literal["analyte", "all"] = "analyte"
    """Series over which q is computed: those of one analyte, or all."""

    min_baseline: int = Field(default=8, ge=3, le=1000)
    """Fewest campaigns of a baseline (EARS has 7 by its definition)."""

    guard: int = Field(default=2, ge=0, le=100)
    """Campaigns just before the latest that its baseline leaves out."""

    lookback_days: int = Field(default=730, ge=1, le=36_525)
    """How far back baseline, trend and activity level look."""

    trend_campaigns: int = Field(default=8, ge=5, le=1000)
    """Latest campaigns in the trend."""

    gap_days: int = Field(default=2, ge=1, le=365)
    """Days without a sample that end a campaign."""

    max_days: int = Field(default=7, ge=1, le=366)
    """Longest campaign: samples without such a gap are cut after so many days."""

    stale_days: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Days behind the newest sample of the layer after which a series is stale and raises no alarm; auto:
    2.5 times its usual interval, 14 or more."""

    exclude_quality: Annotated[list[_Text], BeforeValidator(_as_list)] = []
    """Values of the samples' quality to leave out."""

    significant: bool = False
    """Return only series with an alarm."""

    output: Literal["alerts", "series"] = "alerts"
    """The latest state of every series, or every sample with its campaign and limit."""


class PriorityInputs(GridInputs):
    """Inputs of `priority`."""

    LAYER_KINDS = {"boundary": ("boundary",)}
    ANALYSIS_FIELDS = ("inputs",)

    inputs: Annotated[dict[_Text, _Text], BeforeValidator(_as_roles)] = Field(min_length=1, max_length=62)
    """Role → id of a published analysis (hotspots, gaps, surveillance). A list of ids takes them as roles."""

    weights: Annotated[dict[_Text, _Weight], BeforeValidator(_as_weights)] = {}
    """Role → weight, 0 or more; 1 where none is given. Only their ratios count; 0 leaves an input out."""

    significant: bool = False
    """Return only cells in which at least one input is significant on its own."""

    min_agreement: int = Field(default=0, ge=0, le=62)
    """Return only cells in which at least so many inputs are significant on their own."""

    @model_validator(mode="before")
    @classmethod
    def _roles_as_inputs(cls, given: Any) -> Any:
        """Take roles also where the inputs stand: `{"crashes": "crash-hotspots"}` without `inputs` around."""
        if not isinstance(given, Mapping) or "inputs" in given:
            return given
        roles = {
            name: one for name, one in given.items() if name not in cls.model_fields and isinstance(one, str)
        }
        rest = {name: one for name, one in given.items() if name not in roles}
        return {**rest, "inputs": roles} if roles else given

    @model_validator(mode="after")
    def _weights_of_roles(self) -> "PriorityInputs":
        if unknown := set(self.weights) - set(self.inputs):
            raise ValueError(f"weights needs the roles {', '.join(self.inputs)}, got {min(unknown)!r}")
        if not any(self.weight_of(role) > 0 for role in self.inputs):
            raise ValueError("weights needs one above 0, got none")
        return self

    def weight_of(self, role: str) -> float:
        """Return the weight of an input."""
        return self.weights.get(role, 1.0)


class GapsInputs(GridInputs, LayerInputs):
    """Inputs of `gaps`."""

    LAYER_KINDS = {
        "layer": ("coverage",),
        "boundary": ("boundary",),
        "areas": ("boundary", "coverage", "population", "sewersheds"),
        "locations": ("population", "coverage"),
    }

    areas: _Text | None = None
    """Id of a layer with the areas that the codes of a table name; its ids are these codes."""

    locations: _Text | None = None
    """Id of a population or coverage layer that gives the denominators: homes, or locations in all."""

    rules: _Text = "bead-2024"
    """Rule set by which availability data are counted: what is served, underserved and unserved."""

    k: Annotated[_Ring | Literal["auto"], BeforeValidator(_as_ring)] = "auto"
    """Ring of the disk, 1 to 10, and steps between areas; auto combines 1, 2 and 3 (areas: 0 and 1)."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """False discovery rate at which a share is called hot (more unserved) or cold."""

    side: Literal["hot", "cold", "both"] = "hot"
    """Which departures are looked for."""

    kernel: Literal["uniform"] = "uniform"
    """Weight of a neighbour by its ring; with denominators all weigh alike."""

    significant: bool = False
    """Return only cells and areas whose class is hot or cold."""

    output: Literal["cells", "areas"] = "cells"
    """One feature per cell of the study area, or the source areas."""


def instants(text: str | None, timezone: str) -> tuple[datetime | None, datetime | None]:
    """Return the two ends of an interval; a date without time is a day of the layer's timezone."""
    if text is None:
        return None, None
    parts = text.split("/")
    first, last = parts[0], parts[-1]
    return _instant(first, timezone, is_end=False), _instant(last, timezone, is_end=True)


def _instant(text: str, timezone: str, *, is_end: bool) -> datetime | None:
    if text in ("", ".."):
        return None
    try:
        return _bound(text, timezone, is_end=is_end)
    except OverflowError:
        return _LAST if text.startswith("9") else _FIRST


def _bound(text: str, timezone: str, *, is_end: bool) -> datetime | None:
    if _DATE.fullmatch(text):
        day = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone))
        if not is_end:
            return day.astimezone(UTC)
        following = (day + timedelta(days=1)).replace(tzinfo=ZoneInfo(timezone))
        return following.astimezone(UTC) - timedelta(microseconds=1)
    moment = parse_datetime(text).end if is_end else parse_datetime(text).start
    return None if moment is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)

"""Crashes as the safety corridors need them: one row each, with severity, modes and the street reported.

Person and vehicle rows are folded into crashes here; labels are read by `models.severity_labels`. Where a
crash belongs on the network is decided elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from data.engine import Selection, incident_rows, totals
from data.store import Layer, Store
from models.errors import InvalidParameter
from models.severity import Folded, fold, severities_of_counts
from models.severity_labels import LabelRead, Severities, severities
from service.analyses.gridded import boundary_outline
from service.corridors.crash_columns import (
    CRASH_ID,
    INJURED_AND_KILLED,
    INVOLVED,
    PEOPLE,
    all_named,
    columns_of,
    first_named,
    injured_and_killed,
    is_yes,
    named_values,
    number_of,
)
from service.corridors.modes import MODES, modes
from service.parameters import CorridorsInputs, instants

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

_COLUMNS = (*("id", "lng", "lat", "time", "severity", "street", "mode", "attributes"),)
# Rows of one crash lie at one place on one day; ids of which more than this share do not are no crash ids.
_MOST_APART = 0.1
_APART_DEGREES = 0.01
_ONE_DAY = np.timedelta64(1, "D")
_MOST_TOLD = 10


@dataclass(frozen=True)
class Crashes:
    """Crashes in the order of their ids, arrays of one length, and what became of the rows.

    `severity_source` is ``labels``, ``counts`` or None where the layer tells no severity (all are U then).
    `time` is NaT where it is not known. `told` are diagnostics, `notes` sentences.
    """

    id: Objects
    lng: Floats
    lat: Floats
    time: npt.NDArray[np.datetime64]
    severity: npt.NDArray[np.str_]
    street: Objects
    severity_source: str | None
    told: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.id)

    def within(self, interval: str, timezone: str) -> Mask:
        """Return which crashes lie in an interval; those without a time lie in none."""
        start, end = instants(interval, timezone)
        inside = ~np.isnat(self.time)
        if start is not None:
            inside &= self.time >= np.datetime64(start.replace(tzinfo=None), "us")
        if end is not None:
            inside &= self.time <= np.datetime64(end.replace(tzinfo=None), "us")
        return inside


@dataclass
class _Rows:
    """The selected rows by id, and the attributes that are looked into."""

    table: pa.Table
    columns: list[str]
    texts: Sequence[str | None]

    def column(self, name: str) -> npt.NDArray[Any]:
        return np.asarray(self.table[name].to_numpy(zero_copy_only=False))

    def attributes(self, names: Sequence[str]) -> dict[str, list[object]]:
        return named_values(self.texts, names)


def crashes_of(store: Store, layer: Layer, inputs: CorridorsInputs) -> Crashes:
    """Return the selected crashes.

    Raises
    ------
    InvalidParameter
        If a mode or a severity is asked for that the layer does not tell.
    """
    rows, told, notes = _selected(store, layer, inputs)
    severity, source = _severity(rows, inputs, told, notes)
    folded = _folded(rows, severity, told, notes)
    keep = _of_mode(rows, folded, inputs, layer, told, notes)
    if source is None and len(rows.texts):
        _require_none_asked(inputs, layer)
        notes.append("no severity is known: every crash counts as of unknown severity (U)")
    first = folded.first_row[keep]
    order = first[np.argsort(first, kind="stable")]
    codes = folded.severity[folded.crash[order]]
    found = Crashes(
        id=rows.column("id")[order].astype(object),
        lng=rows.column("lng")[order].astype(np.float64),
        lat=rows.column("lat")[order].astype(np.float64),
        time=_times(rows)[order],
        severity=codes,
        street=rows.column("street")[order].astype(object),
        severity_source=source,
        told=told,
        notes=notes,
    )
    told["crashes"] = len(found)
    return found


def _selected(store: Store, layer: Layer, inputs: CorridorsInputs) -> tuple[_Rows, dict[str, Any], list[str]]:
    """Return the rows that datetime, category, bbox and boundary select, in the order of their ids."""
    selection = Selection(*instants(inputs.datetime, layer.timezone), tuple(inputs.category), inputs.bbox)
    found = totals(store, layer, selection)
    table = incident_rows(store, layer, selection, _COLUMNS).sort_by("id")
    told: dict[str, Any] = {
        "rows": found["rows"],
        "rows_selected": found["selected"],
        "rows_without_time": found["without_time"],
        "rows_with_coarse_time": found["coarse_time"],
        "timezone": layer.timezone,
    }
    notes: list[str] = []
    if inputs.boundary:
        outline = boundary_outline(store, inputs.boundary)
        inside = shapely.intersects_xy(outline, table["lng"].to_numpy(), table["lat"].to_numpy())
        told["outside_boundary"] = int((~inside).sum())
        table = table.filter(pa.array(inside))
    if found["fractional_weight"]:
        notes.append("the layer's weight is not used: every crash counts once")
    texts = table["attributes"].to_pylist()
    return _Rows(table, columns_of(texts), texts), told, notes


def _times(rows: _Rows) -> npt.NDArray[np.datetime64]:
    """Return times in UTC; NaT where none is known, the first instant of what is known only to the month."""
    return np.asarray(rows.table["time"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]"))


def _severity(
    rows: _Rows, inputs: CorridorsInputs, told: dict[str, Any], notes: list[str]
) -> tuple[npt.NDArray[np.str_], str | None]:
    """Return the code of every row: by its label, else by the people hurt; and which of them spoke."""
    read = severities(rows.table["severity"].to_pylist(), numbers=inputs.severity_scale)
    by_count, columns = _by_people(rows)
    if not (read.codes != "U").any() and columns:
        source: str | None = "counts"
        codes = by_count
        told["severity_columns"] = columns
    else:
        source = "labels" if (read.codes != "U").any() else None
        codes = np.where((read.codes == "U") & (by_count != "U"), by_count, read.codes)
        _tell_labels(read, told, notes)
    told["severity_source"] = source
    return codes, source


def _tell_labels(read: Severities, told: dict[str, Any], notes: list[str]) -> None:
    """Tell what the labels were taken for, and those that were not understood."""
    told["severity_labels"] = {
        one.label: one.code for one in read.labels[:50] if one.label and one.reason not in ("unknown",)
    }
    unread = read.not_understood
    told["unknown_severity_labels"] = {one.label: one.n for one in unread[:_MOST_TOLD]}
    if unread:
        notes.append(_not_understood(unread))
    vague = sum(one.n for one in read.labels if one.reason == "degree not said")
    if vague:
        notes.append(f"{vague:,} rows say injured but not how badly: taken for possible injury (C)")


def _not_understood(unread: Sequence[LabelRead]) -> str:
    """Return the sentence about labels that no rule reads."""
    labels = ", ".join(repr(one.label) for one in unread[:3])
    scale = "; severity_scale says what numbers mean" if any(one.reason == "number" for one in unread) else ""
    return (
        f"{sum(one.n for one in unread):,} rows have a severity that was not understood ({labels}"
        f"{', …' if len(unread) > 3 else ''}) and count as unknown (U){scale}"
    )


def _by_people(rows: _Rows) -> tuple[npt.NDArray[np.str_], dict[str, str]]:
    """Return codes by the numbers of people hurt, U where none are told, and the columns that tell."""
    columns = {
        degree: name for degree, aliases in PEOPLE.items() if (name := first_named(rows.columns, aliases))
    }
    pairs = first_named(rows.columns, INJURED_AND_KILLED)
    if "killed" not in columns and pairs:
        both = [injured_and_killed(one) for one in rows.attributes([pairs])[pairs]]
        injured, killed = np.array(both, dtype=np.float64).reshape(-1, 2).T
        return severities_of_counts(killed, injured=injured), {"injured and killed": pairs}
    if not columns or ("killed" not in columns and "injured" not in columns and "serious" not in columns):
        return np.full(len(rows.texts), "U", dtype="<U1"), {}
    values = rows.attributes(list(columns.values()))
    counts = {
        degree: np.array([number_of(one) for one in values[name]], dtype=np.float64)
        for degree, name in columns.items()
    }
    codes = severities_of_counts(
        counts.get("killed", np.full(len(rows.texts), np.nan)),
        serious=counts.get("serious"),
        minor=counts.get("minor"),
        possible=counts.get("possible"),
        injured=counts.get("injured"),
    )
    return codes, columns


def _folded(rows: _Rows, severity: npt.NDArray[np.str_], told: dict[str, Any], notes: list[str]) -> Folded:
    """Fold rows of one crash into it, where a column says which rows these are."""
    told["folded_rows"] = 0
    alone = fold([None] * len(rows.texts), severity)
    for column, ids in rows.attributes(all_named(rows.columns, CRASH_ID)).items():
        crashes = fold(ids, severity)
        if not crashes.n_folded:
            continue
        if _share_apart(rows, crashes) > _MOST_APART:
            notes.append(
                f"column {column!r} repeats, but over places or days: rows were not folded into crashes by it"
            )
            continue
        told |= {"folded_rows": crashes.n_folded, "crash_id_column": column}
        notes.append(
            f"{crashes.n_rows:,} rows were folded into {len(crashes.severity):,} crashes by {column!r}: each"
            " crash has the severity of its worst row"
        )
        return crashes
    return alone


def _share_apart(rows: _Rows, crashes: Folded) -> float:
    """Return which share of the crashes of several rows lies at several places or on several days."""
    crash, first = crashes.crash, crashes.first_row
    lng, lat, time = rows.column("lng"), rows.column("lat"), _times(rows)
    apart = (np.abs(lng - lng[first][crash]) > _APART_DEGREES) | (
        np.abs(lat - lat[first][crash]) > _APART_DEGREES
    )
    with np.errstate(invalid="ignore"):
        apart |= np.abs(time - time[first][crash]) > _ONE_DAY
    several = crashes.n_rows_each > 1
    is_apart = np.bincount(crash, apart, len(several)) > 0
    return float(is_apart[several].mean()) if several.any() else 0.0


def _of_mode(
    rows: _Rows,
    folded: Folded,
    inputs: CorridorsInputs,
    layer: Layer,
    told: dict[str, Any],
    notes: list[str],
) -> Mask:
    """Return which crashes involve the mode that is asked for; all where none is."""
    mode = inputs.travel_mode
    told["travel_mode"] = mode
    if mode is None:
        return np.ones(len(folded.severity), dtype=np.bool_)
    involved, is_told = _involved(rows, mode, told, notes)
    if not is_told:
        raise InvalidParameter(
            f"travel_mode={mode} needs crashes that tell who took part (a column such as mode, or one of"
            f" {mode}s involved); {layer.id!r} has none"
        )
    keep = np.bincount(folded.crash, involved, len(folded.severity)) > 0
    told["other_modes"] = int((~keep).sum())
    return keep


def _involved(
    rows: _Rows, mode: str, told: dict[str, Any], notes: list[str]
) -> tuple[npt.NDArray[np.float64], bool]:
    """Return which rows involve a mode, and whether the layer tells modes at all."""
    read = modes(rows.table["mode"].to_pylist())
    involved = np.array([mode in one for one in read.involved], dtype=np.float64)
    told["unknown_mode_labels"] = dict(list(read.not_understood.items())[:_MOST_TOLD])
    if read.not_understood:
        notes.append(
            f"{sum(read.not_understood.values()):,} rows have a mode that was not understood"
            f" ({', '.join(map(repr, list(read.not_understood)[:3]))}): they count for none"
        )
    if read.other_is_motor:
        notes.append(f"mode 'other' was taken for {MODES[-1]}")
    if read.is_known:
        return involved, True
    columns = all_named(rows.columns, INVOLVED[mode])
    answers = {name: [is_yes(one) for one in found] for name, found in rows.attributes(columns).items()}
    for found in answers.values():
        involved = np.maximum(involved, np.array([one is True for one in found], dtype=np.float64))
    if columns:
        told["mode_columns"] = columns
    return involved, any(one is not None for found in answers.values() for one in found)


def _require_none_asked(inputs: CorridorsInputs, layer: Layer) -> None:
    """Refuse questions about severity where none is known."""
    if inputs.measure == "all":
        return
    asked = inputs.measure if isinstance(inputs.measure, str) else "weights"
    raise InvalidParameter(
        f"measure={asked} needs crashes with a severity that is understood (labels, numbers whose meaning"
        f" severity_scale says, or how many were killed and injured); {layer.id!r} has none: measure=all"
        " counts every crash"
    )

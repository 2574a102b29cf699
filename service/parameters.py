"""Parameters of the methods: names, bounds and defaults, as a request or `--param name=value` gives them.

One schema per method; the HTTP description of a process and the command line both come from it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from service.errors import InvalidParameter
from service.times import parse_datetime

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_box(value: Any) -> Any:
    """Take ``west,south,east,north`` as text, as a query parameter has it."""
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value.strip()) if part]
    return value


def _as_ring(value: Any) -> Any:
    """Take the ring as a number where text came."""
    return int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdigit() else value


class SharedInputs(BaseModel):
    """Inputs that every method on cells takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    layer: str
    """Id of the incident layer."""

    resolution: int = Field(default=9, ge=5, le=12)
    """H3 resolution of the cells."""

    datetime: str | None = None
    """RFC 3339 interval (a/b, a/.., ../b) or date: selects incidents; dates are local days."""

    category: Annotated[list[str], BeforeValidator(_as_list)] = []
    """Categories to select; a value ending in || stands for all below it."""

    bbox: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_as_box)] = None
    """west, south, east, north in degrees: selects incidents and cuts the study area."""

    boundary: str | None = None
    """Id of a boundary layer: the study area. By default it is derived from the data."""

    significant: bool = False
    """Return only cells whose class is hot or cold."""

    @field_validator("datetime")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            parse_datetime(text)
        return text

    @field_validator("bbox")
    @classmethod
    def _box(cls, box: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if box is not None:
            west, south, east, north = box
            if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
                raise ValueError(
                    f"bbox needs west,south,east,north in degrees with south <= north, got {box}"
                )
        return box


class HotspotInputs(SharedInputs):
    """Inputs of `hotspots`."""

    k: Annotated[int | Literal["auto"], BeforeValidator(_as_ring)] = "auto"
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

    seed: int = Field(default=0, ge=0)
    """Seed of the random numbers, where any are drawn."""

    population: str | None = None
    """Id of a population layer: denominator."""

    roads: str | None = None
    """Id of a roads layer: streets that name the areas."""

    output: Literal["cells", "areas"] = "cells"
    """One feature per cell of the study area, or the connected significant areas."""

    @field_validator("k")
    @classmethod
    def _ring(cls, k: int | str) -> int | str:
        if isinstance(k, int) and not 1 <= k <= 10:
            raise ValueError(f"k needs 1 to 10 or auto, got {k}")
        return k


class CellsInputs(SharedInputs):
    """Inputs of `cells`."""


INPUTS: dict[str, type[SharedInputs]] = {"hotspots": HotspotInputs, "cells": CellsInputs}


def inputs_of(method: str, given: Mapping[str, Any]) -> SharedInputs:
    """Return the method's inputs, checked; raise `InvalidParameter` with one entry per field."""
    try:
        return INPUTS[method].model_validate(dict(given))
    except ValidationError as err:
        entries = [
            {"field": ".".join(map(str, e["loc"])) or "inputs", "detail": _words(e)} for e in err.errors()
        ]
        first = "; ".join(f"{entry['field']}: {entry['detail']}" for entry in entries)
        known = ", ".join(INPUTS[method].model_fields)
        unknown = any(e["type"] == "extra_forbidden" for e in err.errors())
        hint = f" (inputs of {method}: {known})" if unknown else ""
        raise InvalidParameter(f"{method} cannot take this: {first}{hint}", entries) from err


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
    if _DATE.fullmatch(text):
        day = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone))
        following = (day + timedelta(days=1)).replace(tzinfo=ZoneInfo(timezone))
        return (following.astimezone(UTC) - timedelta(microseconds=1)) if is_end else day.astimezone(UTC)
    moment = parse_datetime(text).end if is_end else parse_datetime(text).start
    return None if moment is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such input"
    if error["type"] == "missing":
        return "is needed"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}, got {error['input']!r}"

"""A made town of straight streets with one corridor, for the map page."""

from typing import Any

from tests.e2e.fixtures import CENTER, City, Feature, FixtureService

ANALYSIS = "town-corridors"
_STEP = 0.002
_N = 12
#: Row of the grid, and its pieces, that the corridor lies on.
ROW, FIRST, LAST = 6, 3, 8


class StreetService(FixtureService):
    """The fixture service with corridors beside its hotspots."""

    def __init__(self) -> None:
        super().__init__({"crash-hotspots": City()})
        self.collections[ANALYSIS] = lambda: [corridor()]
        self.collections[f"{ANALYSIS}.segments"] = pieces
        self.collections[f"{ANALYSIS}.intersections"] = list

    def _describe(self, name: str) -> dict[str, Any]:
        method = {"method": "corridors"} if name.startswith(ANALYSIS) else {}
        return super()._describe(name) | method


def corridor() -> Feature:
    """Return the corridor: five pieces of a street that runs west to east."""
    properties = {
        "rank": 1, "name": "Rural Road", "class": "primary", "from_street": "E 3rd St",
        "to_street": "E 8th St", "length_m": 2100.0, "incidents": 34, "ksi": 3,
        "expected": 14.0, "excess": 17.0, "relative_risk": 2.4, "rr_low": 1.7,
        "rr_high": 3.4, "p": 0.002, "p_source": "monte-carlo", "ksi_share": 0.12,
        "length_share": 0.01, "stability": 0.92, "exposure": "aadt", "null_model": "nb",
        "words": "2.1 km of Rural Road: 34 crashes where 14 would be expected; p = .002",
    }  # fmt: skip
    return _line("c0ffee", place(ROW, FIRST), place(ROW, LAST), properties)


def pieces() -> list[Feature]:
    """Return all pieces of the streets, west to east and south to north."""
    east = [_piece("e", row, at, place(row, at), place(row, at + 1)) for row in range(_N) for at in range(_N)]
    north = [
        _piece("n", row, at, place(at, row), place(at + 1, row)) for row in range(_N) for at in range(_N)
    ]
    return east + north


def place(row: float, at: float) -> tuple[float, float]:
    """Return longitude and latitude of a place of the grid."""
    lat, lng = CENTER
    return lng + (at - _N / 2) * _STEP, lat + (row - _N / 2) * _STEP


def _piece(way: str, row: int, at: int, start: tuple[float, float], end: tuple[float, float]) -> Feature:
    on_it = way == "e" and row == ROW and FIRST <= at < LAST
    # A few others have some excess too, so that every colour is there.
    excess = (
        3.0
        if on_it and at < FIRST + 2
        else 1.5
        if on_it or (row, at) == (2, 2)
        else 0.5
        if row == 3
        else -0.1
    )
    properties = {
        "name": "Rural Road" if way == "e" and row == ROW else None, "class": "primary", "length_m": 180.0,
        "incidents": 7 if on_it else 1, "predicted": 2.8, "expected": 2.8 + excess, "excess": excess,
        "density_km": 30.0, "aadt": 21_000.0, "corridor": 1 if on_it else None,
    }  # fmt: skip
    return _line(f"{way}{row}-{at}", start, end, properties)


def _line(
    fid: str, start: tuple[float, float], end: tuple[float, float], properties: dict[str, Any]
) -> Feature:
    geometry = {"type": "LineString", "coordinates": [list(start), list(end)]}
    return {"type": "Feature", "id": fid, "geometry": geometry, "properties": properties}

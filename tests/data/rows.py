"""Made incident rows for tests of the store and the engine."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import h3
import pyarrow as pa

from data.records import INCIDENT_SCHEMA, REJECT_SCHEMA, CleanBatch, ReadReport

PLACE = (-111.93, 33.42)


class MadeSource:
    """A clean source of ready rows; `fails_after` batches it raises, as a broken file does."""

    def __init__(
        self,
        rows: Sequence[dict[str, object]],
        *,
        rejects: int = 0,
        batch_size: int = 1000,
        fails_after: int | None = None,
        failure: Exception | None = None,
    ) -> None:
        self.rows = rows
        self.n_rejects = rejects
        self.batch_size = batch_size
        self.fails_after = fails_after
        self.failure = failure or ValueError("the file ends in the middle")
        self.report = ReadReport(format="made", n_rows=len(rows) + rejects, columns={"id": "id"})

    def batches(self) -> Iterator[CleanBatch]:
        starts = range(0, max(len(self.rows), 1), self.batch_size)
        for number, start in enumerate(starts):
            if self.fails_after is not None and number >= self.fails_after:
                raise self.failure
            part = self.rows[start : start + self.batch_size]
            yield CleanBatch(incident_table(part, start), reject_table(self.n_rejects if start == 0 else 0))


def incident(
    lng: float = PLACE[0],
    lat: float = PLACE[1],
    *,
    time: str | None = "2024-03-01T12:00:00",
    source_id: str | None = None,
    category: str | None = "EMS",
    **more: object,
) -> dict[str, object]:
    """Return one made row."""
    return {
        "source_id": source_id,
        "time": datetime.fromisoformat(time).replace(tzinfo=UTC) if time else None,
        "time_precision": "second" if time else None,
        "lng": lng,
        "lat": lat,
        "category": category,
        **more,
    }


def incident_table(rows: Sequence[dict[str, object]], first: int = 0) -> pa.Table:
    """Return rows in the canonical schema, indexed with h3-py (another road than the product's)."""
    full = [
        {
            "row": first + number + 1,
            "cell15": int(h3.latlng_to_cell(row["lat"], row["lng"], 15), 16),
            **row,
        }
        for number, row in enumerate(rows)
    ]
    columns = {name: [row.get(name) for row in full] for name in INCIDENT_SCHEMA.names}
    return pa.table(columns, schema=INCIDENT_SCHEMA)


def reject_table(count: int) -> pa.Table:
    """Return made rejects."""
    return pa.table(
        {
            "row": list(range(1, count + 1)),
            "reason": ["no_coordinate"] * count,
            "detail": ["no coordinate"] * count,
            "original": ["a,b"] * count,
        },
        schema=REJECT_SCHEMA,
    )

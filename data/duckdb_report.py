"""What only the store can see of an upload once its rows are in: here times far from the others."""

import duckdb

#: Times beyond the quartiles by three times what lies between them (Tukey's outer fence), a year at least …
_MARGIN = "greatest(3 * (late - early), INTERVAL 365 DAY)"

#: … are strays as long as they are few: this share of the rows, or this many.
_FEW_SHARE = 0.01
_FEW = 3


def stray_times(
    connection: duckdb.DuckDBPyConnection, table: str, ingest: int, notes: list[str], column: str = "time"
) -> dict[str, int]:
    """Return how many rows of an upload have a time far from the rest: a mistyped year, most often."""
    row = connection.execute(
        f"""
        WITH rows AS (
            SELECT "{column}" AS time FROM {table} WHERE ingest = $1 AND "{column}" IS NOT NULL),
        middle AS (SELECT quantile_disc(time, 0.25) AS early, quantile_disc(time, 0.75) AS late FROM rows),
        judged AS (SELECT time, time < early - {_MARGIN} OR time > late + {_MARGIN} AS far FROM rows, middle)
        SELECT count(*), count_if(far), min(time) FILTER (far), max(time) FILTER (far),
            min(time) FILTER (NOT far), max(time) FILTER (NOT far)
        FROM judged
        """,
        [ingest],
    ).fetchone()
    if row is None or not row[1] or row[1] > max(_FEW, _FEW_SHARE * row[0]):
        return {}
    _, number, first, last, low, high = row
    when = f"{first:%Y-%m-%d}" if number == 1 else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    notes.append(
        f"{number:,} row{'s' if number > 1 else ''} with a time far from the rest ({when}; the others from"
        f" {low:%Y-%m-%d} to {high:%Y-%m-%d}): a mistyped year? They were kept"
    )
    return {"time.far": int(number)}

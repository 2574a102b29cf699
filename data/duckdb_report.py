"""What only the store can see of an upload once its rows are in: here times far from the others."""

import duckdb

#: A time is far from the rest when it lies further outside the central 99.8 % than they span, and a year.
_MARGIN = "greatest(high - low, INTERVAL 365 DAY)"


def stray_times(
    connection: duckdb.DuckDBPyConnection, table: str, ingest: int, notes: list[str]
) -> dict[str, int]:
    """Return how many rows of an upload have a time far from the rest: a mistyped year, most often."""
    row = connection.execute(
        f"""
        WITH rows AS (SELECT time FROM {table} WHERE ingest = $1 AND time IS NOT NULL),
        middle AS (SELECT quantile_disc(time, 0.001) AS low, quantile_disc(time, 0.999) AS high FROM rows),
        far AS (SELECT time FROM rows, middle WHERE time < low - {_MARGIN} OR time > high + {_MARGIN})
        SELECT (SELECT count(*) FROM far), (SELECT min(time) FROM far), (SELECT max(time) FROM far), low, high
        FROM middle
        """,
        [ingest],
    ).fetchone()
    if row is None or not row[0]:
        return {}
    number, first, last, low, high = row
    when = f"{first:%Y-%m-%d}" if number == 1 else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    notes.append(
        f"{number:,} row{'s' if number > 1 else ''} with a time far from the rest ({when}; most lie from"
        f" {low:%Y-%m-%d} to {high:%Y-%m-%d}): a mistyped year? They were kept"
    )
    return {"time.far": int(number)}

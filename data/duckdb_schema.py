"""The tables of a DuckDB store. Only names and types live here."""

#: Grows with every change of the tables; a store of another version is refused in words. A table that may
#: be missing or lost without harm (memories) is no such change.
SCHEMA_VERSION = "1"

TABLES = """
CREATE TABLE IF NOT EXISTS store_meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE SEQUENCE IF NOT EXISTS layer_key;
CREATE SEQUENCE IF NOT EXISTS ingest_key;
CREATE TABLE IF NOT EXISTS layers (
    id VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, title VARCHAR NOT NULL, timezone VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL, n_rows BIGINT NOT NULL, data_version BIGINT NOT NULL,
    data_digest VARCHAR NOT NULL, data_time TIMESTAMP NOT NULL,
    west DOUBLE, south DOUBLE, east DOUBLE, north DOUBLE,
    first_time TIMESTAMP, last_time TIMESTAMP, columns VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS ingests (
    id BIGINT PRIMARY KEY, layer VARCHAR NOT NULL, finished TIMESTAMP NOT NULL, accepted BIGINT NOT NULL,
    rejected BIGINT NOT NULL, duplicate BIGINT NOT NULL, updated BIGINT NOT NULL, report VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS rejects (
    ingest BIGINT NOT NULL, row BIGINT NOT NULL, reason VARCHAR NOT NULL, detail VARCHAR NOT NULL,
    original VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS analyses (
    id VARCHAR PRIMARY KEY, definition VARCHAR NOT NULL, run VARCHAR, created TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS snapshots (
    analysis VARCHAR NOT NULL, collection VARCHAR NOT NULL, view_name VARCHAR NOT NULL, run VARCHAR NOT NULL,
    superseded TIMESTAMP, part VARCHAR NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS memories (
    analysis VARCHAR NOT NULL, layer VARCHAR NOT NULL, part VARCHAR NOT NULL, content BLOB NOT NULL);
"""

#: Columns of one incident layer's table that come from the reader, in order, without the row number.
INCIDENT_COLUMNS = {
    "cell15": "BIGINT",
    "time": "TIMESTAMP",
    "time_precision": "VARCHAR",
    "lng": "DOUBLE",
    "lat": "DOUBLE",
    "category": "VARCHAR",
    "severity": "VARCHAR",
    "street": "VARCHAR",
    "mode": "VARCHAR",
    "weight": "DOUBLE",
    "attributes": "VARCHAR",
}

#: The same for layers of features (boundary, population, sites …), with the box around each geometry.
FEATURE_COLUMNS = {
    "name": "VARCHAR",
    "value": "DOUBLE",
    "geometry": "BLOB",
    "attributes": "VARCHAR",
    "west": "DOUBLE",
    "south": "DOUBLE",
    "east": "DOUBLE",
    "north": "DOUBLE",
}

#: The same for layers of roads.
ROAD_COLUMNS = {
    "name": "VARCHAR",
    "class": "VARCHAR",
    "oneway": "TINYINT",
    "level": "SMALLINT",
    "roundabout": "BOOLEAN",
    "aadt": "DOUBLE",
    "geometry": "BLOB",
    "attributes": "VARCHAR",
    "west": "DOUBLE",
    "south": "DOUBLE",
    "east": "DOUBLE",
    "north": "DOUBLE",
}

#: The same for layers of wastewater samples: no place of their own, their sewershed has one.
SAMPLE_COLUMNS = {
    "sewershed": "VARCHAR",
    "start": "TIMESTAMP",
    "end": "TIMESTAMP",
    "time_precision": "VARCHAR",
    "analyte": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "below_limit": "BOOLEAN",
    "limit": "DOUBLE",
    "flow": "DOUBLE",
    "flow_unit": "VARCHAR",
    "population": "DOUBLE",
    "replicate": "VARCHAR",
    "quality": "VARCHAR",
    "attributes": "VARCHAR",
}

#: The same for layers of broadband coverage: the box is null where a row lies by its code alone.
COVERAGE_COLUMNS = {
    "name": "VARCHAR",
    "code": "VARCHAR",
    "cell": "BIGINT",
    "geometry": "BLOB",
    "locations": "DOUBLE",
    "served": "DOUBLE",
    "underserved": "DOUBLE",
    "unserved": "DOUBLE",
    "margin": "DOUBLE",
    "share_served": "DOUBLE",
    "source": "VARCHAR",
    "attributes": "VARCHAR",
    "west": "DOUBLE",
    "south": "DOUBLE",
    "east": "DOUBLE",
    "north": "DOUBLE",
}

#: Columns that make the identity of a row without a source id; all of them where a kind is not named.
IDENTITY_COLUMNS = {
    "samples": ("sewershed", "analyte", "start", "replicate"),
    "coverage": ("code", "cell", "geometry", "source"),
}

#: Columns that the store adds: place in the layer, identity, digest of identity and content, which ingest.
OWN_COLUMNS = {"ordinal": "BIGINT", "id": "VARCHAR", "content": "UBIGINT", "ingest": "BIGINT"}


def row_columns(kind: str) -> dict[str, str]:
    """Return the reader's columns of a layer of this kind."""
    own = {
        "incidents": INCIDENT_COLUMNS,
        "samples": SAMPLE_COLUMNS,
        "coverage": COVERAGE_COLUMNS,
        "roads": ROAD_COLUMNS,
    }
    return own.get(kind, FEATURE_COLUMNS)


def rows_table_ddl(table: str, kind: str) -> str:
    """Return the statement that makes the table of a layer's rows."""
    columns = {**OWN_COLUMNS, **row_columns(kind)}
    listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
    return f"CREATE TABLE {table} ({listed})"

"""OpenStreetMap lines as a file of roads: tags in texts become columns, what is no road stays out."""

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.raw_rows import as_text
from data.readers.raw import RawChunk, RawFacts

#: The column in which GDAL writes all tags that have no column of their own.
TAGS = "other_tags"

#: Tags that say what a field holds; their text stays in `other_tags`.
FIELD_TAGS = ("oneway", "layer", "bridge", "tunnel", "junction", "ref")

#: Tags that say who may use a road and how; they become columns of their own.
FURTHER_TAGS = ("access", "motor_vehicle", "foot", "bicycle", "service", "footway", "lanes", "maxspeed")

#: Values of `highway` that are no road that exists: plans, ruins, places beside roads, ways inside houses.
NOT_ROADS = frozenset(
    """
    proposed planned construction abandoned disused razed demolished dismantled removed historic platform
    corridor elevator escalator bus_stop rest_area services raceway via_ferrata emergency_bay
    emergency_access_point traffic_island street_lamp crossing stop give_way traffic_signals turning_circle
    toll_gantry no none ladder
    """.split()
)

_IDENTITIES = frozenset(("osm_id", "osmid", "osm_way_id", "@id", "full_id", TAGS))


def is_openstreetmap(columns: Sequence[str]) -> bool:
    """Return whether columns are those of lines out of OpenStreetMap."""
    return "highway" in columns and bool(_IDENTITIES & {column.casefold() for column in columns})


def openstreetmap_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns that `openstreetmap_roads` gives for those of the file."""
    return [*columns, *_new_tags(columns)]


def openstreetmap_roads(chunks: Iterable[RawChunk], facts: RawFacts) -> Iterator[RawChunk]:
    """Yield the chunks with columns for the tags; lines that are no roads are left out and counted."""
    for chunk in chunks:
        highway = pc.utf8_trim_whitespace(as_text(chunk.table["highway"])).fill_null("")
        for entry in pc.value_counts(highway).to_pylist():
            if not entry["values"]:
                facts.count("left_out.no_highway", entry["counts"])
            elif entry["values"] in NOT_ROADS:
                facts.count(f"left_out.{entry['values']}", entry["counts"])
        out = pc.is_in(highway, value_set=pa.array(["", *sorted(NOT_ROADS)]))
        yield kept_rows(_with_tags(chunk), np.array(pc.invert(out).to_numpy(), dtype=np.bool_))


def kept_rows(chunk: RawChunk, is_kept: np.typing.NDArray[np.bool_]) -> RawChunk:
    """Return a chunk with some of its rows; their numbers stay."""
    keep = pa.array(is_kept)
    geometry = None if chunk.geometry is None else chunk.geometry.filter(keep)
    return RawChunk(chunk.table.filter(keep), chunk.rows[is_kept], geometry, chunk.rejects)


def tag_values(tags: pa.ChunkedArray, key: str) -> pa.ChunkedArray:
    r"""Return the value of one tag out of a column of texts like `"bridge"=>"yes","layer"=>"1"`.

    Examples
    --------
    >>> text = pa.chunked_array([['"layer"=>"-1","name:en"=>"\\"B\\" road"', '"a"=>"layer"', None]])
    >>> tag_values(text, "layer").to_pylist(), tag_values(text, "name:en").to_pylist()
    (['-1', None, None], ['"B" road', None, None])
    """
    name = re.sub(r"[!-/;-@\[-^`{-~]", r"\\\g<0>", key)
    # Quotes inside keys and values are escaped: an unescaped one always opens or closes.
    pattern = rf'(?:^|,)\s*"{name}"=>"(?P<value>(?:[^"\\]|\\.)*)"'
    found = pc.struct_field(pc.extract_regex(as_text(tags), pattern), "value")
    return pc.replace_substring_regex(found, r"\\(.)", r"\1")


def _new_tags(columns: Sequence[str]) -> list[str]:
    return [t for t in (*FIELD_TAGS, *FURTHER_TAGS) if t not in columns] if TAGS in columns else []


def _with_tags(chunk: RawChunk) -> RawChunk:
    table = chunk.table
    for tag in _new_tags(table.column_names):
        table = table.append_column(tag, tag_values(table[TAGS], tag))
    return RawChunk(table, chunk.rows, chunk.geometry, chunk.rejects)

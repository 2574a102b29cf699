"""GIS files through GDAL: GeoPackage, Shapefile, FlatGeobuf, GeoJSON, TopoJSON, OpenStreetMap; as Arrow."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

from data.errors import UnreadableFile
from data.readers.raw import RawChunk, RawFacts
from data.readers.recognise import FLATGEOBUF, GEOJSON, GEOPACKAGE, OSM_PBF, OSM_XML, SHAPEFILE, TOPOJSON

_NAMES = {
    GEOPACKAGE: "GeoPackage",
    SHAPEFILE: "Shapefile",
    FLATGEOBUF: "FlatGeobuf",
    GEOJSON: "GeoJSON",
    TOPOJSON: "TopoJSON",
    OSM_PBF: "OpenStreetMap PBF",
    OSM_XML: "OpenStreetMap XML",
}

#: OpenStreetMap knows no layers; GDAL makes some, of which each kind needs one.
_OSM_LAYERS = {"roads": "lines", "boundary": "multipolygons", "sewersheds": "multipolygons"}

#: Rows per chunk: geometries of areas are large, so fewer than for tables.
BATCH_ROWS = 32_768

_GDAL_ERRORS = (
    DataLayerError,
    DataSourceError,
    FeatureError,
    FieldError,
    GeometryError,
    pa.ArrowException,
    RuntimeError,
    UnicodeDecodeError,
    OSError,
    ValueError,
)


class VectorSource:
    """One layer of a GIS file; geometry as WKB, times as text."""

    rereadable = True

    def __init__(self, path: Path, name: str, form: str, kind: str = "") -> None:
        self._path = path
        self._name = name
        self._form = form
        self._kind = kind
        self._layer, others = self._chosen_layer()
        meta, schema = self._opened_schema()
        self._geometry = meta["geometry_name"] or "wkb_geometry"
        columns = [c for c in schema.names if c != self._geometry]
        self.facts = RawFacts(name, _NAMES[form], columns, meta["encoding"], meta["crs"])
        if others:
            self.facts.notes.append(
                f"of several layers {self._layer} was taken; left aside: {', '.join(others)}"
            )

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[RawChunk]:
        """Yield the features in file order."""
        first_row = 1
        with self._guarded("after row 0"), self._reader(columns) as (_, reader):
            while True:
                with self._guarded(f"after row {first_row - 1}"):
                    batch = next(reader, None)
                if batch is None:
                    return
                rows = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
                first_row += batch.num_rows
                yield self._chunk(pa.Table.from_batches([batch]), rows)

    def _chunk(self, table: pa.Table, rows: Any) -> RawChunk:
        table = _without_json(table)
        if self._geometry not in table.column_names:
            return RawChunk(table, rows)
        geometry = pc.cast(table[self._geometry], pa.binary())
        return RawChunk(table.drop_columns([self._geometry]), rows, geometry)

    def _chosen_layer(self) -> tuple[str, list[str]]:
        """Return the layer to read, and those that are left aside."""
        if self._form in (OSM_PBF, OSM_XML):
            return _OSM_LAYERS.get(self._kind, "points"), []
        with self._guarded("its layers"):
            layers = pyogrio.list_layers(self._path)
        spatial = [str(layer) for layer, kind in layers if kind is not None]
        names = spatial or [str(layer) for layer, _ in layers]
        if not names:
            raise UnreadableFile(f"{self._name}: one layer is needed, the file has none")
        if len(names) == 1:
            return names[0], []
        # A file of several layers is mostly called after the one that it is about.
        meant = [one for one in names if one.casefold() in self._name.casefold()]
        if len(meant) == 1:
            return meant[0], [name for name in names if name != meant[0]]
        if self._form == TOPOJSON:
            # A topology nests areas in larger ones: the finest tell the others.
            with self._guarded("its layers"):
                finest = max(names, key=lambda name: pyogrio.read_info(self._path, layer=name)["features"])
            return finest, [name for name in names if name != finest]
        listed = ", ".join(names[:8])
        raise UnreadableFile(
            f"{self._name}: one layer is needed, the file has {len(names)}: {listed};"
            " name the file after the one that is meant"
        )

    def _opened_schema(self) -> tuple[dict[str, Any], pa.Schema]:
        with self._guarded("its columns"), self._reader(None) as (meta, reader):
            return meta, reader.schema

    def _reader(self, columns: Sequence[str] | None) -> Any:
        options = (
            {"DATE_AS_STRING": "YES", "FLATTEN_NESTED_ATTRIBUTES": "NO"} if self._form == GEOJSON else {}
        )
        if self._form in (OSM_PBF, OSM_XML):
            # Asked for by its layer alone, the driver keeps features of the others until there are too many.
            chosen: dict[str, Any] = {"sql": f"SELECT * FROM {self._layer}"}
        else:
            chosen = {"layer": self._layer}
        return pyogrio.raw.open_arrow(
            self._path,
            **chosen,
            columns=list(columns) if columns else None,
            read_geometry=columns is None,
            batch_size=BATCH_ROWS,
            use_pyarrow=True,
            datetime_as_string=True,
            **options,
        )

    @contextmanager
    def _guarded(self, where: str) -> Iterator[None]:
        """Turn what GDAL raises or warns of into one line of ours."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except UnreadableFile:
            raise
        except _GDAL_ERRORS as err:
            words = (str(err).splitlines() or ["no reason told"])[0]
            words = words.replace(f"{self._path.parent}/", "")[:240]
            raise UnreadableFile(
                f"{self._name}: not readable as {_NAMES[self._form]} ({where}): {words}"
            ) from err


def _without_json(table: pa.Table) -> pa.Table:
    """Return columns of mixed types as text: a number here and a text there make JSON of the whole column."""
    for i, column in enumerate(table.schema):
        if isinstance(column.type, pa.BaseExtensionType):
            texts = pc.cast(table.column(i), column.type.storage_type).to_pylist()
            plain = [_plain(text) for text in texts]
            table = table.set_column(i, column.name, pa.array(plain, pa.string()))
    return table


def _plain(text: str | None) -> str | None:
    """Return a text without the quotes that JSON puts around it, anything else as it is."""
    if text is None or not text.startswith('"'):
        return text
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if isinstance(found, str) else text

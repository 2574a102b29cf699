"""The command line: `emberline …`. Errors are one line; exit codes are 0 done, 1 failed, 2 usage.

Each command imports what it needs when it runs: the engines behind them take seconds to load, and neither
`--help` nor a mistyped option should wait for them.
"""

import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_STORE = "duckdb:///emberline.duckdb"
DEMO_STORE = "duckdb:///demo.duckdb"

#: What Typer makes of Ctrl-C.
_INTERRUPTED = 130

_KINDS = "incidents, boundary, roads, population, sites, sewersheds, samples or coverage."

app = typer.Typer(
    name="emberline",
    help="Hotspots that hold on sparse data, on one H3 grid, served through the OGC API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="EMBERLINE_STORE_URL",
        help="duckdb:///PATH, or http(s)://HOST:PORT of a running service.",
    ),
]
MapOption = Annotated[
    list[str],
    typer.Option("--map", help="field=column, repeatable; time=DATE+TIME joins two columns; field= ignores."),
]
RunMapOption = Annotated[
    list[str],
    typer.Option(
        "--map",
        help="field=column of FILE, repeatable; ROLE.field=column of a file that --param ROLE=… names,"
        " such as population.population=TOTAL.",
    ),
]
CrsOption = Annotated[str | None, typer.Option(help="CRS of the coordinates, such as EPSG:2223.")]
_KINDS = "incidents, boundary, roads, population, sites, sewersheds, samples or coverage."
TimezoneOption = Annotated[str | None, typer.Option(help="Zone of local times, such as America/Phoenix.")]


#: Told here as well as in the register, which takes long to load.
METHOD_NAMES = (
    "hotspots, cells, outliers, clusters, emerging, scan, near-repeat, forecast, corridors, surveillance,"
    " gaps, priority"
)


@app.command()
def ingest(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, GeoJSON, GeoPackage, Shapefile, FlatGeobuf, Parquet, OSM .pbf; .gz, .zip."),
    ],
    layer: Annotated[str, typer.Option(help="Id of the layer.")],
    kind: Annotated[str, typer.Option(help=_KINDS)] = "incidents",
    store: StoreOption = DEFAULT_STORE,
    mapping: MapOption = [],  # noqa: B006 (Typer reads the default, nobody changes it)
    crs: CrsOption = None,
    timezone: TimezoneOption = None,
    boundary: Annotated[
        str | None, typer.Option(help="Layer id or file of polygons: rows outside are rejected.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the layer.")] = "",
    drop_duplicates: Annotated[bool, typer.Option("--drop-duplicates", help="Drop equal rows.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="Where rejected rows go (CSV).")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the layer's rows.")] = False,
) -> None:
    """Take a file into a layer."""
    from service.commands import ingest_command
    from service.ingesting import IngestOrder

    _require_kind(kind)
    order = IngestOrder(
        layer,
        kind=kind,
        mapping=_mapping(mapping),
        crs=crs,
        timezone=timezone,
        boundary=boundary,
        title=title,
        drop_duplicates=drop_duplicates,
        replace=replace,
    )
    with _progress() as progress:
        done = ingest_command(
            store, _existing(file, may_be_folder=kind in ("coverage", "samples")), order, rejects, progress
        )
    for note in done.notes:
        print(note)
    print(done.summary)
    if done.failure:
        raise _Failed(done.failure)


@app.command()
def layers(store: StoreOption = DEFAULT_STORE) -> None:
    """List the layers of a store."""
    found = _layers(store)
    names = ("id", "kind", "rows", "timezone", "first_time", "last_time", "data_version", "title")
    if not sys.stdout.isatty():
        print("\t".join(names))
        for one in found:
            print("\t".join("" if one[name] is None else str(one[name]) for name in names))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*names)
    for one in found:
        table.add_row(*("" if one[name] is None else str(one[name]) for name in names))
    Console().print(table)


@app.command()
def run(
    method: Annotated[str, typer.Argument(help=f"One of {METHOD_NAMES}.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Output: .geojson, .gpkg, .parquet, .fgb, .csv.")],
    file: Annotated[Path | None, typer.Argument(help="A file to run on; needs no store.")] = None,
    store: StoreOption = DEFAULT_STORE,
    layer: Annotated[str | None, typer.Option(help="Id of the layer.")] = None,
    param: Annotated[list[str], typer.Option("--param", help="name=value, repeatable.")] = [],  # noqa: B006
    mapping: RunMapOption = [],  # noqa: B006
    crs: CrsOption = None,
    timezone: TimezoneOption = None,
) -> None:
    """Run a method on a layer, or straight on a file."""
    from service.commands import run_command
    from service.ingesting import IngestOrder
    from service.methods import METHODS

    if method not in METHODS:
        raise typer.BadParameter(f"METHOD needs one of {', '.join(METHODS)}; got {method!r}")
    kinds = METHODS[method].inputs.LAYER_KINDS.get("layer")
    if kinds and (file is None) == (layer is None):
        raise typer.BadParameter("run needs either a FILE or --layer ID")
    if not kinds and (file or layer):
        raise typer.BadParameter(f"{method} takes no FILE and no --layer; its inputs are parameters")
    order = IngestOrder(
        layer or (kinds or ("none",))[0], mapping=_mapping(mapping), crs=crs, timezone=timezone
    )
    with _progress() as progress:
        done = run_command(method, store, file and _existing(file), order, _parameters(param), out, progress)
    for note in done.notes:
        print(note)
    print(done.summary)


@app.command()
def publish(
    analysis: Annotated[Path, typer.Argument(help="Definition of an analysis: .toml or .json.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Save an analysis, run it and publish its collections."""
    from service.commands import publish_command

    definition = _definition(_existing(analysis))
    with _progress() as progress:
        done = publish_command(store, definition, progress)
    features = ", ".join(f"{name} ({count} features)" for name, count in done["features"].items())
    print(f"published {done['id']} as run {done['run']}: {features}")


@app.command()
def serve(
    store: StoreOption = DEFAULT_STORE,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve on a reachable address without access control.")
    ] = False,
) -> None:
    """Serve a store over HTTP."""
    from service.serving import bound_socket, serve

    if _is_remote(store):
        raise typer.BadParameter(f"serve needs a store of its own, got the service {store}")
    settings = _settings(store_url=store, host=host, port=port, insecure=insecure or None)
    serve(settings, bound_socket(settings))


@app.command()
def demo(
    store: Annotated[str, typer.Option(help="Where the sample city is kept.")] = DEMO_STORE,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Prepare the store and stop.")] = False,
) -> None:
    """Make the sample city, analyse it and serve it."""
    if no_serve or _is_remote(store):
        _prepare_demo(store)
        return
    from service.serving import bound_socket, serve

    settings = _settings(store_url=store, port=port)
    bound = bound_socket(settings)
    _prepare_demo(store)
    serve(settings, bound)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        result = app(given or ["--help"], standalone_mode=False)
        code = result if isinstance(result, int) else 0
        if code == _INTERRUPTED:
            return _say("interrupted", 1)
        return code if given else 2
    except typer.Exit as err:
        return int(err.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", 1)
    except typer.TyperException as err:
        return _say(err.format_message(), 2)
    except _Failed as err:
        return _say(str(err), 1)
    except Exception as err:
        from service.failures import told

        words_and_code = told(err)
        if words_and_code is None:
            raise
        return _say(*words_and_code)


class _Failed(Exception):
    """The command did what it could and says that it was not enough."""


def _prepare_demo(store: str) -> None:
    from service.demo import prepare_demo

    with _progress() as progress:
        told = prepare_demo(store, progress)
    for line in told:
        print(line, flush=True)


def _layers(store: str) -> list[dict[str, Any]]:
    if _is_remote(store):
        from service.remote import RemoteService

        with RemoteService(store) as service:
            return service.layers()
    from service.layer_facts import layer_json
    from service.stores import open_store

    _require_store(store)
    opened = open_store(store)
    try:
        return [layer_json(layer) for layer in opened.layers()]
    finally:
        opened.close()


def _settings(**given: Any) -> Any:
    from service.settings import Settings

    return Settings(**{name: value for name, value in given.items() if value is not None})


def _is_remote(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _require_store(url: str) -> None:
    """Refuse to make an empty store where one was to be read."""
    from service.stores import store_path

    path = store_path(url)
    if path is not None and not path.exists():
        raise _Failed(f"there is no store at {path}; `emberline ingest` makes one")


def _require_kind(kind: str) -> None:
    from data.records import KINDS

    if kind not in KINDS:
        raise typer.BadParameter(f"--kind needs one of {', '.join(KINDS)}; got {kind!r}")


def _existing(path: Path, *, may_be_folder: bool = False) -> Path:
    if not path.exists():
        raise _Failed(f"there is no file {path}")
    if not path.is_file() and not (may_be_folder and path.is_dir()):
        raise _Failed(f"{path} is not a file")
    return path


def _mapping(pairs: list[str]) -> dict[str, str]:
    """Return field → column of `--map field=column`."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, column = pair.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"--map needs field=column, got {pair!r}")
        found[name.strip()] = column.strip()
    return found


def _parameters(pairs: list[str]) -> dict[str, Any]:
    """Return name → value of `--param name=value`; a name given more than once makes a list."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"--param needs name=value, got {pair!r}")
        if name not in found:
            found[name] = value
        else:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
    return found


def _definition(path: Path) -> dict[str, Any]:
    """Read the definition of an analysis."""
    readers: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise typer.BadParameter(f"an analysis file needs .toml or .json, got {path.name}")
    try:
        found = reader(path.read_text(encoding="utf-8-sig"))
    except ValueError as err:
        raise _Failed(f"{path.name} is not {path.suffix[1:].upper()}: {err}") from err
    if not isinstance(found, dict):
        raise _Failed(f"{path.name} needs names and values, got {type(found).__name__}")
    return found


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done on a terminal; say nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield lambda words: status.update(words)


def _say(words: str, code: int) -> int:
    print(f"emberline: {' '.join(words.split())}", file=sys.stderr)
    return code


def entry() -> None:
    """Run as the installed command."""
    sys.exit(main())

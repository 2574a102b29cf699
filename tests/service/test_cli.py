"""The command line as a user meets it: exit codes, last lines, one line for every failure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.duckdb_store import DuckDBStore
from data.records import KINDS
from service.methods import METHODS
from tests.service.made import ZONE, calls, emberline, write_boundary, write_roads, write_rows

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory with a file of 80 calls."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.csv", calls(80))
    return tmp_path


def _error(captured: Captured) -> str:
    """Return the one line of standard error."""
    lines = captured.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("emberline: ")
    return lines[0]


def test_the_last_line_of_ingest_counts_the_rows(here: Path, capsys: Captured) -> None:
    assert (
        emberline("ingest", "calls.csv", "--layer", "calls", "--kind", "incidents", "--timezone", ZONE) == 0
    )
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=80 rejected=0 duplicate=0 updated=0"
    assert emberline("ingest", "calls.csv", "--layer", "calls") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=0 rejected=0 duplicate=80 updated=0"
    assert (here / "emberline.duckdb").is_file()


def test_rejects_go_to_the_file_with_number_reason_and_row(here: Path, capsys: Captured) -> None:
    rows = calls(30)
    rows[4]["lng"] = "west"
    rows[9]["lat"], rows[9]["lng"] = "0", "0"
    write_rows(here / "bad.csv", rows)
    assert emberline("ingest", "bad.csv", "--layer", "bad", "--rejects", "rejects.csv") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=28 rejected=2 duplicate=0 updated=0"
    lines = (here / "rejects.csv").read_text().splitlines()
    assert lines[0] == "row,reason,detail,original"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["5", "unreadable_coordinate"],
        ["10", "zero_coordinate"],
    ]
    assert "west" in lines[1]


def test_a_file_of_rejects_alone_fails_with_its_counts(here: Path, capsys: Captured) -> None:
    write_rows(here / "bad.csv", [{**row, "lng": "west"} for row in calls(3)])
    assert emberline("ingest", "bad.csv", "--layer", "bad", "--rejects", "rejects.csv") == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "accepted=0 rejected=3 duplicate=0 updated=0"
    assert told.err == "emberline: no row of the file could be taken: unreadable_coordinate 3\n"
    assert len((here / "rejects.csv").read_text().splitlines()) == 4


def test_replace_swaps_the_layer(here: Path, capsys: Captured) -> None:
    emberline("ingest", "calls.csv", "--layer", "calls")
    write_rows(here / "new.csv", calls(10, seed=7))
    assert emberline("ingest", "new.csv", "--layer", "calls", "--replace") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=10 rejected=0 duplicate=0 updated=0"
    emberline("layers")
    table = capsys.readouterr().out.splitlines()
    assert table[0].split("\t")[:4] == ["id", "kind", "rows", "timezone"]
    assert table[1].split("\t")[:4] == ["calls", "incidents", "10", "UTC"]


def test_ingest_keeps_only_what_lies_within_a_boundary_file(here: Path, capsys: Captured) -> None:
    write_boundary(here / "city.geojson")
    far = {**calls(1)[0], "id": "far", "lng": "-112.5"}
    write_rows(here / "far.csv", [*calls(40), far])
    assert emberline("ingest", "far.csv", "--layer", "far", "--boundary", "city.geojson") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=40 rejected=1 duplicate=0 updated=0"


def test_publish_shows_an_analysis(here: Path, capsys: Captured) -> None:
    emberline("ingest", "calls.csv", "--layer", "calls")
    (here / "hot.toml").write_text(
        'id = "hot"\nmethod = "hotspots"\ntitle = "Hot"\nlayer = "calls"\n[parameters]\nresolution = 8\n'
    )
    capsys.readouterr()
    assert emberline("publish", "hot.toml") == 0
    assert "hot.cells (" in capsys.readouterr().out
    store = DuckDBStore(here / "emberline.duckdb")
    assert [one.id for one in store.analyses()] == ["hot"]
    store.close()


def test_run_on_a_file_takes_boundary_and_roads_from_files(here: Path, capsys: Captured) -> None:
    write_boundary(here / "city.geojson")
    write_roads(here / "roads.geojson")
    write_rows(here / "town.csv", calls(400))
    asked = ("boundary=city.geojson", "roads=roads.geojson", "output=areas")
    parameters = [part for one in asked for part in ("--param", one)]
    assert emberline("run", "hotspots", "town.csv", *parameters, "-o", "out.geojson") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("out.geojson: ")
    found = json.loads((here / "out.geojson").read_text())
    assert found["emberline"]["diagnostics"]["study_area_source"] == "boundary"
    assert found["features"][0]["properties"]["name"] == "Ash Avenue"
    assert found["features"][0]["properties"]["district"] in ("West", "East")


def test_the_same_file_gives_the_same_bytes(here: Path) -> None:
    emberline("run", "hotspots", "calls.csv", "-o", "one.geojson")
    emberline("run", "hotspots", "calls.csv", "-o", "two.geojson")
    assert (here / "one.geojson").read_bytes() == (here / "two.geojson").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "hotspots", "calls.csv"], "-o"),
        (["run", "hotspots", "-o", "x.csv"], "either a FILE or --layer"),
        (["run", "hotspots", "calls.csv", "--layer", "x", "-o", "x.csv"], "either a FILE or --layer"),
        (["run", "magic", "calls.csv", "-o", "x.csv"], "hotspots, cells"),
        (["run", "hotspots", "calls.csv", "-o", "x.xyz"], ".geojson"),
        (["run", "hotspots", "calls.csv", "--param", "k", "-o", "x.csv"], "name=value"),
        (["run", "hotspots", "calls.csv", "--param", "=3", "-o", "x.csv"], "name=value"),
        (["run", "hotspots", "calls.csv", "--param", "layer=b", "-o", "x.csv"], "--layer"),
        (["run", "hotspots", "calls.csv", "--map", "time", "-o", "x.csv"], "field=column"),
        (["ingest", "calls.csv"], "--layer"),
        (["ingest", "calls.csv", "--layer", "a", "--kind", "crashes"], "incidents, "),
        (["ingest", "calls.csv", "--layer", "a", "--timezone", "Mars/Base"], "Mars/Base"),
        (["ingest", "calls.csv", "--layer", "a", "--map", "when=time"], "when"),
        (["ingest", "calls.csv", "--layer", "a", "--map", "time=when"], "when"),
        (["serve", "--port", "99999"], "--port"),
        (["serve", "--host", "0.0.0.0"], "--insecure"),
        (["serve", "--store", "http://127.0.0.1:1"], "store of its own"),
        (["publish", "calls.csv"], ".toml or .json"),
        (["nonsense"], "nonsense"),
        (["layers", "--nonsense"], "--nonsense"),
    ],
)
def test_a_command_line_that_does_not_fit_is_a_usage_error(
    here: Path, capsys: Captured, arguments: list[str], words: str
) -> None:
    assert emberline(*arguments) == 2
    assert words in _error(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest", "nothing.csv", "--layer", "a"], "there is no file nothing.csv"),
        (["ingest", ".", "--layer", "a"], "not a file"),
        (["ingest", "calls.csv", "--layer", "a/b"], "layer id needs"),
        (["ingest", "calls.csv", "--layer", "a", "--crs", "EPSG:999999"], "EPSG:999999"),
        (["ingest", "calls.csv", "--layer", "a", "--boundary", "nowhere"], "no layer 'nowhere'"),
        (["ingest", "calls.csv", "--layer", "a", "--rejects", "no/such/r.csv"], "directory no/such"),
        (["ingest", "calls.csv", "--layer", "a", "--store", "duckdb:///no/such/s.duckdb"], "no/such"),
        (["ingest", "calls.csv", "--layer", "a", "--store", "duckdb:///calls.csv"], "is not a store"),
        (["ingest", "calls.csv", "--layer", "a", "--store", "sqlite:///x"], "duckdb:///PATH"),
        (["layers"], "no store at emberline.duckdb"),
        (["run", "hotspots", "--layer", "a", "-o", "x.csv"], "no store at emberline.duckdb"),
        (["run", "hotspots", "nothing.csv", "-o", "x.csv"], "there is no file"),
        (["run", "hotspots", "calls.csv", "-o", "no/such/x.csv"], "directory no/such"),
        (["run", "hotspots", "calls.csv", "-o", "calls.csv"], "the file that is read"),
        (["run", "hotspots", "calls.csv", "--param", "boundary=nowhere", "-o", "x.csv"], "'nowhere'"),
        (["run", "hotspots", "calls.csv", "--param", "boundary=lines.geojson", "-o", "x.csv"], "boundary"),
        (["publish", "nothing.toml"], "there is no file"),
        (["publish", "broken.json"], "not JSON"),
        (["publish", "broken.toml"], "not TOML"),
        (["publish", "list.json"], "names and values"),
        (["layers", "--store", "http://127.0.0.1:1"], "did not answer"),
        (["layers", "--store", "http://"], "did not answer"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    here: Path, capsys: Captured, arguments: list[str], words: str
) -> None:
    write_roads(here / "lines.geojson")
    (here / "broken.json").write_text("{")
    (here / "broken.toml").write_text("id =")
    (here / "list.json").write_text("[]")
    assert emberline(*arguments) == 1
    assert words in _error(capsys)
    assert not (here / "x.csv").exists()


def test_a_layer_of_another_kind_or_an_analysis_keeps_its_id(here: Path, capsys: Captured) -> None:
    emberline("ingest", "calls.csv", "--layer", "calls")
    write_boundary(here / "city.geojson")
    (here / "hot.json").write_text('{"id": "hot", "method": "hotspots", "layer": "calls"}')
    (here / "clash.json").write_text('{"id": "calls", "method": "hotspots", "layer": "calls"}')
    emberline("publish", "hot.json")
    capsys.readouterr()
    assert emberline("ingest", "city.geojson", "--layer", "calls", "--kind", "boundary") == 1
    assert "is of kind incidents" in _error(capsys)
    assert emberline("ingest", "calls.csv", "--layer", "hot") == 1
    assert "is the id of an analysis" in _error(capsys)
    assert emberline("publish", "clash.json") == 1
    assert "is the id of a layer" in _error(capsys)


@pytest.mark.parametrize(
    "name", ["two words.csv", "tránsito – año.csv", "-dash.csv", "a;b$(c).csv", "%41.csv"]
)
def test_odd_file_names_are_taken(here: Path, capsys: Captured, name: str) -> None:
    write_rows(here / name, calls(30))
    assert emberline("ingest", "--layer", "odd", "--", name) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=30 rejected=0 duplicate=0 updated=0"
    assert emberline("run", "hotspots", "-o", f"out {name}", "--", name) == 0
    assert (here / f"out {name}").stat().st_size > 1000


def test_an_interrupted_command_says_so(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.commands.ingest_file", interrupted)
    assert emberline("ingest", "calls.csv", "--layer", "calls") == 1
    assert _error(capsys) == "emberline: interrupted"


def test_a_setting_that_does_not_fit_is_named(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBERLINE_PORT", "many")
    assert emberline("serve") == 2
    assert "EMBERLINE_PORT" in _error(capsys)


def test_no_arguments_show_the_help(capsys: Captured) -> None:
    assert emberline() == 2
    assert "ingest" in capsys.readouterr().out


def test_the_help_names_every_kind_and_method(capsys: Captured) -> None:
    assert emberline("ingest", "--help") == 0
    ingest = capsys.readouterr().out
    assert [kind for kind in KINDS if kind not in ingest] == []
    assert emberline("run", "--help") == 0
    run = capsys.readouterr().out
    assert [method for method in METHODS if method not in run] == []


def test_the_demo_store_is_the_one_that_the_demo_fills() -> None:
    from service import cli, demo, settings

    assert cli.DEMO_STORE == demo.DEMO_STORE
    assert settings.Settings.model_fields["store_url"].default == cli.DEFAULT_STORE


def test_help_and_usage_errors_load_no_engine() -> None:
    code = (
        "import sys; from service.cli import main; main(['--help']); main(['ingest']);"
        "print([m for m in ('pandas', 'duckdb', 'ibis', 'scipy', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_listing_layers_loads_neither_pandas_nor_the_web_framework(here: Path) -> None:
    emberline("ingest", "calls.csv", "--layer", "calls")
    code = (
        "import sys; from service.cli import main; main(['layers']);"
        "print([m for m in ('pandas', 'ibis', 'scipy', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

"""The documents say what is there: every route, setting, problem type and command, and no dead link."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data import errors as data_errors
from models import errors as model_errors
from service import errors
from service.app import create_app
from service.cli import app as command_line
from service.settings import Settings
from spatial import errors as spatial_errors
from tests.service.memory import MemoryCatalog, NotingUseCases

ROOT = Path(__file__).parent.parent
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs").rglob("*.md"),
]


def paths() -> set[str]:
    app = create_app(Settings(), catalog=MemoryCatalog(), use_cases=NotingUseCases())
    return {str(getattr(route, "path", "")) for route in app.routes}


def problem_types() -> list[str]:
    bases = {errors.ServiceError, data_errors.DataError, model_errors.ModelError, spatial_errors.SpatialError}
    found = [
        errors.slug_of(kind)
        for module in (errors, data_errors, model_errors, spatial_errors)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, tuple(bases)) and kind not in bases and kind.__module__ == module.__name__
    ]
    return sorted(set(found))


@pytest.mark.parametrize("path", sorted(paths()))
def test_each_route_is_documented(path: str) -> None:
    assert f"`{path}`" in API


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_each_setting_is_documented(name: str) -> None:
    assert f"`EMBERLINE_{name.upper()}`" in API


@pytest.mark.parametrize("slug", problem_types())
def test_each_problem_type_is_documented(slug: str) -> None:
    assert f"`{slug}`" in API


@pytest.mark.parametrize("name", [str(one.callback.__name__) for one in command_line.registered_commands])  # type: ignore[union-attr]
def test_each_command_is_in_the_readme(name: str) -> None:
    assert f"emberline {name}" in README or f"make {name}" in README or f"`{name}`" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_no_file_names_an_address_of_packages_or_a_place_on_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    hosts = (
        "pypi" + ".org",
        "registry.npm" + "js.org",
        "pythonhosted" + ".org",
        "/" + "root/",
        "/" + "work/",
    )
    files = [ROOT / name for name in tracked.stdout.splitlines()]
    texts = {file: file.read_bytes() for file in files if file.is_file()}
    found = [file.name for file, text in texts.items() if any(host.encode() in text for host in hosts)]
    assert found == []


def test_the_packages_import_without_a_warning() -> None:
    command = [sys.executable, "-W", "error", "-c", "import service.cli"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

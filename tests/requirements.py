"""What a test may ask of the machine, and what happens when it is not there.

Without `EMBERLINE_REQUIRE=all` a test that lacks a tool or a data set skips with the reason;
with it, the test fails.
"""

import os
import shutil
from pathlib import Path

import pytest


def dataset_path(name: str) -> Path:
    """Return the path of a real data set below `EMBERLINE_DATASETS`."""
    root = os.environ.get("EMBERLINE_DATASETS")
    if not root:
        missing(f"EMBERLINE_DATASETS is not set; {name} is needed")
    path = Path(str(root)) / name
    if not path.exists():
        missing(f"no {name} in EMBERLINE_DATASETS")
    return path


def need_tool(name: str) -> str:
    """Return the path of a program that must be installed."""
    found = shutil.which(name)
    if found is None:
        missing(f"the program {name} is not installed")
    return str(found)


def missing(reason: str) -> None:
    """Skip the test, or fail it where everything is required."""
    if os.environ.get("EMBERLINE_REQUIRE") == "all":
        pytest.fail(reason)
    pytest.skip(reason)

"""From real exports to maps, with the installed command and a real service: what comes out and what it takes.

    python -m tests.studies.real_data [--out docs/real-data.md] [--only incidents/tempe_opioid …]

Every accounting is checked, every defect that a data set's README counts is looked for, every collection
is read back complete by two GDALs. The exit code is 1 where anything does not add up; the page is written
anyway.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.contract.installed import emberline
from tests.studies.real_cases import CASES
from tests.studies.real_data_page import page
from tests.studies.real_walk import examined

#: What stands below it in the page was written there by other studies, and stays.
PARTS_MARK = "<!-- Parts of other studies -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk through all cases, write the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_data", description=__doc__)
    parser.add_argument("--out", type=Path, help="where the page goes (Markdown); else standard output")
    parser.add_argument("--only", nargs="*", default=[], help="names of data sets")
    chosen = parser.parse_args(arguments)
    root, ogr = os.environ.get("EMBERLINE_DATASETS"), shutil.which("ogrinfo")
    if not root or ogr is None:
        print("EMBERLINE_DATASETS and the program ogrinfo are needed", file=sys.stderr)
        return 2
    if chosen.out and not chosen.out.parent.is_dir():
        parser.error(f"there is no directory {chosen.out.parent}")
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        # The first start compiles what Python keeps; the second is what every later command pays.
        start_s = [emberline(Path(folder), "--help").cpu_s for _ in range(2)][1]
        for case in CASES:
            if not chosen.only or case.name in chosen.only or case.layer in chosen.only:
                print(f"{case.title} …", file=sys.stderr, flush=True)
                seen.append(examined(case, Path(root), Path(folder), ogr))
                for words in seen[-1].wrong:
                    print(f"  WRONG {words}", file=sys.stderr, flush=True)
    text = page(seen, ogr, start_s)
    if chosen.out:
        chosen.out.write_text(text + _parts_of_others(chosen.out), encoding="utf-8")
    else:
        print(text)
    return int(any(one.wrong for one in seen))


def _parts_of_others(page: Path) -> str:
    """Return what other studies wrote into the page, below its mark."""
    kept = page.read_text(encoding="utf-8").partition(PARTS_MARK) if page.exists() else ("", "", "")
    return "\n" + kept[1] + kept[2] if kept[1] else ""


if __name__ == "__main__":
    sys.exit(main())

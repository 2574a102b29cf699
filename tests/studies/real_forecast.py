"""What forecasts were worth on ten years of real incidents: writes docs/forecast.md.

EMBERLINE_DATASETS=… python -m tests.studies.real_forecast --out docs/forecast.md
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

from data.duckdb_store import DuckDBStore
from models.forecast import MODELS
from service.analyses.findings import Findings
from service.analyses.forecast import CHOSEN
from service.analyses.run import findings
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of

FILE = "places/chicago/aggravated_assaults_2010-.csv.gz"
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"bin": "P7D", "resolution": 8},
    {"bin": "P7D", "resolution": 9},
    {"bin": "P7D", "resolution": 10},
    {"bin": "P1M", "resolution": 8},
    {"bin": "P1M", "resolution": 9},
)

_HEAD = """\
# What the forecast is worth

148,636 assaults in Chicago, 2010 to 2019 (`places/chicago`), forecast as a city would: the next week or
month, from what was known before it, for each of the last twelve periods. This page is generated;
`EMBERLINE_DATASETS=… python -m tests.studies.real_forecast --out docs/forecast.md` makes it anew.

- *PAI* is the share of the incidents over the share of the area; 1 is chance. *PEI* is the hits over the
  most that as many cells could have held. *RRI* is the share of the incidents over the share that the same
  cells held before. All are pooled over the twelve periods, at 1 % and 5 % of the study area (derived from
  the data).
- *last-period* is "the same cells as last period". *chosen* is the model that had been best before each
  period; neither its forecast nor its choice uses the period or a later one.
- *Deviance* is Poisson's, the mean of all cells: small is good, and by it the model is chosen.
- *Held* is the share of later counts within the 90 % interval: over all cells, and over busy ones, which
  expect at least one incident.
- A cell of resolution 10 lies within the limits of the NIJ challenge (0.0058 to 0.0334 km²), one of 9 does
  not.
- PAI depends on the area: resolutions have other study areas, so compare models within a table.
"""


def assaults(path: Path) -> DuckDBStore:
    """Return a store with the layer `assaults`."""
    store = DuckDBStore()
    ingest_file(store, path, IngestOrder("assaults", timezone="America/Chicago"))
    return store


def asked(store: DuckDBStore, **inputs: Any) -> Findings:
    given = inputs_of("forecast", {"layer": "assaults", **inputs})
    return findings("forecast", store, given, max_cells=5_000_000)


def _section(store: DuckDBStore, inputs: dict[str, Any]) -> list[str]:
    began = time.process_time()
    found = asked(store, **inputs)
    seconds = time.process_time() - began
    told = found.emberline["diagnostics"]
    expected, held = told["expected_total"], told["interval_coverage_busy"]
    lines = [
        f"## {inputs['bin']} at resolution {inputs['resolution']}",
        "",
        f"{told['periods']:,} whole periods, {told['study_area_cells']:,} cells"
        f" ({told['study_area_km2']:,.0f} km²); {seconds:.1f} s of processor time. Next period:"
        f" {told['forecast_start'][:10]}, {expected:,.0f} expected by `{told['model']}`."
        f" φ {told['phi']:.2f}; held {told['interval_coverage']:.1%}, busy cells "
        + ("none" if held is None else f"{held:.1%}")
        + ".",
        "",
        "| Model | Deviance | PAI 1 % | PEI 1 % | RRI 1 % | PAI 5 % | PEI 5 % | RRI 5 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model in (*MODELS, CHOSEN):
        small, large = (told["pooled"][share][model] for share in ("0.01", "0.05"))
        figures = [one[name] for one in (small, large) for name in ("pai", "pei", "rri")]
        deviance = f"{told['deviance'][model]:.4f}" if model in told["deviance"] else ""
        lines.append(f"| {model} | {deviance} | " + " | ".join(f"{one:.2f}" for one in figures) + " |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    store = assaults(Path(os.environ["EMBERLINE_DATASETS"]) / FILE)
    page = "\n".join([_HEAD, *(line for one in QUESTIONS for line in _section(store, one))]).rstrip() + "\n"
    if out:
        out.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()

"""Ten years of real incidents: what the forecast is worth beside the same cells as last period."""

import numpy as np
import pytest

from models.hit_rates import hit_rates
from service.analyses.forecast import CHOSEN
from spatial.grid import areas_km2, cells_from_hex
from tests.requirements import dataset_path
from tests.studies.real_forecast import FILE, asked, assaults

pytestmark = pytest.mark.contract


def test_weeks_of_assaults_are_forecast_better_than_by_the_week_before() -> None:
    store = assaults(dataset_path(FILE))
    found = asked(store, resolution=8)
    told = found.emberline["diagnostics"]
    assert told["rows_selected"] == 148_636
    assert told["periods"] == 521
    assert told["forecast_start"] == "2020-01-01T00:00"
    for share, least in (("0.01", 15.0), ("0.05", 10.0)):
        own, naive = told["pooled"][share][CHOSEN], told["pooled"][share]["last-period"]
        assert own["pai"] > max(least, 1.3 * naive["pai"])
        assert own["pei"] > 1.3 * naive["pei"]
        assert 0.9 < own["rri"] < 1.2
    assert told["interval_coverage_busy"] > 0.88
    assert told["expected_total"] == pytest.approx(
        np.mean([one["incidents"] for one in told["backtest"]]), rel=0.1
    )
    # The hit rates of the last week, from what an earlier state of the data forecasts for it.
    before = asked(store, resolution=8, datetime="../2019-12-24", area_share=0.05).collections["cells"]
    after = found.collections["cells"]
    assert before.fids == after.fids
    model = before.columns["expected"]
    areas = areas_km2(cells_from_hex(after.fids))
    again = hit_rates(model, after.columns["last_count"], areas, 0.05)
    chosen_then = told["backtest"][-1]["chosen"]
    assert told["pai"]["0.05"][chosen_then][-1] == pytest.approx(again.pai, rel=0.02)

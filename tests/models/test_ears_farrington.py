"""EARS and Farrington beside the R package `surveillance`, on made weekly counts."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from models.ears import ears
from models.errors import InvalidParameter, TooFewObservations
from models.farrington import farrington
from tests.requirements import missing, need_tool

EARS_R = """
suppressMessages(library(surveillance))
y <- scan("counts.txt", quiet = TRUE)
for (m in c("C1", "C2", "C3")) {
  s <- earsC(sts(y, frequency = 52), control = list(method = m, alpha = %g, baseline = 7))
  writeLines(formatC(as.vector(upperbound(s)), digits = 17), m)
}
"""
FARRINGTON_R = """
suppressMessages(library(surveillance))
y <- scan("counts.txt", quiet = TRUE)
s <- farrington(sts(y, frequency = 52), control = list(b = 4, w = 3, range = 230:length(y), alpha = 0.05,
  reweight = %s, powertrans = "%s", trend = TRUE))
out <- cbind(formatC(as.vector(upperbound(s)), digits = 17), as.integer(alarms(s)))
write.table(out, "out", row.names = FALSE, col.names = FALSE, quote = FALSE)
"""


def rscript(text: str, counts: np.ndarray, folder: Path) -> None:
    program = need_tool("Rscript")
    np.savetxt(folder / "counts.txt", counts, fmt="%.17g")
    (folder / "run.R").write_text(text, encoding="utf-8")
    done = subprocess.run([program, "run.R"], cwd=folder, capture_output=True, text=True, timeout=120)
    if "no package called" in done.stderr:
        missing("the R package surveillance is not installed")
    assert done.returncode == 0, done.stderr


def weekly_counts(mean: float, size: float, growth: float, seed: int) -> np.ndarray:
    """Return six years of negative-binomial counts with a season, a trend and two outbreaks."""
    rng, week = np.random.default_rng(seed), np.arange(312)
    means = mean * np.exp(0.4 * np.sin(2 * np.pi * week / 52) + growth * week)
    counts = rng.negative_binomial(size, size / (size + means))
    counts[[100, 101, 290]] += int(5 * mean)
    return counts


@pytest.mark.reference
@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_ears_equals_r(tmp_path: Path, alpha: float) -> None:
    counts = weekly_counts(10, 5, 0.002, 3).astype(float)
    rscript(EARS_R % alpha, counts, tmp_path)
    reference = {name: np.loadtxt(tmp_path / name) for name in ("C1", "C2", "C3")}
    found = {name: ears(counts, name.lower(), alpha=alpha) for name in reference}
    np.testing.assert_allclose(found["C1"].upper[7:], reference["C1"], rtol=1e-9)
    np.testing.assert_allclose(found["C2"].upper[9:], reference["C2"], rtol=1e-9)
    # For C3 this package puts the observed count where its manual has the mean, and cuts at 0. What the two
    # steps before hand over can be read from its limit all the same, wherever it is not cut.
    quantile = (found["C2"].upper - found["C2"].expected)[20] / np.std(counts[11:18], ddof=1)
    sd = (found["C2"].upper - found["C2"].expected) / quantile
    handed_over = found["C3"].statistic - np.maximum(found["C2"].statistic - 1, 0)
    whole = reference["C3"] > 0
    assert whole.sum() > 150
    theirs = quantile - (reference["C3"] - counts[11:]) / sd[11:]
    np.testing.assert_allclose(handed_over[11:][whole], theirs[whole], rtol=1e-9, atol=1e-9)
    assert handed_over[11:][whole].max() > 1


@pytest.mark.reference
@pytest.mark.parametrize(
    ("counts", "reweight", "power"),
    [
        (weekly_counts(20, 5, 0.0, 1), True, "2/3"),
        (weekly_counts(20, 5, 0.003, 2), True, "2/3"),
        (weekly_counts(3, 2, -0.002, 3), True, "1/2"),
        (weekly_counts(1, 50, 0.0, 4), False, "2/3"),
        (weekly_counts(50, 5, 0.003, 5), True, "none"),
    ],
    ids=["level", "rising", "falling", "sparse", "untransformed"],
)
def test_farrington_equals_r(tmp_path: Path, counts: np.ndarray, reweight: bool, power: str) -> None:
    rscript(FARRINGTON_R % (str(reweight).upper(), power), counts, tmp_path)
    upper, alarm = np.loadtxt(tmp_path / "out", unpack=True)
    found = farrington(counts, range(229, 312), years=4, reweight=reweight, power=power)
    # R stops its fit at a relative change of the deviance of 1e-8, we at 1e-12 of the coefficients: limits
    # agree to about the root of the former. Where too little was counted of late, R sets the limit to 0.
    judged = upper > 0
    assert judged.sum() >= 30
    np.testing.assert_allclose(found.upper[judged], upper[judged], rtol=1e-4)
    assert found.alarm.tolist() == alarm.astype(bool).tolist()
    assert found.alarm[290 - 229]


def test_c3_by_hand() -> None:
    # Every baseline has mean 2 and standard deviation 1; C2 is 3, 1.5 and 2, and 2, 0.5 and 1 are beyond 1.
    values = [1, 1, 1, 2, 3, 3, 3, 1, 1, 5, 3.5, 4]
    np.testing.assert_allclose(ears(values, "c2").statistic[-3:], [3, 1.5, 2])
    found = ears(values, "c3", alpha=0.025)
    assert found.statistic[-1] == pytest.approx(3.5)
    # The two steps before hold 2.5, more than the quantile of 1.96: the last one need not be high.
    assert found.upper[-1] == -np.inf
    assert found.alarm[-1]
    assert np.isnan(found.statistic[:-1]).all()


@pytest.mark.parametrize("method", ["c1", "c2", "c3"])
def test_ears_needs_a_full_baseline(method: str) -> None:
    assert np.isnan(ears([1, 2, 3], method).upper).all()
    assert not ears([], method).alarm.any()


def test_ears_on_a_constant_baseline() -> None:
    found = ears([2] * 8 + [3, 2], "c1")
    assert found.alarm.tolist() == [False] * 8 + [True, False]
    assert found.statistic[8] == np.inf
    assert not ears([2] * 8 + [3], "c1", min_sd=0.5).alarm[-1]


def test_missing_weeks_of_ears_are_no_alarms() -> None:
    found = ears([1, 2, np.nan, 4, 1, 2, 3, 90, 4, 5, 1, 90], "c1")
    assert not found.alarm[:10].any()


def test_ears_refuses_what_it_does_not_know() -> None:
    with pytest.raises(InvalidParameter, match="c1, c2 or c3"):
        ears([1], "c4")
    with pytest.raises(InvalidParameter, match="2 values"):
        ears([1], baseline=1)


def test_an_empty_base_alarms_on_enough_cases_only() -> None:
    counts = np.zeros(320)
    counts[315] = 4
    assert not farrington(counts, [315]).alarm[0]
    counts[315] = 5
    assert farrington(counts, [315]).alarm[0]


def test_farrington_needs_its_years_and_whole_input() -> None:
    with pytest.raises(TooFewObservations, match="263 weeks before"):
        farrington(np.ones(300), [200])
    with pytest.raises(InvalidParameter, match="0 or more"):
        farrington([1, np.nan], [1])
    with pytest.raises(InvalidParameter, match="power"):
        farrington(np.ones(300), [280], power="3/4")


def test_no_week_gives_no_answer() -> None:
    assert len(farrington(np.ones(300), []).upper) == 0

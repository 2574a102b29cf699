"""Gi* with every kernel and every ring beside R spdep and esda, from the same weights."""

import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.getis_ord import KERNELS, kernel_weights
from models.hotspots import hotspots
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index, neighbor_pairs
from tests.requirements import missing, need_tool

LOCAL_G = """
suppressMessages(library(spdep))
x <- scan("values.txt", quiet = TRUE)
w <- read.table("weights.txt")
for (set in unique(w$V1)) {
  part <- w[w$V1 == set, ]
  rows <- split(part, factor(part$V2, levels = seq_along(x) - 1))
  nb <- lapply(rows, function(r) as.integer(r$V3 + 1))
  class(nb) <- "nb"
  attr(nb, "region.id") <- as.character(seq_along(x))
  attr(nb, "self.included") <- TRUE
  g <- localG(x, nb2listw(nb, glist = lapply(rows, function(r) r$V4), style = "B"))
  write(formatC(as.vector(g), digits = 17), "out.txt", ncolumns = 1, append = TRUE)
}
"""
SETTINGS = [(kernel, k) for kernel in KERNELS for k in (1, 2, 4)]


def made(radius: int = 9) -> tuple[NeighborIndex, NDArray[np.int64]]:
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), radius))
    return index, np.random.default_rng(6).negative_binomial(0.5, 0.15, len(index))


def z_of(index: NeighborIndex, values: NDArray[np.int64], kernel: str, k: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return hotspots(values, index, k=k, kernel=kernel, p_method="normal", rng=rng).z


def weights_of(
    index: NeighborIndex, kernel: str, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the weights as (row, column, weight): by how many steps two cells lie apart."""
    by_step = kernel_weights(kernel, k)
    rows, cols = neighbor_pairs(index, k)
    steps = np.full(len(rows), k)
    place = rows * len(index) + cols
    for step in range(k - 1, -1, -1):
        near = neighbor_pairs(index, step) if step else (np.arange(len(index)),) * 2
        steps[np.isin(place, near[0] * len(index) + near[1])] = step
    return rows, cols, by_step[steps]


@pytest.mark.reference
def test_every_kernel_equals_local_g_of_spdep(tmp_path: Path) -> None:
    index, values = made()
    np.savetxt(tmp_path / "values.txt", values, fmt="%d")
    with (tmp_path / "weights.txt").open("w", encoding="utf-8") as file:
        for number, (kernel, k) in enumerate(SETTINGS):
            rows, cols, weights = weights_of(index, kernel, k)
            order = np.lexsort((cols, rows))
            table = np.column_stack([np.full(len(rows), number), rows, cols, weights])[order]
            np.savetxt(file, table, fmt="%d %d %d %.17g")
    (tmp_path / "run.R").write_text(LOCAL_G, encoding="utf-8")
    program = need_tool("Rscript")
    done = subprocess.run([program, "run.R"], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    if "no package called" in done.stderr:
        missing("the R package spdep is not installed")
    assert done.returncode == 0, done.stderr
    theirs = np.loadtxt(tmp_path / "out.txt").reshape(len(SETTINGS), len(index))
    ours = np.array([z_of(index, values, kernel, k) for kernel, k in SETTINGS])
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("k", range(1, 11))
def test_every_ring_equals_esda(k: int) -> None:
    index, values = made(12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about islands and deprecations
        from esda.getisord import G_Local
        from libpysal.weights import WSP

        rows, cols = neighbor_pairs(index, k)
        matrix = csr_array((np.ones(len(rows)), (rows, cols)), shape=(len(index),) * 2)
        weights = WSP(matrix).to_W(silence_warnings=True)
        theirs = G_Local(values.astype(float), weights, transform="B", star=True, permutations=0).Zs
    np.testing.assert_allclose(z_of(index, values, "uniform", k), theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "uniform"])
@pytest.mark.parametrize("side", ["hot", "cold", "both"])
def test_kernels_take_sides_and_alpha(kernel: str, side: str) -> None:
    index, values = made()

    def found(alpha: float) -> NDArray[np.bool_]:
        rng = np.random.default_rng(1)
        verdict = hotspots(
            values, index, k=2, kernel=kernel, side=side, alpha=alpha, simulations=999, rng=rng
        )
        return np.asarray(verdict.classes != "none")

    strict, lenient = found(0.01), found(0.4)
    assert not (strict & ~lenient).any()
    assert lenient.sum() >= strict.sum()

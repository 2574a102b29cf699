"""Density along a real network against R's spatstat.linnet, whose own method solves the same equation."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spatial.network.density import network_density_of_points
from tests.requirements import dataset_path, missing, need_tool
from tests.spatial.network.made_density import made

SIGMA = 60.0
STEPS = (3.0, 1.5)

DENSITY = """
suppressMessages(library(spatstat.linnet))
folder <- commandArgs(TRUE)[1]
v <- read.csv(file.path(folder, "chi_vertices.csv"))
e <- as.matrix(read.csv(file.path(folder, "chi_edges.csv")))
p <- read.csv(file.path(folder, "chi_points.csv"))
m <- read.csv("middles.csv")
L <- linnet(ppp(v$x, v$y, range(v$x), range(v$y)), edges = e)
stopifnot(all(L$from == e[, 1]), all(L$to == e[, 2]))
X <- as.lpp(seg = p$seg, tp = p$tp, L = L)
Q <- as.lpp(seg = m$seg, tp = m$tp, L = L)
for (dx in commandArgs(TRUE)[-(1:2)]) {
  f <- densityfun(X, sigma = as.numeric(commandArgs(TRUE)[2]), dx = as.numeric(dx))
  stopifnot(abs(attr(f, "dx") - as.numeric(dx)) < 1e-9)
  write.table(as.numeric(f(Q)), paste0("density-", dx, ".txt"), row.names = FALSE, col.names = FALSE)
}
"""


@pytest.mark.reference
def test_the_density_of_chicago_is_that_of_spatstat_linnet(tmp_path: Path) -> None:
    folder = dataset_path("corridors/chicago_spatstat")
    vertex = np.loadtxt(folder / "chi_vertices.csv", delimiter=",", skiprows=1)
    edge = np.loadtxt(folder / "chi_edges.csv", delimiter=",", skiprows=1, dtype=np.int64) - 1
    seg, tp = np.loadtxt(folder / "chi_points.csv", delimiter=",", skiprows=1, usecols=(2, 3)).T
    # The file is in feet; nothing here depends on the unit.
    network, routes, lixels = made(vertex[:, 0], vertex[:, 1], edge[:, 0], edge[:, 1], lixel_m=10.0)
    route = seg.astype(np.int64) - 1
    ours = network_density_of_points(
        network, routes, lixels, route, tp * network.length_m[route], sigma_m=SIGMA
    )
    assert (ours * lixels.length_m).sum() / 1000 == pytest.approx(len(route), abs=1e-9)
    middle = (lixels.start_m + lixels.end_m) / 2 / network.length_m[lixels.route]
    coarse, fine = theirs(tmp_path, folder, lixels.route, middle)
    # spatstat steps by whole pieces of dx and gives each vertex one piece's length, a junction of four arms
    # too: its mass comes out 2 % too high at dx = 3 and 1 % at 1.5, and that is the whole of the difference.
    off = [np.abs(ours - density).max() / ours.max() for density in (coarse, fine)]
    assert off[0] < 0.025
    assert off[1] < 0.0125
    assert off[1] < 0.6 * off[0]
    assert np.corrcoef(ours, fine)[0, 1] > 0.9999


def theirs(
    work: Path, folder: Path, route: NDArray[np.int64], middle: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return spatstat's density at the middles of lixels, per 1,000 units, for each step."""
    rows = np.column_stack([route + 1, middle])
    np.savetxt(work / "middles.csv", rows, fmt="%.17g", delimiter=",", header="seg,tp", comments="")
    (work / "run.R").write_text(DENSITY, encoding="utf-8")
    program = need_tool("Rscript")
    asked = [program, "run.R", str(folder), str(SIGMA), *map(str, STEPS)]
    done = subprocess.run(asked, cwd=work, capture_output=True, text=True, timeout=300)
    if "no package called" in done.stderr:
        missing("the R package spatstat.linnet is not installed")
    assert done.returncode == 0, done.stderr
    return [1000 * np.loadtxt(work / f"density-{step}.txt") for step in STEPS]

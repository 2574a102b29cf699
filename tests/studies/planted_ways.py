"""Ways to call cells of the made city: Emberline's methods, and other packages on the same incidents."""

import warnings
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from spatial.grid import boundaries, cells_at
from spatial.neighbors import neighbor_index, neighbor_pairs
from tests.studies.planted_scene import RESOLUTION, Cells, Question, Scene, cells_named

Way = Callable[[Scene, Question], Cells]
Floats = NDArray[np.float64]

ALPHA = 0.05
#: esda is given the middle of the rings that `k=auto` combines.
_PEER_RING = 2
_PERMUTATIONS = 999
_DBSCAN_EPS_M, _DBSCAN_LEAST = 300.0, 10
_EARTH_RADIUS_M = 6_371_008.8


def hotspots_by_risk(scene: Scene, question: Question) -> Cells:
    """`hotspots` over the residents."""
    return _hotspots(scene, question, population="population")


def hotspots_by_number(scene: Scene, question: Question) -> Cells:
    """`hotspots` of the numbers alone."""
    return _hotspots(scene, question)


def _hotspots(scene: Scene, question: Question, **more: str) -> Cells:
    found = scene.ask("hotspots", question.inputs | {"resolution": RESOLUTION} | more)
    columns = found.columns
    return cells_named(
        [h3 for h3, kind in zip(columns["h3"], columns["class"], strict=True) if kind == "hot"]
    )


def high_cells(scene: Scene, question: Question) -> Cells:
    """`outliers`: cells high among high ones, or high among low ones."""
    columns = scene.ask("outliers", question.inputs | {"resolution": RESOLUTION}).columns
    pairs = zip(columns["h3"], columns["class"], strict=True)
    return cells_named([h3 for h3, kind in pairs if kind in ("HH", "HL")])


def clusters_as_given(scene: Scene, question: Question) -> Cells:
    """`clusters` with its own defaults: cells that the outlines touch."""
    return _clusters(scene, question)


def clusters_without_piles(scene: Scene, question: Question) -> Cells:
    """`clusters` with piles collapsed."""
    return _clusters(scene, question, collapse_piles=True)


def _clusters(scene: Scene, question: Question, **more: bool) -> Cells:
    shapes = scene.ask("clusters", question.inputs | more).geometries
    if shapes is None or not len(shapes):
        return cells_named([])
    tree = shapely.STRtree(boundaries(scene.study_cells))
    return scene.study_cells[np.unique(tree.query(shapes, predicate="intersects")[1])]


def scan_by_risk(scene: Scene, question: Question) -> Cells:
    """`scan`, purely spatial, over the residents: cells of the clusters whose p is at most 0.05."""
    return _scan(scene, question)


def scan_by_equal_risk(scene: Scene, question: Question) -> Cells:
    """`scan` as above, where ordinary cells are taken to have the same risk."""
    return _scan(scene, question, null_model="poisson")


def _scan(scene: Scene, question: Question, **more: str) -> Cells:
    asked = {"resolution": RESOLUTION, "bin": "none", "population": "population", "significant": True}
    columns = scene.ask("scan", question.inputs | asked | more).columns
    return cells_named([h3 for some in columns["cells"] for h3 in some])


def counts_of(scene: Scene, question: Question) -> Floats:
    """Return the incidents of a question by cell of the study area."""
    rows = scene.rows(question)
    cells = cells_at(rows["lng"].to_numpy(), rows["lat"].to_numpy(), RESOLUTION)
    place = np.minimum(np.searchsorted(scene.study_cells, cells), len(scene.study_cells) - 1)
    is_inside = scene.study_cells[place] == cells
    return np.bincount(place[is_inside], minlength=len(scene.study_cells)).astype(float)


def esda_gi_star(scene: Scene, question: Question) -> Cells:
    """esda: Gi* of the numbers, 999 permutations, Benjamini-Hochberg."""
    return _esda_gi_star(scene, counts_of(scene, question))


def esda_gi_star_of_rates(scene: Scene, question: Question) -> Cells:
    """esda: Gi* of the raw rates, 999 permutations, Benjamini-Hochberg."""
    asked = question.inputs | {"resolution": RESOLUTION, "population": "population"}
    columns = scene.ask("cells", asked).columns
    people_of = dict(zip(columns["h3"], np.asarray(columns["population"], dtype=float), strict=True))
    cells = cells_named(list(people_of))
    people = np.zeros(len(scene.study_cells))
    people[np.searchsorted(scene.study_cells, cells)] = list(people_of.values())
    rate = np.zeros(len(people))
    np.divide(counts_of(scene, question), people, out=rate, where=people > 0)
    return _esda_gi_star(scene, rate)


def _esda_gi_star(scene: Scene, values: Floats) -> Cells:
    from esda.getisord import G_Local

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = G_Local(
            values, _weights(scene), transform="B", star=True, permutations=_PERMUTATIONS, seed=0, n_jobs=1
        )
    is_hot = (false_discovery_control(found.p_sim) <= ALPHA) & (found.Zs > 0)
    return scene.study_cells[is_hot]


def esda_moran(scene: Scene, question: Question) -> Cells:
    """esda: local Moran of the numbers, 999 permutations, Benjamini-Hochberg; HH and HL."""
    from esda.moran import Moran_Local

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = counts_of(scene, question)
        found = Moran_Local(
            values, _weights(scene), transformation="R", permutations=_PERMUTATIONS, seed=0, n_jobs=1
        )
    is_called = (false_discovery_control(found.p_sim) <= ALPHA) & np.isin(found.q, (1, 4))
    return scene.study_cells[is_called]


def _weights(scene: Scene) -> object:
    """Return the weights of libpysal: cells within two steps, self left out (`star` puts it in)."""
    from libpysal.weights import WSP
    from scipy.sparse import csr_array

    rows, cols = neighbor_pairs(neighbor_index(scene.study_cells), _PEER_RING)
    other, n = rows != cols, len(scene.study_cells)
    pairs = csr_array((np.ones(int(other.sum())), (rows[other], cols[other])), shape=(n, n))
    return WSP(pairs).to_W(silence_warnings=True)


def plain_dbscan(scene: Scene, question: Question) -> Cells:
    """scikit-learn: DBSCAN of the incidents, 300 m and 10 incidents; cells that hold clustered ones."""
    from sklearn.cluster import DBSCAN

    rows = scene.rows(question)
    lng, lat = rows["lng"].to_numpy(), rows["lat"].to_numpy()
    model = DBSCAN(
        eps=_DBSCAN_EPS_M / _EARTH_RADIUS_M,
        min_samples=_DBSCAN_LEAST,
        metric="haversine",
        algorithm="ball_tree",
    )
    labels = model.fit_predict(np.radians(np.column_stack([lat, lng])))
    cells = np.unique(cells_at(lng[labels >= 0], lat[labels >= 0], RESOLUTION))
    return cells[np.isin(cells, scene.study_cells)]


WAYS: dict[str, Way] = {
    "`hotspots`, population": hotspots_by_risk,
    "`scan`, population": scan_by_risk,
    "`scan`, population, null_model=poisson": scan_by_equal_risk,
    "esda Gi* of rates": esda_gi_star_of_rates,
    "`hotspots`": hotspots_by_number,
    "esda Gi*": esda_gi_star,
    "`outliers`": high_cells,
    "esda local Moran": esda_moran,
    "`clusters`, collapse_piles": clusters_without_piles,
    "`clusters`": clusters_as_given,
    "scikit-learn DBSCAN": plain_dbscan,
}

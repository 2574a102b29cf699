"""Values of cells as the permutation methods take them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter, TooFewObservations


def checked_values(values: ArrayLike, n_cells: int, method: str) -> NDArray[Any]:
    """Return one finite value per cell: whole numbers as int64, others as float64.

    Numbers so large that a float64 could not hold their sum exactly stay what they are.

    Raises
    ------
    InvalidParameter
        If there is not one value for each cell, or one is not finite.
    TooFewObservations
        If there is no cell.

    Examples
    --------
    >>> checked_values([1.0, 2.0], 2, "Gi*").dtype, checked_values([1.5, 2.0], 2, "Gi*").dtype
    (dtype('int64'), dtype('float64'))
    """
    x = np.asarray(values)
    if x.shape != (n_cells,):
        raise InvalidParameter(f"one value for each of {n_cells} cells was needed, got shape {x.shape}")
    if not len(x):
        raise TooFewObservations(f"{method} needs at least 1 cell, got 0")
    if x.dtype.kind in "iub":
        return x.astype(np.int64, copy=False)
    x = x.astype(np.float64, copy=False)
    if not np.isfinite(x).all():
        raise InvalidParameter(f"finite values were needed, got {int((~np.isfinite(x)).sum())} that are not")
    is_whole = bool((x == np.rint(x)).all()) and float(np.abs(x).max()) < 2**53 / len(x)
    return x.astype(np.int64) if is_whole else x

"""What can go wrong on the spatial floor. Messages say what was needed and what came."""


class SpatialError(Exception):
    """Base of every error of this floor."""


class ResolutionOutOfRange(SpatialError, ValueError):
    """An H3 resolution outside 0–15, or finer than the cells it is asked of."""


class TooManyCells(SpatialError, ValueError):
    """The study area has more cells than allowed; the message names the resolution that fits."""


class EmptyStudyArea(SpatialError, ValueError):
    """No cell lies in the study area."""


class InvalidCells(SpatialError, ValueError):
    """Numbers or texts that are no H3 cells, or cells not in the order or of the resolution needed."""


class InvalidGeometry(SpatialError, ValueError):
    """A geometry that cannot be used, after repair was tried."""


class UnknownCrs(SpatialError, ValueError):
    """A coordinate reference system that is not known or has no path to WGS 84."""


class InvalidValues(SpatialError, ValueError):
    """Values or weights that do not fit what they belong to: too few, too many, infinite or negative."""

"""What can go wrong on the models floor. Messages say what was needed and what came."""


class ModelError(Exception):
    """Base of every error of this floor."""


class TooFewObservations(ModelError, ValueError):
    """Fewer cells or incidents than the statistic needs."""


class DegenerateInput(ModelError, ValueError):
    """All values equal, or no neighbour anywhere: the statistic has no answer."""


class InvalidParameter(ModelError, ValueError):
    """A parameter outside its range."""


class DidNotConverge(ModelError, ArithmeticError):
    """A fit that found no answer."""

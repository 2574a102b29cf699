"""What can go wrong on the data floor.

DataError
├── UnreadableFile          the file is not what it claims to be (ValueError)
├── UnknownFormat           no reader for it (ValueError)
├── MissingField            a needed column is not there (LookupError)
├── InvalidMapping          --map names a field or column that does not exist (ValueError)
├── InvalidFilter           a filter that the engine cannot answer (ValueError)
├── LayerNotFound           (LookupError)
├── LayerExists             a clash of ids or kinds (ValueError)
├── SumsExist               the layer holds sums to which no others can be added (ValueError)
├── AnalysisNotFound        (LookupError)
├── SnapshotNotFound        (LookupError)
├── StoreLocked             another process holds the store (OSError)
└── StoreUnavailable        the store cannot be opened (OSError)

Messages say what was needed and what came, in one line.
"""


class DataError(Exception):
    """Base of every error of this floor."""


class UnreadableFile(DataError, ValueError):
    """The file is broken or not of the format its name or content claims."""


class UnknownFormat(DataError, ValueError):
    """No reader takes this file."""


class MissingField(DataError, LookupError):
    """A field that the layer's kind needs was not found among the columns."""


class InvalidMapping(DataError, ValueError):
    """A mapping names a field or a column that does not exist."""


class InvalidFilter(DataError, ValueError):
    """A filter that the engine cannot answer."""


class LayerNotFound(DataError, LookupError):
    """No layer has this id."""


class LayerExists(DataError, ValueError):
    """The id is taken by a layer of another kind or by an analysis."""


class SumsExist(DataError, ValueError):
    """The layer holds the sums of other files, to which these cannot be added."""


class AnalysisNotFound(DataError, LookupError):
    """No saved analysis has this id."""


class SnapshotNotFound(DataError, LookupError):
    """No stored snapshot has this collection, view and run."""


class StoreLocked(DataError, OSError):
    """Another process holds the store's file."""


class StoreUnavailable(DataError, OSError):
    """The store cannot be opened or written."""

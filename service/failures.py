"""What the command line says of an error, and its exit code: 1 failed, 2 not understood."""

from pydantic import ValidationError

from data.errors import DataError, InvalidMapping
from models.errors import InvalidParameter, ModelError
from service.errors import InvalidInputs, InvalidQuery, NonLoopbackRefused, ServiceError
from service.outputs import UnknownOutput
from spatial.errors import SpatialError

_USAGE = (InvalidInputs, InvalidQuery, InvalidMapping, InvalidParameter, UnknownOutput, NonLoopbackRefused)


def told(error: Exception) -> tuple[str, int] | None:
    """Return one sentence and the exit code; None for what nobody foresaw."""
    if isinstance(error, ValidationError):
        return _setting(error), 2
    if isinstance(error, _USAGE):
        return str(error), 2
    if isinstance(error, DataError | ModelError | SpatialError | ServiceError):
        return str(error), 1
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}", 1
    return None


def _setting(error: ValidationError) -> str:
    """Return which setting does not fit; anything else that is validated raises an error of its own."""
    first = error.errors()[0]
    name = "EMBERLINE_" + "_".join(map(str, first["loc"])).upper()
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}, got {first['input']!r}"

"""One line per request, with its id; tracebacks only for what nobody foresaw.

Never the query of a request, a body, a token or a coordinate.
"""

import logging
import sys

_LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"


def set_up_logging(level: str) -> None:
    """Send the log to standard error. Called once, by the command that starts the service."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_LINE))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Its own line per request would repeat ours, query included.
    logging.getLogger("uvicorn.access").disabled = True

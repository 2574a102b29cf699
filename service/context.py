"""What every route is given: settings, what can be read, what can be done, and a cache of bodies."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from service.catalog import Catalog
from service.responses import ByteCache
from service.settings import Settings
from service.use_cases import UseCases


@dataclass(frozen=True)
class Backend:
    """The two sides the routes stand on, and how to let go of them at the end."""

    catalog: Catalog
    use_cases: UseCases
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Context:
    """One application's parts."""

    settings: Settings
    catalog: Catalog
    use_cases: UseCases
    cache: ByteCache


def context_of(request: Request) -> Context:
    """Return the application's parts."""
    context: Context = request.app.state.context
    return context


def view_of(request: Request) -> str:
    """Return which view of the findings this request may see; until access control comes, all of it."""
    return "responder"

"""The application: the only place where settings, store, use cases, routes and middleware meet."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from service import errors, wiring
from service.catalog import Catalog
from service.context import Backend, Context
from service.middleware import Cors, RequestLog, TrustedProxies
from service.responses import ByteCache
from service.routes import collections, items, landing, layers, map_page, processes
from service.settings import Settings
from service.use_cases import UseCases

STATIC_FOLDER = Path(__file__).parent / "static"


def create_app(
    settings: Settings | None = None,
    *,
    catalog: Catalog | None = None,
    use_cases: UseCases | None = None,
    open_backend: Callable[[Settings], Backend] = wiring.open_backend,
    static_folder: Path = STATIC_FOLDER,
) -> FastAPI:
    """Return the application.

    The store is opened from `settings.store_url`, unless catalog and use cases are given (as tests do).
    """
    settings = settings or Settings()
    if catalog is not None and use_cases is not None:
        backend = Backend(catalog, use_cases)
    else:
        backend = open_backend(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        backend.close()

    app = FastAPI(
        title=settings.title,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.static_folder = static_folder
    app.state.context = Context(
        settings, backend.catalog, backend.use_cases, ByteCache(settings.response_cache_bytes)
    )
    for part in (landing, collections, items, processes, layers, map_page):
        # Put in place as they are: an included router would hide what OPTIONS and the log look up.
        app.router.routes.extend(part.router.routes)
    errors.install(app)
    app.add_middleware(RequestLog, router=app.router)
    app.add_middleware(Cors, router=app.router)
    if settings.trusted_proxies:
        app.add_middleware(TrustedProxies, addresses=settings.trusted_proxies)
    return app


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Return how uvicorn runs the application: our own log line, and only proxies that the settings name."""
    return {
        "host": settings.host,
        "port": settings.port,
        "root_path": settings.root_path,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
    }

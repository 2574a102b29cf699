"""Store, catalog and use cases put together, as the service runs them."""

from datetime import timedelta

from service.context import Backend
from service.settings import Settings
from service.store_catalog import StoreCatalog
from service.store_use_cases import StoreUseCases
from service.stores import open_store


def open_backend(settings: Settings) -> Backend:
    """Open the store of the settings; published analyses follow data that came while nobody served."""
    store = open_store(settings.store_url)
    grace = timedelta(minutes=settings.snapshot_grace_minutes)
    use_cases = StoreUseCases(store, max_cells=settings.max_cells, grace=grace)
    catalog = StoreCatalog(store, cache_bytes=settings.snapshot_cache_bytes, grace=grace)
    use_cases.changed = catalog.refresh
    use_cases.refresh_all()
    return Backend(catalog, use_cases, use_cases.close)

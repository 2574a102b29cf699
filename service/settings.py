"""What an operator can set, by argument or by environment (`EMBERLINE_…`). Read once, in `create_app`."""

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.errors import NonLoopbackRefused


class Settings(BaseSettings):
    """Settings of the service; every field can be set as `EMBERLINE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="EMBERLINE_", frozen=True, use_attribute_docstrings=True)

    store_url: str = "duckdb:///emberline.duckdb"
    """Where layers and findings are kept: `duckdb:///PATH` or `postgresql://…`."""

    title: str = "Emberline"
    """Title of the landing page."""

    description: str = "Statistically sound hotspots from incident records, through the OGC API."
    """Sentence of the landing page."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but a loopback address needs `insecure`."""

    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on."""

    insecure: bool = False
    """Serve on a reachable address although nobody is asked who they are."""

    public_url: str | None = None
    """Base of every link, such as `https://maps.example.gov/emberline`; by default the request's own."""

    root_path: str = ""
    """Path below which a proxy mounts the service; the proxy strips it."""

    trusted_proxies: list[str] = []
    """Addresses of proxies whose `X-Forwarded-Proto`, `-Host` and `-Prefix` are believed."""

    write_origins: list[str] = []
    """Origins of other sites whose pages may send data; reading is open to all."""

    default_limit: int = Field(default=10, ge=1, le=10_000)
    """Features per page when `limit` is not given."""

    max_limit: int = Field(default=10_000, ge=1, le=100_000)
    """Most features per page; a larger `limit` is lowered to it."""

    max_body_bytes: int = Field(default=32 * 2**20, ge=1024)
    """Largest JSON or NDJSON body in bytes."""

    max_upload_bytes: int = Field(default=4 * 2**30, ge=1024)
    """Largest uploaded file in bytes."""

    max_cells: int = Field(default=5_000_000, ge=1)
    """Most cells of a study area."""

    gzip_min_bytes: int = Field(default=8 * 1024, ge=0)
    """Bodies smaller than this are sent as they are: compressing them costs more than it saves."""

    response_cache_bytes: int = Field(default=64 * 2**20, ge=0)
    """Memory for compressed pages and downloads that may be asked for again, in bytes."""

    snapshot_cache_bytes: int = Field(default=512 * 2**20, ge=0)
    """Memory for snapshots that were read from the store, in bytes; the newest always stays."""

    snapshot_grace_minutes: int = Field(default=15, ge=0)
    """How long a superseded snapshot stays readable, in minutes."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severity that is logged."""

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError(f"public_url needs http(s)://host…, got {url!r}")
        return None if url is None else url.rstrip("/")


def check_bind(host: str, insecure: bool) -> None:
    """Refuse to listen where others could reach a service that asks nobody who they are.

    Raises
    ------
    NonLoopbackRefused
        If `host` is not a loopback address and `insecure` is false.

    Examples
    --------
    >>> check_bind("127.0.0.1", insecure=False)
    >>> check_bind("0.0.0.0", insecure=True)
    """
    if insecure or _is_loopback(host):
        return
    raise NonLoopbackRefused(
        f"serving on {host} would let everyone who reaches this machine read and write all layers, "
        "and access control is not set up; use a loopback address such as 127.0.0.1, or add --insecure "
        "to serve without access control"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

"""The same use cases through a running service: what `--store http://…` stands for."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

from service.errors import ServiceError
from service.ingesting import IngestOrder

#: Uploads and runs answer when they are done; the service bounds them, not the client.
_TIMEOUT = httpx2.Timeout(10.0, read=None, write=None)


class ServiceRefused(ServiceError, RuntimeError):
    """The service answered with a problem, or did not answer."""


class RemoteService:
    """A running service as the command line uses it."""

    def __init__(self, url: str, client: httpx2.Client | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = client or httpx2.Client(base_url=self.url, timeout=_TIMEOUT)

    def __enter__(self) -> "RemoteService":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def layers(self) -> list[dict[str, Any]]:
        """Return every layer."""
        return list(self._answer("GET", "/layers", params={"f": "json"}).json()["layers"])

    def ingest(self, path: Path, order: IngestOrder) -> dict[str, Any]:
        """Send a file; the answer is given after commit."""
        asked: list[tuple[str, str]] = [("filename", path.name), ("kind", order.kind)]
        asked += [("map", f"{field}={column}") for field, column in order.mapping.items()]
        for name in ("crs", "timezone", "boundary", "title"):
            if getattr(order, name):
                asked.append((name, getattr(order, name)))
        asked += [(name, "true") for name in ("drop_duplicates", "replace") if getattr(order, name)]
        with path.open("rb") as file:
            answer = self._answer(
                "POST",
                f"/layers/{order.layer}/uploads",
                params=asked,
                content=file,
                headers={"Content-Type": "application/octet-stream"},
            )
        return dict(answer.json())

    def rejects(self, layer: str, ingest: int, n_rejected: int) -> list[dict[str, Any]]:
        """Return all rejected rows of an ingest."""
        found: list[dict[str, Any]] = []
        while len(found) < n_rejected:
            asked = {"f": "json", "ingest": str(ingest), "limit": "10000", "offset": str(len(found))}
            page = self._answer("GET", f"/layers/{layer}/rejects", params=asked).json()["rejects"]
            if not page:
                break
            found += page
        return found

    def execute(self, method: str, inputs: Mapping[str, Any]) -> bytes:
        """Run a method in the service and return its FeatureCollection."""
        return bytes(self._answer("POST", f"/processes/{method}/execution", json={"inputs": inputs}).content)

    def publish(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Publish an analysis in the service."""
        return dict(self._answer("POST", "/analyses", json=dict(definition)).json())

    def _answer(self, verb: str, path: str, **how: Any) -> httpx2.Response:
        try:
            answer = self._client.request(verb, path, **how)
        except httpx2.HTTPError as err:
            raise ServiceRefused(f"the service at {self.url} did not answer: {err}") from err
        if answer.is_success:
            return answer
        raise ServiceRefused(f"the service at {self.url} answered {answer.status_code}: {_detail(answer)}")


def _detail(answer: httpx2.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.reason_phrase
    words = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else None
    return str(words or answer.reason_phrase)

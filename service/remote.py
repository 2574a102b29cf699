"""The same use cases through a running service: what `--store http://…` stands for."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2

from service.errors import InvalidInputs, ServiceError
from service.ingesting import IngestOrder

#: Uploads and runs answer when they are done; the service bounds them, not the client.
_TIMEOUT = httpx2.Timeout(10.0, read=None, write=None)


#: Problems that are the asker's own: exit code 2, as it is without a service between.
_USAGE = tuple(
    f"/problems/{name}"
    for name in ("invalid-inputs", "invalid-parameter", "unknown-parameter", "invalid-mapping")
)


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
        return list(self._document("GET", "/layers", params={"f": "json"}, member="layers"))

    def ingest(self, path: Path, order: IngestOrder) -> dict[str, Any]:
        """Send a file; the answer is given after commit."""
        asked: list[tuple[str, str]] = [("filename", path.name), ("kind", order.kind)]
        asked += [("map", f"{field}={column}") for field, column in order.mapping.items()]
        for name in ("crs", "timezone", "boundary", "title"):
            if getattr(order, name):
                asked.append((name, str(getattr(order, name))))
        asked += [(name, "true") for name in ("drop_duplicates", "replace") if getattr(order, name)]
        with path.open("rb") as file:
            answer = self._request(
                "POST",
                f"/layers/{_part(order.layer)}/uploads",
                params=asked,
                content=file,
                headers={"Content-Type": "application/octet-stream"},
            )
        if _type_of(answer) == "/problems/records-rejected":
            # Told as a local store tells it: with counts and reasons.
            log = self._document("GET", f"/layers/{_part(order.layer)}/ingests", params={"f": "json"})
            return {**log["ingests"][0], "ingest": log["ingests"][0]["id"]}
        return dict(_document_of(self._checked(answer), self.url))

    def rejects(self, layer: str, ingest: int, n_rejected: int) -> list[dict[str, Any]]:
        """Return all rejected rows of an ingest."""
        found: list[dict[str, Any]] = []
        while len(found) < n_rejected:
            asked = {"f": "json", "ingest": str(ingest), "limit": "10000", "offset": str(len(found))}
            page = self._document("GET", f"/layers/{_part(layer)}/rejects", params=asked, member="rejects")
            if not page:
                break
            found += page
        return found

    def execute(self, method: str, inputs: Mapping[str, Any]) -> bytes:
        """Run a method in the service and return its FeatureCollection."""
        return bytes(
            self._answer("POST", f"/processes/{_part(method)}/execution", json={"inputs": inputs}).content
        )

    def publish(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Publish an analysis in the service."""
        return dict(self._document("POST", "/analyses", json=dict(definition)))

    def _document(self, verb: str, path: str, *, member: str | None = None, **how: Any) -> Any:
        found = _document_of(self._answer(verb, path, **how), self.url)
        if member is None:
            return found
        if member not in found:
            raise ServiceRefused(f"{self.url} is no Emberline service: its {path} has no {member}")
        return found[member]

    def _answer(self, verb: str, path: str, **how: Any) -> httpx2.Response:
        return self._checked(self._request(verb, path, **how))

    def _request(self, verb: str, path: str, **how: Any) -> httpx2.Response:
        try:
            return self._client.request(verb, path, **how)
        except (httpx2.HTTPError, httpx2.InvalidURL) as err:
            raise ServiceRefused(f"the service at {self.url} did not answer: {err}") from err

    def _checked(self, answer: httpx2.Response) -> httpx2.Response:
        """Return the answer, or raise what the service says of it."""
        if answer.is_success:
            return answer
        words = f"the service at {self.url} answered {answer.status_code}: {_detail(answer)}"
        raise InvalidInputs(words) if _type_of(answer) in _USAGE else ServiceRefused(words)


def _part(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")


def _document_of(answer: httpx2.Response, url: str) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as err:
        raise ServiceRefused(f"{url} is no Emberline service: its answer is no JSON") from err
    if not isinstance(found, dict):
        raise ServiceRefused(f"{url} is no Emberline service: it answered {type(found).__name__}")
    return found


def _problem(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) and not answer.is_success else {}


def _type_of(answer: httpx2.Response) -> str:
    return str(_problem(answer).get("type", ""))


def _detail(answer: httpx2.Response) -> str:
    problem = _problem(answer)
    return str(problem.get("detail") or problem.get("title") or answer.reason_phrase)

"""The service that real clients are let loose on: 10,000 made cells, odd areas, a raw layer.

`/asked` (of this test service only) tells which requests came since it was last read.
"""

import json

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from service.app import create_app
from service.settings import Settings
from tests.service.memory import MemoryCatalog, NotingUseCases, areas, calls, cells

N_CELLS = 10_000


def made_app() -> FastAPI:
    catalog = MemoryCatalog(cells(N_CELLS), areas(), layers=(calls(),))
    app = create_app(Settings(), catalog=catalog, use_cases=NotingUseCases())
    app.add_middleware(_Noting)
    return app


class _Noting:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/asked":
            body = json.dumps(self.asked).encode()
            self.asked.clear()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
        else:
            self.asked.append(f"{scope['path']}?{scope['query_string'].decode()}")
            await self.app(scope, receive, send)

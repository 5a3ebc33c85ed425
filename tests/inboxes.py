"""Servers that only listen: inboxes on loopback that answer as told, and keep what they were sent."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests import signing


@dataclass(frozen=True)
class Said:
    """What a server answers."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Listener:
    """One server, at a port of its address, whose inboxes are all paths.

    It gives `answers` as long as there are any, then what `answer` says for the path.
    """

    host: str = ""
    address: str = "127.0.0.1"
    answer: Callable[[str], Said] = lambda _: Said()
    answers: deque[Said] = field(default_factory=deque)
    delay: float = 0.0
    received: list[signing.Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    runner: web.AppRunner | None = None

    def inbox(self, path: object = "inbox") -> str:
        return f"http://{self.host}/{path}"

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What arrived, in order."""
        return [json.loads(each.body or b"{}") for each in self.received]

    @property
    def paths(self) -> list[str]:
        return [signing.target(each.url) for each in self.received]

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        port = int(self.host.rpartition(":")[2] or 0)
        await web.TCPSite(self.runner, self.address, port, reuse_address=True).start()
        self.host = f"{self.address}:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def _take(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            body = await request.read()
            await asyncio.sleep(self.delay)
        finally:
            self.at_once -= 1
        url = f"http://{self.host}{request.raw_path}"
        self.received.append(signing.Request("POST", url, tuple(request.headers.items()), body))
        said = self.answers.popleft() if self.answers else self.answer(request.path)
        return web.Response(status=said.status, headers=said.headers)


@asynccontextmanager
async def listening(number: int = 1) -> AsyncIterator[list[Listener]]:
    """So many servers."""
    servers = [Listener() for _ in range(number)]
    for server in servers:
        await server.start()
    try:
        yield servers
    finally:
        for server in servers:
            await server.stop()

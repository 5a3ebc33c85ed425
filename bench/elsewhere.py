"""The other servers, in one process: people's documents, and inboxes that count what they get."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized

import uvloop
from aiohttp import web

from bench.crowd import Crowd

FORK = get_context("fork")


class Elsewhere:
    """Servers on `ports`. `heard` is the number of requests that their inboxes took."""

    def __init__(self, servers: int) -> None:
        # Listening from now on: a port that is only looked for may be somebody else's by then.
        self._listening = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(servers)]
        self.ports = [each.getsockname()[1] for each in self._listening]
        self.heard: Synchronized[int] = FORK.Value("i", 0)

    @property
    def origins(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @contextmanager
    def serving(self, crowd: Crowd | None = None) -> Iterator[None]:
        process = FORK.Process(target=_run, args=(crowd, self._listening, self.heard), daemon=True)
        process.start()
        try:
            yield
        finally:
            process.terminate()
            process.join()
            for each in self._listening:
                each.close()


def _run(crowd: Crowd | None, listening: Sequence[socket.socket], heard: "Synchronized[int]") -> None:
    async def person(request: web.Request) -> web.Response:
        if crowd is None:
            raise web.HTTPNotFound
        body = crowd.document(int(request.match_info["person"]))
        return web.Response(body=body, content_type="application/activity+json")

    async def inbox(request: web.Request) -> web.Response:
        await request.read()
        heard.value += 1
        return web.Response(status=202)

    async def serve() -> None:
        app = web.Application()
        app.router.add_get(r"/users/u{person:\d+}", person)
        app.router.add_post("/{inbox:.*}", inbox)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        for each in listening:
            await web.SockSite(runner, each, backlog=1024).start()
        await asyncio.Event().wait()

    uvloop.run(serve())

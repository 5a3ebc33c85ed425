"""The other servers, in one process: people's documents, and inboxes that count what they get."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized

import uvloop
from aiohttp import web

from bench import instance, limits
from bench.crowd import Crowd

FORK = get_context("fork")


class Elsewhere:
    """Servers on `ports`. `heard` is the number of requests that their inboxes took."""

    def __init__(self, servers: int) -> None:
        self.ports = [instance.free_port() for _ in range(servers)]
        self.heard: Synchronized[int] = FORK.Value("i", 0)

    @property
    def origins(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @contextmanager
    def serving(self, crowd: Crowd | None = None) -> Iterator[None]:
        process = FORK.Process(target=_run, args=(crowd, self.ports, self.heard), daemon=True)
        process.start()
        try:
            for port in self.ports:
                limits.wait_for(port)
            yield
        finally:
            process.terminate()
            process.join()


def _run(crowd: Crowd | None, ports: Sequence[int], heard: "Synchronized[int]") -> None:
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
        for port in ports:
            await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()

    uvloop.run(serve())

"""What stands in front of an instance: a proxy with a certificate, as good or as bad as a test wants it."""

import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Self
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import abc, web
from multidict import CIMultiDict
from yarl import URL

Answering = Callable[[web.Request], Awaitable[web.Response]]


class Front:
    """Hands requests on to `behind` (a base URL). Each attribute is something that real proxies do."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.host: str | None = None
        """What it says instead of the Host that was asked for."""
        self.forwarding = "append"
        """Of X-Forwarded-For: append, pass on, or drop."""
        self.decoding = False
        self.accept: str | None = None
        self.limit = 16 * 1024 * 1024
        self.drops: set[str] = set()
        """Headers of answers that it leaves out."""
        self.keeps = False
        """Gives the first answer to an address to everybody."""
        self.own: dict[str, web.Response] = {}
        """Paths that it answers itself."""
        self.port = 0
        self._kept: dict[str, tuple[int, bytes, CIMultiDict[str]]] = {}
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self, tls: ssl.SSLContext | None) -> Self:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path in self.own:
            own = self.own[request.path]
            return web.Response(status=own.status, body=own.body, headers=own.headers)
        body = await request.read()
        if len(body) > self.limit:
            return web.Response(status=413, text="<h1>413 Request Entity Too Large</h1>")
        if self.keeps and request.path in self._kept:
            status, kept, headers = self._kept[request.path]
            return web.Response(status=status, body=kept, headers=headers)
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        target = quote(unquote(request.raw_path), safe="/?=&+") if self.decoding else request.raw_path
        async with self._session.request(
            request.method,
            URL(f"{self.behind}{target}", encoded=True),
            headers=self._headers(request),
            data=body,
            allow_redirects=False,
        ) as answer:
            headers = CIMultiDict(answer.headers)
            for name in {"Transfer-Encoding", "Content-Length", "Connection", *self.drops}:
                headers.popall(name, None)
            read = await answer.read()
            if request.method == "GET":
                self._kept[request.path] = answer.status, read, headers
            return web.Response(status=answer.status, body=read, headers=headers)

    def _headers(self, request: web.Request) -> CIMultiDict[str]:
        headers = CIMultiDict(request.headers)
        headers.popall("Content-Length", None)
        if self.host is not None:
            headers["Host"] = self.host
        if self.accept is not None:
            headers["Accept"] = self.accept
        before = headers.popall("X-Forwarded-For", [])
        if self.forwarding == "append":
            headers["X-Forwarded-For"] = ", ".join([*before, str(request.remote)])
        elif self.forwarding == "pass" and before:
            headers["X-Forwarded-For"] = before[0]
        return headers


class Doors(abc.AbstractResolver):
    """Every name leads to 127.0.0.1, and each port to another one."""

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        return [
            abc.ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self.ports[port],
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass

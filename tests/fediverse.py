"""The other servers: real HTTP on loopback, under names of their own; nothing of ours inside."""

import asyncio
import functools
import itertools
import json
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web
from yarl import URL

from tests import dialects, signing
from tests.clock import Clock
from tests.dialects import Dialect, Document
from tests.federation.peers import Authority, Internet, Names
from tests.people import Algorithm, Answer, Person


@functools.cache
def authority() -> Authority:
    return Authority()


@functools.cache
def certificate(host: str) -> ssl.SSLContext:
    with tempfile.TemporaryDirectory() as directory:
        return authority().server(host, Path(directory))


@dataclass
class Asked:
    """A request that a stand-in server got from us."""

    request: signing.Request
    document: Document | None


class Fediverse:
    """All the servers of one test, and how they and ours find each other.

    Names, addresses and certificates are those of a public network that leads to loopback: our server runs as
    it would in production. With `dev` they are plain http servers at ports of 127.0.0.1.
    """

    def __init__(self, clock: Clock, *, dev: bool = False) -> None:
        self.clock = clock
        self.dev = dev
        self.names = Names({})
        self.internet = Internet()
        self.homes: dict[str, str] = {}
        """Where an origin of ours really listens, by origin."""
        self.pace = 1.0
        """Seconds that pass after each request, for signatures of the same second are the same."""
        self._servers: list[Server] = []
        self._session: aiohttp.ClientSession | None = None

    @property
    def doors(self) -> dict[str, Any]:
        """What `app.open_instance` is given, so that our server finds these."""
        if self.dev:
            return {}
        return {"resolver": self.names, "ssl": authority().client(), "dial": self.internet.dial}

    async def server(self, host: str = "elsewhere.test", software: str = "mastodon") -> "Server":
        """A new server; in dev mode its host is another one."""
        server = Server(self, host, dialects.DIALECTS[software])
        await server.start()
        if not self.dev:
            address = f"93.184.216.{10 + len(self._servers)}"
            self.names.names[host] = [[address]]
            self.internet.host(address, server)
        self._servers.append(server)
        return server

    async def send(self, request: signing.Request) -> Answer:
        """Sends a request to our server, wherever it listens."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                skip_auto_headers=["User-Agent", "Content-Type", "Accept-Encoding"],
                connector=aiohttp.TCPConnector(limit=0),
            )
        origin = dialects.origin(request.url)
        url = self.homes.get(origin, origin) + request.url.removeprefix(origin)
        async with self._session.request(
            request.method,
            URL(url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as response:
            answer = Answer(response.status, dict(response.headers), await response.read())
        self.clock.advance(self.pace)
        return answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        for server in self._servers:
            await server.stop()


Handler = Callable[[web.Request], Any]


class Server:
    """A server somewhere else: its people, what it serves, what it was sent, and how it fails."""

    def __init__(self, world: Fediverse, host: str, dialect: Dialect) -> None:
        self.world = world
        self.nickname = host
        self.host = host
        self.dialect = dialect
        self.port = 0
        self.people: dict[str, Person] = {}
        self.documents: dict[str, Document | Handler] = {}
        """What is served, by path and query; a callable answers by itself."""
        self.gone: set[str] = set()
        self.asked: list[Asked] = []
        self.inbox_status = 202
        self.status: int | None = None
        """When set, the answer to everything."""
        self.delay = 0.0
        self._runner: web.AppRunner | None = None
        self._numbers = itertools.count(1)

    @property
    def base(self) -> str:
        return f"http://{self.host}" if self.world.dev else f"https://{self.host}"

    @property
    def received(self) -> list[Document]:
        """The activities that were delivered here, in order."""
        return [each.document for each in self.asked if each.document is not None]

    def fetches(self, target: str | None = None) -> int:
        """How often something (or this path) was asked for."""
        gets = [each.request for each in self.asked if each.request.method == "GET"]
        return sum(target is None or signing.target(each.url) == target for each in gets)

    async def start(self) -> None:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        tls = None if self.world.dev else certificate(self.host)
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        if self.world.dev:
            self.host = f"127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Takes the server down; `start` brings it back at the same address."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def person(
        self,
        name: str = "bob",
        *,
        scheme: signing.Scheme | None = None,
        algorithm: Algorithm = "rsa",
        **more: Any,
    ) -> "Person":
        """Somebody with an account here; `more` goes into the actor document."""
        number = next(self._numbers)
        path = self.dialect.actor_path.format(name=name, number=number, host=self.host)
        person = Person(self, name, self.base + path, scheme or self.dialect.scheme, algorithm)
        person.more = more
        self.people[name] = person
        person.publish()
        return person

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        url = self.base + request.raw_path
        seen = signing.Request(request.method, url, tuple(request.headers.items()), raw or None)
        activity = json.loads(raw) if request.method == "POST" and raw else None
        self.asked.append(Asked(seen, activity))
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.status is not None:
            return web.Response(status=self.status)
        if request.method == "POST":
            return web.Response(status=self.inbox_status)
        return await self._read(request, signing.target(url))

    async def _read(self, request: web.Request, target: str) -> web.StreamResponse:
        discovered = self._discover(request.path, parse_qs(request.query_string))
        if discovered is not None:
            return web.json_response(discovered)
        if target in self.gone:
            return web.json_response({}, status=410)
        if self.dialect.secure and "Signature" not in request.headers:
            return web.json_response({"error": "Unauthorized"}, status=401)
        document = self.documents.get(target)
        if document is None:
            return web.json_response({}, status=404)
        if callable(document):
            answer: web.StreamResponse = await document(request)
            return answer
        return web.Response(
            body=json.dumps(document).encode(), headers={"Content-Type": f"{signing.ACTIVITY}; charset=utf-8"}
        )

    def _discover(self, path: str, query: dict[str, list[str]]) -> Document | None:
        if path == "/.well-known/nodeinfo":
            rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
            return {"links": [{"rel": rel, "href": f"{self.base}/nodeinfo/2.0"}]}
        if path == "/nodeinfo/2.0":
            software = {"name": self.dialect.software, "version": "1"}
            return {"version": "2.0", "software": software, "protocols": ["activitypub"]}
        if path == "/.well-known/webfinger":
            for resource in query.get("resource", []):
                for person in self.people.values():
                    if resource in (person.account, person.uri):
                        links = [{"rel": "self", "type": signing.ACTIVITY, "href": person.uri}]
                        return {"subject": person.account, "aliases": [person.uri], "links": links}
        return None

"""The simulated servers, in a process of their own: real HTTP at ports of this machine, several dialects.

Run by `fedicause demo`, which writes to its standard input and reads from its standard output, a line of
JSON each: first what to play (`base`, `causes`, `people`, `seed`, `port`), then `"act"` and `"rest"`. When
the input ends, whoever started it is gone; then this process ends too, and removes the directory that is its
argument.
"""

import asyncio
import json
import os
import random
import shutil
import socket
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

from federation import httpsig, keys, vocabulary
from fedicause.demo import crowd, dialects, pages, people
from fedicause.demo.dialects import Dialect, Document
from fedicause.demo.people import Cause, Person

PATIENCE = aiohttp.ClientTimeout(total=20)
# The pages come first on a machine with few cores.
NICENESS = 5


class Server:
    """One simulated server: its people, what they posted, what it serves, how it signs."""

    def __init__(self, dialect: Dialect, port: int, session: aiohttp.ClientSession) -> None:
        self.dialect = dialect
        self.session = session
        self.people: dict[str, Person] = {}
        self.posts: dict[str, Document] = {}
        """Replies by the address of their page."""
        self.received: Counter[str] = Counter()
        self._socket = _listen(port)
        self.port = int(self._socket.getsockname()[1])
        self._runner: web.AppRunner | None = None

    @property
    def authority(self) -> str:
        return f"{self.dialect.host}.localhost:{self.port}"

    @property
    def base(self) -> str:
        return f"http://{self.authority}"

    async def start(self, home: "pages.Home") -> None:
        app = web.Application()
        app.router.add_get("/.well-known/webfinger", self._webfinger)
        app.router.add_get("/.well-known/nodeinfo", self._nodeinfo_links)
        app.router.add_get("/nodeinfo/2.0", self._nodeinfo)
        app.add_routes(home.routes)
        app.router.add_get("/{path:.*}", self._read)
        app.router.add_post("/{path:.*}", self._inbox)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    async def post(self, inbox: str, activity: Document, key: keys.SigningKey) -> int:
        """Sends an activity, truly signed; gives the status of the answer, 0 for none."""
        body = json.dumps(activity, ensure_ascii=False).encode()
        signed = httpsig.sign(
            people.scheme(key),
            method="POST",
            url=inbox,
            key=key,
            now=datetime.now(UTC),
            body=body,
            content_type=vocabulary.ACTIVITY_JSON,
        )
        url = URL(inbox, encoded=True)
        signed["User-Agent"] = f"{self.dialect.software}/{self.dialect.version} (+{self.base}/)"
        try:
            async with self.session.post(url, data=body, headers=signed) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _inbox(self, request: web.Request) -> web.Response:
        try:
            document = await request.json()
            self.received[document["type"]] += 1
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400)
        return web.Response(status=202)

    async def _webfinger(self, request: web.Request) -> web.Response:
        resource = request.query.get("resource", "").removeprefix("acct:").removeprefix("@")
        user, _, host = resource.partition("@")
        person = self.people.get(user)
        if person is None or host.lower() != self.authority:
            return web.json_response({"error": "not found"}, status=404)
        links = [
            {"rel": "self", "type": vocabulary.ACTIVITY_JSON, "href": person.uri},
            # Every browser knows the way to this address; not all of them know *.localhost.
            {
                "rel": "http://ostatus.org/schema/1.0/subscribe",
                "template": f"http://127.0.0.1:{self.port}{pages.PATH}?as={person.user}&uri={{uri}}",
            },
        ]
        subject = {"subject": f"acct:{user}@{self.authority}", "aliases": [person.uri], "links": links}
        return web.json_response(subject, content_type="application/jrd+json")

    async def _nodeinfo_links(self, _: web.Request) -> web.Response:
        rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
        return web.json_response({"links": [{"rel": rel, "href": f"{self.base}/nodeinfo/2.0"}]})

    async def _nodeinfo(self, _: web.Request) -> web.Response:
        software = {"name": self.dialect.software, "version": self.dialect.version}
        return web.json_response(
            {
                "version": "2.0",
                "software": software,
                "protocols": ["activitypub"],
                "services": {"inbound": [], "outbound": []},
                "openRegistrations": False,
                "usage": {"users": {"total": len(self.people)}},
                "metadata": {},
            }
        )

    async def _read(self, request: web.Request) -> web.Response:
        """An actor, a key, a post or a collection; to browsers the page that shows it."""
        uri = f"{self.base}{request.path}"
        if "json" not in request.headers.get(hdrs.ACCEPT, ""):
            return pages.show(self, uri)
        if self.dialect.is_secure and "Signature" not in request.headers:
            return web.json_response({"error": "Unauthorized"}, status=401)
        document = self._document(uri)
        if document is None:
            return web.json_response({"error": "not found"}, status=404)
        return web.json_response(document, content_type=vocabulary.ACTIVITY_JSON)

    def _document(self, uri: str) -> Document | None:
        post = self.posts.get(uri.removesuffix("/note"))
        if post is not None:
            return {"@context": vocabulary.AS2, **post}
        for person in self.people.values():
            document = person.document
            if document is None or not uri.startswith(person.uri):
                continue
            if uri == person.uri:
                return document
            if uri == f"{person.uri}{self.dialect.key}":
                # GoToSocial answers with an actor cut down to its key.
                return {name: document[name] for name in ("@context", "id", "type", "publicKey")}
            if uri == f"{person.uri}/outbox":
                empty = {"type": "OrderedCollection", "totalItems": 0, "orderedItems": []}
                return {"@context": vocabulary.AS2, "id": uri, **empty}
        return None


async def discover(session: aiohttp.ClientSession, note: str, slug: str, appeal: float) -> Cause:
    """What other servers know of a campaign: from its Note to its actor, and to the inboxes."""
    call = await _fetch(session, note)
    actor = await _fetch(session, call["attributedTo"])
    return Cause(slug, call["id"], actor["id"], actor["inbox"], actor["endpoints"]["sharedInbox"], appeal)


async def main() -> None:
    """Plays until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    if line := await reader.readline():
        await _play(json.loads(line), reader)


async def _play(script: dict[str, Any], reader: asyncio.StreamReader) -> None:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        servers = [
            Server(dialect, script["port"] + index, session)
            for index, dialect in enumerate(dialects.DIALECTS, start=1)
        ]
        chance = random.Random(script["seed"])  # noqa: S311  # a play, which guards nothing
        cast = people.populate(servers, script["people"], chance)
        causes = [await discover(session, **each) for each in script["causes"]]
        for server in servers:
            await server.start(pages.Home(server, causes, script["base"]))
        _tell({"ready": [[each.authority, each.dialect.software] for each in servers]})
        await _follow(reader, crowd.Crowd(cast, causes, script["seed"]))
        for server in servers:
            await server.stop()


async def _follow(reader: asyncio.StreamReader, audience: crowd.Crowd) -> None:
    """Does as the lines say until there are no more."""
    playing: asyncio.Task[None] | None = None
    while line := await reader.readline():
        match json.loads(line):
            case "act":
                playing = asyncio.create_task(crowd.play(audience, _tell))
                playing.add_done_callback(_complain)
            case "rest" if playing:
                playing.cancel()
    if playing:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def _complain(playing: "asyncio.Task[None]") -> None:
    if not playing.cancelled() and (error := playing.exception()):
        asyncio.get_running_loop().call_exception_handler({"message": "the play broke", "exception": error})


def _tell(event: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def _listen(port: int) -> socket.socket:
    """At this port if it is free, else at another one."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except (OSError, OverflowError):
        return socket.create_server(("127.0.0.1", 0), backlog=128)


async def _fetch(session: aiohttp.ClientSession, uri: str) -> Document:
    async with session.get(uri, headers={hdrs.ACCEPT: vocabulary.ACTIVITY_JSON}) as answer:
        answer.raise_for_status()
        found: Document = json.loads(await answer.read())
        return found


if __name__ == "__main__":
    os.nice(NICENESS)
    try:
        asyncio.run(main())
    finally:
        # Also when the demo was killed and could not do so itself.
        shutil.rmtree(Path(sys.argv[1]), ignore_errors=True)

"""The other servers and the mail server: what they show, what they take, and how they are feeling."""

import asyncio
import json
import re
from collections import Counter, defaultdict
from email import message_from_bytes, policy
from typing import Any, Final, Literal

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench import instance

Mood = Literal["well", "down", "slow", "silent"]
SLOW: Final = 3.0
SILENT: Final = 20.0
_LINK: Final = re.compile(r"/confirm/[\w-]+")


class Peers:
    """Servers at ports of 127.0.0.1. `taken` counts what each inbox took: by inbox and the activity's id."""

    def __init__(self, number: int) -> None:
        self.ports = [instance.free_port() for _ in range(number)]
        self.moods: dict[int, Mood] = dict.fromkeys(self.ports, "well")
        self.documents: dict[str, dict[str, Any]] = {}
        self.taken: Counter[tuple[str, str]] = Counter()
        self.notes: dict[str, set[str]] = defaultdict(set)
        """The ids of the Notes that each inbox has heard of."""
        self.accepted: set[str] = set()
        """The ids of the Follows that were accepted."""
        self._runners: list[web.AppRunner] = []

    @property
    def origins(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    async def start(self) -> None:
        for port in self.ports:
            app = web.Application()
            app.router.add_get("/users/{name}", self._show)
            app.router.add_post("/users/{name}/inbox", self._take)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
            self._runners.append(runner)

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _feel(self, request: web.Request) -> bool:
        """Whether the server is there at all for this request."""
        mood = self.moods[int(request.host.rpartition(":")[2])]
        if mood == "down":
            raise web.HTTPServiceUnavailable
        if mood in {"slow", "silent"}:
            await asyncio.sleep(SLOW if mood == "slow" else SILENT)
        return mood != "silent"

    async def _show(self, request: web.Request) -> web.Response:
        await self._feel(request)
        document = self.documents.get(f"http://{request.host}{request.path}")
        if document is None:
            raise web.HTTPNotFound
        return web.json_response(document, content_type="application/activity+json")

    async def _take(self, request: web.Request) -> web.Response:
        if not await self._feel(request):
            raise web.HTTPServiceUnavailable
        activity = json.loads(await request.read())
        inbox = f"http://{request.host}{request.path}"
        self.taken[inbox, activity["id"]] += 1
        if activity["type"] == "Create":
            self.notes[inbox].add(activity["object"]["id"])
        elif activity["type"] == "Accept":
            self.accepted.add(activity["object"]["id"])
        return web.Response(status=202)


class Post:
    """A mail server. `letters`: how often each Message-ID was taken, by address; `links`: where they lead."""

    def __init__(self) -> None:
        self.is_busy = False
        self.refused = 0
        self.letters: dict[str, Counter[str]] = defaultdict(Counter)
        self.links: dict[str, str] = {}
        self.arrived = asyncio.Condition()
        self.port = instance.free_port()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, hostname="post.test", ident="post"),
            "127.0.0.1",
            self.port,
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.is_busy:
            self.refused += 1
            return "451 come again"
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        (to,) = envelope.rcpt_tos
        self.letters[to][str(message["Message-ID"])] += 1
        body = message.get_body(("plain",))
        found = _LINK.search(body.get_content() if body is not None else "")
        async with self.arrived:
            if found:
                self.links[to] = found[0]
            self.arrived.notify_all()
        return "250 OK"

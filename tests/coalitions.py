"""Organisations with an instance each: real applications on ports of 127.0.0.1, in one process, by http.

async with instances(3) as (org, ally, river):
    await ally.change(lambda session: follow.follow(session, urls=ally.urls, …))
    await coalitions.settle(org, ally, river)
"""

import asyncio
import functools
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from federation import keys, vocabulary
from fedicause import app, seal, work
from fedicause.coalition import follow as following
from fedicause.coalition import mirror
from fedicause.coalition.compare import Comparer
from fedicause.fediverse.deliver import Courier
from fedicause.instance import Instance
from fedicause.receive import Receiver
from fedicause.urls import Urls
from fedicause.web.cached import Shelf
from fedicause.web.inbox import RECEIVER
from fedicause.web.keys import SHELF
from storage.actors import Description
from storage.models import LocalActor, Organisation
from tests import databases, ours, process
from tests.clock import Clock

CAST = (
    ("Friends of the Old Forest", "org"),
    ("Alpine Allies", "ally"),
    ("River Watch", "river"),
    ("Clean Air Now", "air"),
    ("Meadow Society", "meadow"),
    ("Night Sky League", "sky"),
)
"""Who runs the instances, in this order: name and handle."""
ROUNDS = 20
Result = TypeVar("Result")


class Running(Clock):
    """A clock that also goes by itself: no two signatures are of the same moment for long."""

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__(*filter(None, [start]))
        self._began = time.monotonic()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=time.monotonic() - self._began)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that an instance got. `peer` is the base URL of the instance that sent it, if one did."""

    method: str
    target: str
    peer: str
    body: bytes

    @property
    def type(self) -> str:
        """Of the activity in its body."""
        return str(json.loads(self.body)["type"])


class Home:
    """An organisation at its instance.

    `deaf_to` holds the base URLs of those whose requests get lost; paths that end in one of `spoiled` are
    answered by that.
    """

    def __init__(self, instance: Instance, clock: Clock, name: str, handle: str) -> None:
        self.instance = instance
        self.clock = clock
        self.name = name
        self.handle = f"@{handle}@{instance.settings.host}"
        self.actor = instance.urls.actor(handle, "organisation")
        self.asked: list[Asked] = []
        self.deaf_to: set[str] = set()
        self.spoiled: dict[str, Handler] = {}
        self._runner: web.AppRunner | None = None
        self._comparer: Comparer | None = None
        self._working: tuple[asyncio.Task[None], asyncio.Event] | None = None

    @property
    def urls(self) -> Urls:
        return self.instance.urls

    @property
    def url(self) -> str:
        return self.instance.settings.url

    @property
    def host(self) -> str:
        return self.instance.settings.host

    @property
    def environment(self) -> dict[str, str | None]:
        """What the command line is told, to work on this instance."""
        given = self.instance.settings
        return {
            "FEDICAUSE_URL": given.url,
            "FEDICAUSE_DATABASE": given.database,
            "FEDICAUSE_DATA": str(given.data),
            "FEDICAUSE_SECRET_FILE": str(given.secret_file),
            "FEDICAUSE_DEV": "1",
        }

    @property
    def receiver(self) -> Receiver:
        assert self._runner is not None
        return self._runner.app[RECEIVER]

    @property
    def comparer(self) -> Comparer:
        """Knows what it has asked since the server began."""
        assert self._comparer is not None
        return self._comparer

    def fetches(self, target: str) -> int:
        """How often this path was asked for."""
        return sum(each.method == "GET" and each.target == target for each in self.asked)

    def received(self) -> list[str]:
        """The types of the activities that came, in order."""
        return [each.type for each in self.asked if each.method == "POST"]

    async def change(self, verb: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """What `verb` does, in one transaction."""
        async with self.instance.database.writing() as session:
            return await verb(session)

    async def look(self, reading: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """What `reading` finds in the database."""
        async with self.instance.database.reading() as session:
            return await reading(session)

    async def get(self, target: str, *, accept: str = vocabulary.ACTIVITY_JSON) -> Any:
        """What this path gives to anybody; parsed where it is JSON, else its text."""
        url = target if target.startswith("http") else f"{self.url}{target}"
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as answer:
            answer.raise_for_status()
            text = await answer.text()
            return json.loads(text) if "json" in answer.content_type else text

    async def deliver(self) -> int:
        """Sends what is due now, and returns for how many deliveries; what failed waits for its retry."""
        courier, tried = Courier(self.instance), 0
        async with self.instance.database.writing() as session:
            await courier.start(session)
        while True:
            async with self.instance.database.writing() as session:
                harvest = await courier.exchange(session, look_around=True)
            courier.committed(harvest)
            tried += len(harvest.claimed)
            if not courier.in_hand:
                return tried
            await asyncio.wait_for(courier.done.wait(), 20)

    async def look_around(self) -> None:
        """Looks at everything of others that is due now."""
        while await mirror.round(self.instance):
            pass

    async def begin(self, *, working: bool = False, port: int | None = None) -> None:
        """Answers from now on, at the same address as before; or at a port behind whoever listens there."""
        listening = socket.create_server(("127.0.0.1", port or int(self.host.rpartition(":")[2])))
        built = app.web_app(self.instance)
        built.middlewares.insert(0, self._hear)
        built[SHELF] = Shelf(clock=lambda: self.instance.now().timestamp())
        self._runner = web.AppRunner(built, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        self._comparer = Comparer(self.instance, self.receiver.key_for)
        if working:
            stop = asyncio.Event()
            task = asyncio.create_task(work.run(self.instance, receiver=self.receiver, stop=stop))
            self._working = task, stop

    async def leave(self) -> None:
        """Is down from now on: whoever asks finds nobody."""
        if self._working is not None:
            task, stop = self._working
            stop.set()
            await task
            self._working = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _hear(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        _, _, peer = request.headers.get("User-Agent", "").partition("(+")
        peer = peer.rstrip("/)")
        if peer in self.deaf_to:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=503)
        if request.path.startswith("/admin"):
            # A form that was read here could not be read there with its own limits.
            return await handler(request)
        self.asked.append(Asked(request.method, request.path_qs, peer, await request.read()))
        spoiled = [answer for end, answer in self.spoiled.items() if request.path.endswith(end)]
        return await (spoiled[0] if spoiled else handler)(request)


class Instances(Protocol):
    """The fixture `instances`: so many homes, the first with the published campaign `forest`.

    The clock goes by itself unless another is given. `working` runs the workers; else the test says when they
    work (`settle`, `Home.look_around` …).
    """

    def __call__(
        self, number: int, *, working: bool = False, campaign: bool = True, clock: Clock | None = None
    ) -> AbstractAsyncContextManager[tuple[Home, ...]]: ...


@asynccontextmanager
async def instances(
    number: int,
    *,
    dialects: Sequence[databases.Dialect],
    templates: databases.Templates,
    directory: Path,
    working: bool = False,
    campaign: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[Home, ...]]:
    """So many organisations of the cast, each with its own database, keys and address; one clock for all."""
    clock = clock or Running()
    async with AsyncExitStack() as stack:
        homes = []
        for place in range(number):
            own = directory / CAST[place][1]
            own.mkdir()
            state: databases.State = "written" if campaign and place == 0 else "initialised"
            url = stack.enter_context(templates.copy(dialects[place % len(dialects)], state, own))
            home = await stack.enter_async_context(_home(place, url, own, templates.secret, clock))
            homes.append(home)
        if campaign:
            await ours.publish_forest(homes[0].instance.settings, now=clock.now())
        for home in homes:
            stack.push_async_callback(home.leave)
            await home.begin(working=working)
        yield tuple(homes)


async def follow(home: Home, described: Description) -> None:
    """This organisation asks to follow somebody whom it has found."""
    await home.change(
        lambda session: following.follow(session, urls=home.urls, described=described, now=home.clock.now())
    )


async def settle(*homes: Home) -> None:
    """Everybody sends what is due, and what the others answer to it, until there is nothing more."""
    for _ in range(ROUNDS):
        if not sum([await home.deliver() for home in homes]):
            return
    raise AssertionError(f"still talking after {ROUNDS} rounds")


def part(one: Home, other: Home) -> None:
    """Neither hears the other any more."""
    one.deaf_to.add(other.url)
    other.deaf_to.add(one.url)


def heal(*homes: Home) -> None:
    """Everybody hears everybody again."""
    for home in homes:
        home.deaf_to.clear()


@asynccontextmanager
async def _home(place: int, url: str, directory: Path, secret: Path, clock: Clock) -> AsyncIterator[Home]:
    name, handle = CAST[place]
    given = ours.settings_for(url, directory, url=f"http://127.0.0.1:{process.free_port()}", secret=secret)
    async with ours.changing(given) as session:
        await _become(session, place, given.host, seal.load(secret))
    async with app.open_instance(given, now=clock.now) as instance:
        yield Home(instance, clock, name, handle)


async def _become(session: AsyncSession, place: int, host: str, sealed: seal.Seal) -> None:
    """Turns a copy of the Friends into this organisation, with keys of its own."""
    name, handle = CAST[place]
    await session.execute(update(Organisation).values(name=name))
    for kind, actor in (("instance", host), ("organisation", handle)):
        rsa, ed25519 = _keys(place, kind)
        await session.execute(
            update(LocalActor)
            .where(LocalActor.kind == kind)
            .values(
                name=actor,
                rsa_public=keys.public_pem(rsa.public_key()),
                rsa_sealed=sealed.close(keys.private_pem(rsa)),
                ed25519_public=keys.multikey(ed25519.public_key()),
                ed25519_sealed=sealed.close(keys.private_pem(ed25519)),
            )
        )


@functools.cache
def _keys(place: int, kind: str) -> tuple[Any, Any]:
    """Made once in a session: RSA keys take a while."""
    return keys.generate_rsa(), keys.generate_ed25519()

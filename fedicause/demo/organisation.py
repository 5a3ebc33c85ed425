"""One of the demo's organisations at its instance, and what it does there: all of it by the real verbs."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from socket import socket
from typing import Final, TypeVar

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import app, initialise, moderate, partners, publish, seal, settings, sign, work
from fedicause.campaigning import manuscript, pictures
from fedicause.campaigning.launch import launch
from fedicause.coalition import follow, joining, mirror
from fedicause.coalition.roster import own_uri
from fedicause.demo import artwork, programme
from fedicause.demo.loopback import Loopback
from fedicause.demo.programme import Role
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER
from storage import coalitions, local_actors, members, testimonies
from storage.coalition_models import Coalition
from storage.database import Database
from storage.testimonies import Shown

# Pages that are being read need not be waited for.
GRACE: Final = 1.0
SIGNED_AT_ONCE: Final = 500
_ADVERTISED: Final = ("sunglasses", "crypto")
Result = TypeVar("Result")


class Organisation:
    """An organisation whose instance is open. `deaf_to`: the addresses of those whose requests get lost."""

    def __init__(self, role: Role, instance: Instance) -> None:
        self.role = role
        self.deaf_to: set[str] = set()
        self._instance = instance
        self._runner = web.AppRunner(
            self._app(), access_log=None, handle_signals=False, shutdown_timeout=GRACE
        )

    @property
    def url(self) -> str:
        return self._instance.settings.url

    @property
    def host(self) -> str:
        return self._instance.settings.host

    def note(self, slug: str) -> str:
        return self._instance.urls.note(slug)

    def actor(self, slug: str) -> str:
        return self._instance.urls.actor(slug)

    async def serve(self, listening: socket) -> None:
        """Answers until `leave`."""
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def leave(self) -> None:
        await self._runner.cleanup()

    async def work(self, stop: asyncio.Event) -> None:
        """Does what the workers do, until `stop` is set."""
        await work.run(self._instance, receiver=self._runner.app[RECEIVER], stop=stop)

    async def follow(self, other: str) -> None:
        """Asks to follow the organisation of this handle."""
        instance = self._instance
        found = await follow.find(instance, other)
        await self._change(
            lambda session: follow.follow(session, urls=instance.urls, described=found, now=instance.now())
        )

    async def join(self, note: str) -> None:
        """Asks to join the campaign of another organisation."""
        copy = await mirror.look(self._instance, note)

        async def ask(session: AsyncSession) -> None:
            campaign = await mirror.store(session, self._instance, copy, self._instance.now())
            await joining.join(session, Here.at(self._instance), campaign)

        await self._change(ask)

    async def let_in(self) -> list[str]:
        """Accepts everybody who asks to join a campaign of its own; gives their names."""

        async def accept(session: AsyncSession) -> list[str]:
            waiting = [
                member
                for member, coalition in await members.listed(session)
                if coalition.campaign_id is not None and member.state == "requested"
            ]
            here = Here.at(self._instance)
            return [(await partners.accept(session, here, member.id)).name for member in waiting]

        return await self._change(accept)

    async def takes_signatures(self, campaign: str) -> bool:
        """Whether it is its own campaign (an actor's URI), or one where it is a partner with all it needs."""
        async with self._instance.database.reading() as session:
            return await self._coalition(session, campaign) is not None

    async def sign(self, campaign: str, given: dict[str, str]) -> int:
        """Records confirmed signatures: countries by mail address; gives how many are new."""
        listed, new = list(given.items()), 0
        for start in range(0, len(listed), SIGNED_AT_ONCE):
            some = dict(listed[start : start + SIGNED_AT_ONCE])
            new += await self._change(partial(self._confirm, campaign=campaign, given=some))
        self._instance.hints.ring("tallies")
        return new

    async def post(self, path: Path) -> str:
        """Posts news of a campaign; gives the title."""
        written, instance = manuscript.read(path), self._instance
        slug = written.slug or ""
        await self._change(
            lambda session: publish.update(
                session, urls=instance.urls, slug=slug, manuscript=written, now=instance.now()
            )
        )
        return written.title or ""

    async def read_replies(self) -> list[tuple[Shown, bool]]:
        """Decides on every reply that waits: shown, unless it advertises. Gives each, and whether it is."""
        async with self._instance.database.reading() as session:
            waiting = await testimonies.waiting(session)
        if not waiting:
            return []
        decided = [(each, not any(word in each.html for word in _ADVERTISED)) for each in waiting]
        async with self._instance.database.writing() as session:
            for reply, is_shown in decided:
                await (moderate.allow if is_shown else moderate.hide)(session, reply.id)
        return decided

    async def _confirm(self, session: AsyncSession, campaign: str, given: dict[str, str]) -> int:
        instance = self._instance
        coalition = await self._coalition(session, campaign)
        if coalition is None:
            return 0
        key = instance.seal.open(coalition.sketch_key_sealed or b"")
        items = {sketches.item(key, address): country for address, country in given.items()}
        return await sign.confirm(session, coalition.id, items, now=instance.now())

    async def _coalition(self, session: AsyncSession, campaign: str) -> Coalition | None:
        found = await coalitions.by_uri(session, campaign)
        if found is None or found.sketch_key_sealed is None:
            return None
        member = await members.of(session, found.id, await own_uri(session, self._instance.urls))
        is_in = found.campaign_id is not None or (member is not None and member.state == "accepted")
        return found if is_in else None

    async def _change(self, verb: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """What `verb` does, in one transaction; what it queued is sent at once."""
        async with self._instance.database.writing() as session:
            result = await verb(session)
        self._instance.hints.ring("deliveries")
        return result

    def _app(self) -> web.Application:
        built = app.web_app(self._instance)
        built.middlewares.insert(0, self._hear)
        return built

    @web.middleware
    async def _hear(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Hangs up on whoever is cut off from here; servers say in their User-Agent where they are."""
        _, _, peer = request.headers.get(hdrs.USER_AGENT, "").partition("(+")
        if peer.rstrip("/)") in self.deaf_to:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=503)
        return await handler(request)


@asynccontextmanager
async def opened(role: Role, url: str, directory: Path, schema: Path) -> AsyncIterator[Organisation]:
    """An organisation at a new instance in `directory`, with all that it publishes. `schema`: its tables."""
    known = _settings(url, directory)
    # In a thread: keys and pictures take a while, and several organisations begin at the same time.
    await asyncio.to_thread(asyncio.run, _begin(role, known, schema))
    async with app.open_instance(known, resolver=Loopback()) as instance:
        organisation = Organisation(role, instance)
        try:
            yield organisation
        finally:
            await organisation.leave()


async def _begin(role: Role, known: settings.Settings, schema: Path) -> None:
    known.data.mkdir(mode=0o700, parents=True)
    shutil.copyfile(schema, known.data / "fedicause.db")
    await _initialise(role, known, app.utc_now())
    async with app.open_instance(known) as instance:
        for slug in role.programme:
            await _publish(instance, slug)


async def _initialise(role: Role, known: settings.Settings, now: datetime) -> None:
    """Sets up what `init` sets up."""
    seal.create_secret(known.secret_file)
    database = Database(known.database)
    try:
        async with database.writing() as session:
            await initialise.organisation(
                session,
                seal=seal.load(known.secret_file),
                host=known.host,
                name=role.name,
                handle=role.handle,
                admin_email="admin@localhost",
                now=now,
            )
            organisation, _ = await local_actors.organisation(session)
            organisation.summary = role.summary
    finally:
        await database.close()


async def _publish(instance: Instance, slug: str) -> None:
    """A campaign with its picture and translations."""
    picture = _picture(slug, instance.settings)
    call = manuscript.read(programme.CAMPAIGNS / f"{slug}.md")
    translations = [manuscript.read(path) for path in sorted(programme.CAMPAIGNS.glob(f"{slug}.*.md"))]
    now = instance.now()
    async with instance.database.writing() as session:
        await publish.create(session, seal=instance.seal, manuscript=call, picture=picture, now=now)
        for each in translations:
            await publish.translate(session, urls=instance.urls, slug=slug, manuscript=each, now=now)
        await launch(session, Here.at(instance), slug)


def _settings(url: str, directory: Path) -> settings.Settings:
    """Of its own: neither the environment nor a `.env` file changes the demo."""
    return settings.load(
        {"FEDICAUSE_URL": url, "FEDICAUSE_DATA": str(directory), "FEDICAUSE_DEV": "1"},
        dotenv=directory / "no.env",
    )


def _picture(slug: str, known: settings.Settings) -> pictures.Picture | None:
    with tempfile.TemporaryDirectory(dir=known.data) as directory:
        path = Path(directory) / f"{slug}.png"
        return pictures.store(path, known.media) if artwork.draw(slug, path) else None

"""An instance that is killed again and again, with kill -9, while it receives and delivers."""

import asyncio
import json
import random
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.settings import Settings
from storage.database import Database
from storage.models import Activity, Actor, Delivery, LocalActor, ParkedRequest, Register
from tests import ours
from tests.clock import Clock
from tests.faults import audience, crowd
from tests.faults.audience import NOBODY, Audience
from tests.faults.crowd import Crowd
from tests.faults.nursery import Forked, until
from tests.fediverse import Fediverse
from tests.process import CommandFailed, Process

SOFTWARE: Final = ("mastodon", "gotosocial", "fedify")
LIFE: Final = (5, 60)
"""How many requests a server answers before it is killed: a slow machine gives it more time."""
SETTLED_WITHIN: Final = 40.0
"""Seconds after the last start. Leases last longer: who waits for them to end is late."""
NEWS_EVERY: Final = 0.8
"""Seconds between two commands that post news."""

Sent = tuple[str, str]
"""An inbox, and the id of an activity."""


@dataclass
class Aftermath:
    """What was said and heard, and what the database holds in the end."""

    crowd: Crowd
    audience: Audience
    posted: list[str] = field(default_factory=list)
    """The news that the command line posted: the ids of their Notes, in order."""
    in_hand: list[set[Sent]] = field(default_factory=list)
    """What was claimed when the server was killed, for each kill."""
    rows: list[tuple[str, str, bool]] = field(default_factory=list)
    """The registers of the campaign: actor, kind, and whether it is present."""
    support: dict[str, Any] = field(default_factory=dict)
    parked: int = 0
    undelivered: int = 0
    """How many rows wait for inboxes that can be reached."""
    complaints: list[str] = field(default_factory=list)
    """What `doctor` found wrong."""
    log: str = field(default="", repr=False)
    """What the servers wrote, one after the other."""

    @property
    def registers(self) -> dict[tuple[str, str], bool]:
        return {(uri, kind): present for uri, kind, present in self.rows}

    @property
    def endorsers(self) -> int:
        return sum(present for (_, kind), present in self.registers.items() if kind == "endorsement")

    @property
    def untold(self) -> dict[str, set[str]]:
        """The news that an inbox has not heard, by inbox."""
        heard = self.audience.heard()
        missing = {inbox: set(self.posted) - set(heard[inbox]) for inbox in self.audience.addresses}
        return {inbox: news for inbox, news in missing.items() if news}


async def run(directory: Path, database: str, *, kills: int, seed: int) -> Aftermath:
    """Kills a server so often, at times drawn from `seed`; the last one may settle everything."""
    subject = Forked(directory, database=database)
    given = await prepare(subject, database)
    async with audience.listening() as followers, elsewhere() as world:
        await followers.follow(given, now=crowd.now())
        servers = [await world.server(software=software) for software in SOFTWARE]
        aftermath = Aftermath(Crowd(subject, servers, random.Random(seed)), followers)
        await aftermath.crowd.introduce(given)
        async with running(subject):
            await _suffer(subject, given, aftermath, kills, random.Random(seed))
            await until(lambda: _is_settled(subject, given, aftermath), within=SETTLED_WITHIN)
            aftermath.support = await subject.support()
        await _look(subject, given, aftermath)
    return aftermath


async def prepare(subject: Process, database: str) -> Settings:
    """Puts the organisation and its campaign into a migrated database; the settings of the process."""
    secret = subject.directory / "data" / "secret"
    given = ours.settings_for(database, subject.directory, url=subject.url, secret=secret)
    given.data.mkdir(parents=True)
    await ours.begin(given, now=crowd.now())
    await ours.write_forest(given, now=crowd.now())
    await ours.publish_forest(given, now=crowd.now())
    return given


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Fediverse]:
    """Servers on loopback that outlive ours."""
    world = Fediverse(Clock(crowd.now()), dev=True)
    try:
        yield world
    finally:
        await world.close()


@asynccontextmanager
async def running(subject: Process) -> AsyncIterator[None]:
    """Starts the server; whatever happens, it does not outlive the context."""
    try:
        await subject.start()
        yield
        assert await subject.stop() == 0
    finally:
        await subject.stop(signal.SIGKILL)


async def _suffer(
    subject: Process, given: Settings, aftermath: Aftermath, kills: int, chance: random.Random
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(aftermath.crowd.live(), name="crowd")
        group.create_task(_publish(subject, aftermath), name="publisher")
        for _ in range(kills):
            enough = aftermath.crowd.answers + chance.randint(*LIFE)
            busy = await until(partial(_is_busy, aftermath, enough), within=30)
            assert busy, f"nothing is received and delivered any more: {subject.log[-2000:]}"
            await asyncio.sleep(chance.uniform(0, 0.05))
            await subject.kill()
            async with ours.changing(given) as session:
                aftermath.in_hand.append(await _in_hand(session))
                if not given.database.startswith("sqlite"):
                    await _let_leases_end(session)
            await subject.start()
        aftermath.crowd.is_over = True


def _is_busy(aftermath: Aftermath, answers: int) -> bool:
    """Whether so many answers were given, and there is something to interrupt."""
    people = aftermath.crowd
    return people.answers >= answers and people.waiting > 0 and aftermath.audience.under_way > 0


async def _publish(subject: Process, aftermath: Aftermath) -> None:
    """Posts news beside the running server, or the dead one."""
    path = subject.directory / "news.md"
    while not aftermath.crowd.is_over:
        path.write_text(f"---\ntitle: News {len(aftermath.posted) + 1}\n---\nThe forest still stands.\n")
        printed = await subject.command("campaign", "update", "forest", str(path))
        found = re.search(r"Posted: (\S+)", printed)
        assert found, printed
        aftermath.posted.append(found[1])
        await asyncio.sleep(NEWS_EVERY)


async def _in_hand(session: AsyncSession) -> set[Sent]:
    rows = await session.execute(
        select(Delivery.inbox, Activity.uri)
        .join(Activity, Activity.id == Delivery.activity_id)
        .where(Delivery.lease_until > crowd.now())
    )
    return {(inbox, uri) for inbox, uri in rows}


async def _let_leases_end(session: AsyncSession) -> None:
    """Has the minute passed after which another process takes over, where there may be several."""
    now = crowd.now()
    await session.execute(
        update(Delivery).where(Delivery.lease_until > now).values(lease_until=now, next_at=now)
    )
    await session.execute(
        update(ParkedRequest).where(ParkedRequest.lease_until > now).values(lease_until=now)
    )


async def _is_settled(subject: Process, given: Settings, aftermath: Aftermath) -> bool:
    await asyncio.sleep(0.2)
    if aftermath.untold or not aftermath.crowd.follows <= aftermath.crowd.accepted:
        return False
    await _read(given, aftermath)
    if aftermath.parked or aftermath.undelivered:
        return False
    return bool((await subject.support())["endorsements"] == aftermath.endorsers)


async def _look(subject: Process, given: Settings, aftermath: Aftermath) -> None:
    await _read(given, aftermath)
    aftermath.log = subject.log
    try:
        await subject.command("doctor", "--json")
    except CommandFailed as failed:
        checks = json.loads(str(failed).partition(": ")[2])["checks"]
        aftermath.complaints = [each["text"] for each in checks if each["state"] == "problem"]


async def _read(given: Settings, aftermath: Aftermath) -> None:
    database = Database(given.database)
    try:
        async with database.reading() as session:
            rows = await session.execute(
                select(Actor.uri, Register.kind, Register.present)
                .join(Actor, Actor.id == Register.actor_id)
                .join(LocalActor, LocalActor.id == Register.subject_id)
                .where(LocalActor.name == "forest")
            )
            aftermath.rows = [(uri, kind, present) for uri, kind, present in rows]
            parked = select(func.count()).select_from(ParkedRequest)
            aftermath.parked = await session.scalar(parked) or 0
            undelivered = (
                select(func.count())
                .select_from(Delivery)
                .where(Delivery.ended_at.is_(None), Delivery.host != NOBODY)
            )
            aftermath.undelivered = await session.scalar(undelivered) or 0
    finally:
        await database.close()

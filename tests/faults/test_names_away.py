"""Name servers that fail, know nothing or say nothing: what is to be said waits, and nobody else does."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import func, select

from federation.names import Names
from fedicause import app, work
from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER
from storage.models import Delivery, Host, ParkedRequest
from tests import databases, ours, process
from tests.clock import Clock
from tests.doctor.dns import Zone, open_zone
from tests.door import Door
from tests.faults import namespaces
from tests.fediverse import Fediverse
from tests.inboxes import listening
from tests.people import Person
from tests.web.test_delivery import say, until

WAYS: Final = ("failing.test", "unknown.test", "silent.test")
MANY_SILENT: Final = [f"silent{number}.test" for number in range(40)]
HERE: Final = ["127.0.0.1"]


@pytest.fixture
def name_server() -> str:
    """An address of loopback that this test has for itself: the system asks at port 53 only."""
    return f"127.53.{random.randint(1, 254)}.{random.randint(1, 254)}"


@pytest.fixture
def files(tmp_path: Path, name_server: str) -> dict[str, Path]:
    """What tells the system's resolver whom to ask, and that it gives up after three seconds."""
    namespaces.expect_root()
    told = {"resolv.conf": asking(name_server, seconds=3), "nsswitch.conf": "hosts: files dns\n"}
    for name, text in told.items():
        (tmp_path / name).write_text(text)
    return {f"/etc/{name}": tmp_path / name for name in told if Path(f"/etc/{name}").exists()}


def asking(name_server: str, *, seconds: int) -> str:
    return f"nameserver {name_server}\noptions timeout:{seconds} attempts:1\n"


@asynccontextmanager
async def failing(name_server: str) -> AsyncIterator[Zone]:
    """One name is known; the others are as bad as names can be."""
    async with open_zone({("well.test", "A"): HERE}, (name_server, 53)) as zone:
        zone.failing.add("failing.test")
        zone.ignored |= {"silent.test", *MANY_SILENT}
        yield zone


def mend(zone: Zone) -> None:
    zone.failing.clear()
    zone.ignored.clear()
    zone.records |= {(name, "A"): HERE for name in (*WAYS, *MANY_SILENT)}


def names() -> Names:
    """As in production, though less patient."""
    return Names(found_within=1.0, forgotten_after=0.5)


@pytest.fixture
def given(templates: databases.Templates, tmp_path: Path, clock: Clock) -> Iterator[ours.settings.Settings]:
    with templates.copy("sqlite", "written", tmp_path) as database:
        url = f"http://127.0.0.1:{process.free_port()}"
        yield ours.settings_for(database, tmp_path, url=url, secret=templates.secret, key_wait=3.0)


@asynccontextmanager
async def living(given: ours.settings.Settings, clock: Clock) -> AsyncIterator[Instance]:
    """The instance, which answers, works, and asks the system for names."""
    async with ours.changing(given) as session:
        await ours.move(session, given.host)
    await ours.publish_forest(given, now=clock.now())
    stop = asyncio.Event()
    async with (
        app.open_instance(given, now=clock.now, resolver=names()) as instance,
        TestClient(
            Door(app.web_app(instance), host="127.0.0.1", port=int(given.url.rpartition(":")[2]))
        ) as client,
    ):
        receiver = client.server.app[RECEIVER]  # type: ignore[attr-defined]
        working = asyncio.create_task(work.run(instance, receiver=receiver, stop=stop))
        try:
            yield instance
        finally:
            stop.set()
            await working


@asynccontextmanager
async def elsewhere(clock: Clock) -> AsyncIterator[Fediverse]:
    world = Fediverse(clock, dev=True)
    try:
        yield world
    finally:
        await world.close()


async def people(world: Fediverse) -> list[Person]:
    """Somebody on a server of each name that can't be found."""
    found = []
    for name in WAYS:
        server = await world.server()
        server.host = f"{name}:{server.port}"
        found.append(await server.person("bob", algorithm="ed25519"))
    return found


async def number(instance: Instance, model: type[Delivery] | type[ParkedRequest]) -> int:
    async with instance.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def endorsements(instance: Instance) -> int:
    async with (
        TestClient(Door(app.web_app(instance))) as client,
        client.get("/api/campaigns/forest/support") as answer,
    ):
        return int((await answer.json())["endorsements"])


def test_what_is_said_to_and_by_names_that_are_not_found_waits_for_them(
    given: ours.settings.Settings, clock: Clock, files: dict[str, Path], name_server: str
) -> None:
    async def scenario() -> None:
        async with (
            failing(name_server) as zone,
            listening() as [server],
            elsewhere(clock) as world,
            living(given, clock) as instance,
        ):
            port = server.host.rpartition(":")[2]
            hosts = [*MANY_SILENT, *WAYS, "well.test"]
            # Given news for servers whose names can't be found, and for one that can
            await say(instance, "call", [f"http://{host}:{port}/{host}" for host in hosts])
            # Then that one hears of it at its first attempt
            await until(lambda: server.paths == ["/well.test"])
            # When people of such servers endorse, they are told 202, though their keys can't be had
            answers = [await person.like(f"{given.url}/campaigns/forest") for person in await people(world)]
            assert [answer.status for answer in answers] == [202] * len(WAYS)
            assert await number(instance, ParkedRequest) == len(WAYS)
            await all_are_tried(instance, len(hosts) - 1)
            async with instance.database.reading() as session:
                rows = list(await session.scalars(select(Delivery)))
                whys = set(await session.scalars(select(Host.why).where(Host.name != f"well.test:{port}")))
            assert all(row.ended_at is None and row.attempts >= 1 for row in rows)
            assert whys == {"dns"}
            # When the names are found again
            mend(zone)
            # Then everybody has heard of it once, and whoever endorsed counts
            await all_is_done(instance, clock)
            assert len(server.received) == len(hosts)
            assert set(Counter(server.paths).values()) == {1}
            assert await endorsements(instance) == len(WAYS)

    namespaces.apart(scenario, kinds=namespaces.MOUNTS, prepare=lambda: namespaces.replace(files))


async def all_are_tried(instance: Instance, deliveries: int) -> None:
    """Returns once so many rows have failed and wait."""
    async with asyncio.timeout(8):
        while True:
            async with instance.database.reading() as session:
                rows = list(await session.scalars(select(Delivery)))
            if len(rows) == deliveries and all(row.attempts and row.lease_until is None for row in rows):
                return
            await asyncio.sleep(0.05)


async def all_is_done(instance: Instance, clock: Clock) -> None:
    """Returns once nothing waits any more; time passes quickly, but not as quickly as leases end."""
    async with asyncio.timeout(10):
        while await number(instance, ParkedRequest) or await number(instance, Delivery):
            await asyncio.sleep(0.3)
            clock.advance(8)
            instance.hints.ring("deliveries")
            instance.hints.ring("parked")


def test_looking_for_names_costs_few_threads_and_little_patience(
    files: dict[str, Path], name_server: str
) -> None:
    files["/etc/resolv.conf"].write_text(asking(name_server, seconds=10))

    async def scenario() -> None:
        async with failing(name_server) as zone:
            found = Names(at_once=8, found_within=1.0, forgotten_after=60.0)
            began, before = time.monotonic(), set(threading.enumerate())
            looking = [asyncio.create_task(found.resolve(name, 80)) for name in MANY_SILENT]
            await asyncio.sleep(0.3)
            assert sum(each.name == "name" for each in {*threading.enumerate()} - before) <= 8
            # Nobody waits for longer than is told, and who has failed once is not asked about again
            results = await asyncio.gather(*looking, return_exceptions=True)
            assert all(isinstance(each, OSError) for each in results)
            assert time.monotonic() - began < 8
            other = Names(forgotten_after=60.0)
            for _ in range(5):
                for name in ("failing.test", "unknown.test"):
                    with pytest.raises(OSError, match=r"\w"):
                        await other.resolve(name, 80)
            assert max(Counter(zone.asked).values()) <= 2
            assert [each["host"] for each in await other.resolve("well.test", 80)] == HERE

    namespaces.apart(scenario, kinds=namespaces.MOUNTS, prepare=lambda: namespaces.replace(files))

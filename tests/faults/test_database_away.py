"""PostgreSQL is stopped, crashes and comes back under load: nothing taken is lost, nobody has to help."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import text

from fedicause import app, work
from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER
from storage import migrations
from tests import components, ours, postgres
from tests.clock import Clock
from tests.conftest import Client
from tests.door import Door
from tests.faults.nursery import until
from tests.fediverse import Fediverse
from tests.people import Answer
from tests.postgres import Server

PATH = "/campaigns/forest"
SUPPORT = "/api/campaigns/forest/support"


@dataclass
class Site:
    """One instance with its own PostgreSQL, in this process, the work included."""

    server: Server
    instance: Instance
    client: Client
    world: Fediverse
    work: asyncio.Task[None]

    async def like(self, number: int) -> Answer:
        (there,) = self.world._servers or [await self.world.server()]
        person = there.people.get(f"p{number}") or await there.person(f"p{number}", algorithm="ed25519")
        return await person.like(f"{self.instance.settings.url}{PATH}")

    async def status(self, path: str, method: str = "GET", **fields: str) -> tuple[int, str | None]:
        async with self.client.request(method, path, data=fields or None) as answer:
            await answer.read()
            return answer.status, answer.headers.get("Retry-After")

    async def endorsements(self) -> int:
        async with self.client.get(SUPPORT) as answer:
            return int((await answer.json())["endorsements"])

    def endorsements_are(self, number: int) -> Callable[[], Awaitable[bool]]:
        async def are() -> bool:
            return await self.endorsements() == number

        return are

    async def is_ready(self) -> bool:
        return (await self.status("/readyz"))[0] == 200

    async def listens(self) -> bool:
        """Whether a connection waits for notices."""
        async with self.instance.database.reading() as session:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'"
            return bool(await session.scalar(text(asked)))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.restartable(components.postgresql()) as started:
        yield started


@asynccontextmanager
async def opened(server: Server, directory: Path, clock: Clock) -> AsyncIterator[Site]:
    url = await asyncio.to_thread(server.create)
    given = ours.settings_for(url, directory, url=f"http://127.0.0.1:{server.port + 1}")
    await migrations.upgrade(given.database)
    await ours.begin(given, now=clock.now())
    await ours.write_forest(given, now=clock.now())
    await ours.publish_forest(given, now=clock.now())
    world = Fediverse(clock, dev=True)
    stop = asyncio.Event()
    try:
        async with (
            app.open_instance(given, now=clock.now, **world.doors) as instance,
            TestClient(Door(app.web_app(instance))) as client,
        ):
            world.homes[given.url] = str(client.make_url("")).rstrip("/")
            receiver = client.server.app[RECEIVER]
            working = asyncio.create_task(work.run(instance, receiver=receiver, stop=stop))
            yield Site(server, instance, client, world, working)
            assert not working.done()
            stop.set()
            await working
    finally:
        stop.set()
        await world.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_a_restart_costs_nobody_anything(
    server: Server, tmp_path: Path, clock: Clock, number: int
) -> None:
    async with opened(server, tmp_path, clock) as site:
        site.instance.database.patience = 30.0  # the test's machine may be busy
        assert (await site.like(0)).status == 202
        pool = [asyncio.create_task(site.like(each)) for each in range(1, 20)]
        await asyncio.sleep(0.05)
        await asyncio.to_thread(server.stop, number)
        # Whoever comes now waits for it, and is answered when it is back.
        pool += [asyncio.create_task(site.like(each)) for each in range(20, 30)]
        await asyncio.sleep(0.5)
        assert not all(task.done() for task in pool)
        await asyncio.to_thread(server.start)
        statuses = {(await task).status for task in pool}
        assert statuses == {202}
        assert await until(site.endorsements_are(30), within=20)
        assert await until(site.listens, within=20)


async def test_while_it_is_away_what_can_be_done_is_done(
    server: Server, tmp_path: Path, clock: Clock
) -> None:
    async with opened(server, tmp_path, clock) as site:
        assert (await site.like(0)).status == 202
        assert await site.endorsements() == 1
        assert (await site.status(PATH))[0] == 200
        site.instance.database.patience = 2.0  # so that the test need not wait for as long as senders do
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        try:
            await asyncio.sleep(1.1)
            answer, unseen, form, ready = await asyncio.gather(
                site.like(1),
                site.status("/campaigns/other"),
                site.status(f"/confirm/{'A' * 43}", "POST"),
                site.status("/readyz"),
            )
            # An inbox says "come again" in the one way that no sender takes for "delivered"
            assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
            # forms, and what was not shown before, say that it is not possible now
            assert (unseen, form, ready) == ((503, "10"), (503, "10"), (503, "5"))
            # what was shown is shown on, without a wait
            began = time.monotonic()
            assert (await site.status(PATH))[0] == 200
            assert await site.endorsements() == 1
            assert time.monotonic() - began < 1.5
            assert (await site.status("/healthz"))[0] == 200
        finally:
            await asyncio.to_thread(server.start)
        # and it goes on by itself
        assert await until(site.is_ready, within=20)
        assert (await site.like(1)).status == 202
        assert await until(site.endorsements_are(2), within=20)


async def test_a_machine_that_is_silently_gone_is_not_waited_for_without_end(
    server: Server, tmp_path: Path, clock: Clock
) -> None:
    async with opened(server, tmp_path, clock) as site:
        assert (await site.status(PATH))[0] == 200
        site.instance.database.patience = 2.0
        pid = int((server.directory / "data" / "postmaster.pid").read_text().split()[0])
        # The parent stops first and goes on last: a child that is ending meanwhile is still there to be told.
        os.kill(pid, signal.SIGSTOP)
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for each in children:
            os.kill(each, signal.SIGSTOP)
        try:
            await asyncio.sleep(1.1)
            async with asyncio.timeout(10):
                assert (await site.status("/readyz"))[0] == 503
                assert (await site.status(PATH))[0] == 200
        finally:
            for each in (*children, pid):
                os.kill(each, signal.SIGCONT)
        assert await until(site.is_ready, within=20)

"""What works for the whole instance is killed, with kill -9, and the rest goes on: nothing is lost by it."""

import asyncio
import re
import signal
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import func, select

from fedicause import app, initialise
from fedicause.letters import post
from fedicause.people import invalidate
from storage import counts, signatures
from storage.coalition_models import Coalition
from storage.database import Database
from storage.models import Delivery
from storage.moderation_models import Invalidation
from tests import ours
from tests.faults import audience, crowd, ordeal
from tests.faults.audience import NOBODY, Audience
from tests.faults.nursery import Forked, until
from tests.postbox import open_postbox
from tests.web import desks
from tests.web.staff import Browser
from tests.web.test_mail_servers import queue

KILLS = 2


class Worked(Forked):
    """A server that only answers, and beside it a process that works."""

    _working = None

    async def work(self) -> None:
        self._working = self._fork(("work",), self.directory / "log of work")

    async def end_work(self, number: int) -> int:
        assert self._working is not None
        self._serving, serving = self._working, self._serving
        try:
            return await self.stop(number)
        finally:
            self._serving = serving

    @property
    def logs(self) -> str:
        return self.log + (self.directory / "log of work").read_text()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_worker_that_is_killed_beside_its_server_loses_nothing(
    database_url: str, tmp_path: Path
) -> None:
    addresses = [f"p{number}@people.test" for number in range(20)]
    in_hand: Counter[ordeal.Sent] = Counter()
    async with open_postbox() as box, audience.listening() as followers, ordeal.elsewhere() as world:
        subject = Worked(tmp_path, database=database_url)
        subject.environment |= {"FEDICAUSE_SMTP": box.url, "FEDICAUSE_MAIL_RATE": "100000"}
        given = await ordeal.prepare(subject, database_url)
        subject.environment["FEDICAUSE_SECRET_FILE"] = str(given.secret_file)
        await followers.follow(given, now=crowd.now())
        server = await world.server()
        # Given letters and news under way, and rounds of work that tell how many have endorsed
        await queue(subject, *addresses)
        box.holding = asyncio.Event()
        await subject.start("--no-work")
        try:
            news = []
            for kill in range(KILLS):
                news.append(await post_news(subject))
                enough = sum(followers.taken().values()) + 10
                take_your_time(followers, 3.0)
                await subject.work()
                assert await until(lambda: is_busy(followers, enough) and box.read.is_set(), within=30)  # noqa: B023
                # When the worker is killed among them, then the server answers on
                await subject.end_work(signal.SIGKILL)
                take_your_time(followers, 0.1)
                async with ours.changing(given) as session:
                    in_hand.update(await ordeal._in_hand(session))
                person = await server.person(f"p{kill}", algorithm="ed25519")
                assert (await person.like(subject.note)).status == 202
                if kill == 0:
                    assert box.arrived == []
                    box.holding.set()
            await subject.work()
            # And the next one does all that is left
            assert await until(lambda: not untold(followers, news), within=40), untold(followers, news)
            assert await until(lambda: set(box.addressees) == set(addresses), within=20)
            assert await until(lambda: is_delivered(given.database), within=20)
            assert (await subject.support())["endorsements"] == KILLS
            assert await recounted(given.database)
            assert await subject.end_work(signal.SIGTERM) == await subject.stop() == 0
        finally:
            await subject.end_work(signal.SIGKILL)
            await subject.kill()
    # And only what was in hand at a kill came twice, of letters under the same number
    sent = followers.taken()
    assert {each: times for each, times in sent.items() if times > 1 + in_hand[each]} == {}
    assert len(box.arrived) <= len(addresses) + post.CONNECTIONS
    assert len({(each.to, each.message["Message-ID"]) for each in box.arrived}) == len(addresses)
    assert [line for line in subject.logs.splitlines() if " ERROR " in line or "Traceback" in line] == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_fakes_that_were_half_taken_out_are_counted_right_and_can_all_be(
    database_url: str, tmp_path: Path
) -> None:
    subject = Forked(tmp_path, database=database_url)
    given = await ordeal.prepare(subject, database_url)
    subject.environment["FEDICAUSE_SECRET_FILE"] = str(given.secret_file)
    number = 3 * invalidate.AT_ONCE + 7
    async with app.open_instance(given) as instance:
        await desks.sign_up(instance, 3, domain="mail.example", network=desks.HOME)
        await desks.sign_up(instance, number, domain="trash.example", network=desks.BOTS)
        span = {"since": "2026-01-01T00:00:00+00:00", "until": "2099-01-01T00:00:00+00:00"}
    async with ours.changing(given) as session:
        password = await initialise.user(session, email="owner@ours.test", role="owner", now=crowd.now())
    database = Database(given.database)
    await subject.start("--no-work")
    try:
        async with aiohttp.ClientSession(subject.url, cookie_jar=aiohttp.DummyCookieJar()) as client:
            alice = Browser(client, origin=subject.url)  # type: ignore[arg-type]
            await alice.log_in("owner@ours.test", password)
            await alice.get("/admin/people/forest")
            # Given thousands that are being taken out, in steps
            fakes = {"domain": "trash.example"} | span
            taking = asyncio.create_task(alice.post("/admin/people/forest/fakes", fakes))
            assert await until(lambda: is_begun(database), within=30)
            # When the server is killed among these
            await subject.kill()
            with pytest.raises(aiohttp.ClientError):
                await taking
            # Then what is counted is what is there, and it is not over
            left = await counted(database)
            assert 3 < left < number + 3
            await subject.start("--no-work")
            assert (await subject.support())["signatures"] == left
            # And whoever goes on is done with all of them
            assert "This was interrupted" in (await alice.get("/admin/people/forest/fakes/1")).text
            await alice.post("/admin/people/forest/fakes/1/go-on")
            shown = (await alice.get("/admin/people/forest/fakes/1")).text
            assert f"{number:,} signatures taken out" in re.sub(r"<[^>]+>", "", shown)
            assert await counted(database) == 3
    finally:
        await subject.kill()
        await database.close()


async def post_news(subject: Forked) -> str:
    """The id of the news."""
    path = subject.directory / "news.md"
    await asyncio.to_thread(path.write_text, "---\ntitle: News\n---\nThe forest still stands.\n")
    printed = await subject.command("campaign", "update", "forest", str(path))
    found = re.search(r"Posted: (\S+)", printed)
    assert found, printed
    return found[1]


def take_your_time(followers: Audience, seconds: float) -> None:
    """The slow ones among them take so long from now on."""
    for host in followers.slow:
        host.listener.delay = seconds


def is_busy(followers: Audience, enough: int) -> bool:
    """Whether so many deliveries were taken, and some are under way."""
    return sum(followers.taken().values()) >= enough and followers.under_way > 0


def untold(followers: Audience, news: list[str]) -> list[str]:
    """Who has not heard all of it, in order."""
    return [inbox for inbox, heard in followers.heard().items() if heard != news]


async def recounted(url: str) -> bool:
    """Whether counting one by one comes to what the books say."""
    database = Database(url)
    try:
        async with database.reading() as session:
            return all(each.agrees for each in await counts.recount(session))
    finally:
        await database.close()


async def is_delivered(url: str) -> bool:
    """Whether nothing waits but what is for nobody."""
    database = Database(url)
    try:
        async with database.reading() as session:
            left = select(func.count()).where(Delivery.ended_at.is_(None), Delivery.host != NOBODY)
            return not await session.scalar(left)
    finally:
        await database.close()


async def is_begun(database: Database) -> bool:
    async with database.reading() as session:
        found = await session.get(Invalidation, 1)
        return found is not None and found.confirmed > 0


async def counted(database: Database) -> int:
    """What the books say, which is what counting one by one comes to."""
    async with database.reading() as session:
        assert [each for each in await signatures.recount(session) if not each.agrees] == []
        return await session.scalar(select(func.sum(Coalition.signatures))) or 0

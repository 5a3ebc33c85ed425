"""The clock is put forward and back while the server runs: nothing locks up or waits for the old time."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from fedicause import rekey, rounds
from fedicause.fediverse import deliver
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.meter import Limit, charge
from fedicause.timekeeping import Timekeeper
from storage import blocks
from storage.models import Delivery
from tests import components, signing
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.inboxes import listening
from tests.process import Process, eventually
from tests.web.test_delivery import forest, say, until, working

DAY = 24 * 3600
NOTE = "https://ours.test/campaigns/forest"
STEPS = [2 * 3600, DAY]


def faketime() -> Path:
    """The library that tells a process another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0] if found else components.missing("libfaketime")


@pytest.mark.parametrize("seconds", STEPS)
async def test_what_was_put_off_by_a_wrong_clock_is_done_when_it_is_right(
    dev_instance: Instance, clock: Clock, seconds: float
) -> None:
    async with listening(1) as [server]:
        # Given a delivery that failed, and one in the hands of a process that died, while the clock was ahead
        clock.advance(seconds)
        await say(dev_instance, "call", [server.inbox(1), server.inbox(2)])
        async with dev_instance.database.writing() as session:
            ahead = clock.now() + timedelta(minutes=2)
            await session.execute(
                update(Delivery).where(Delivery.inbox == server.inbox(1)).values(next_at=ahead)
            )
            lease = clock.now() + deliver.LEASE
            await session.execute(
                update(Delivery)
                .where(Delivery.inbox == server.inbox(2))
                .values(next_at=lease, lease_until=lease)
            )
        # When it is put back
        clock.advance(-seconds)
        await rounds.mend_times(dev_instance, was_put_back=True)
        await rounds.end_leases(dev_instance)
        # Then both are due, in nobody's hands (SQLite's single process takes over when it starts, too)
        async with dev_instance.database.reading() as session:
            waiting = await session.scalar(
                select(func.count()).where(Delivery.lease_until.is_(None), Delivery.next_at <= clock.now())
            )
        assert waiting == 2
        # And sent, each once
        async with working(dev_instance):
            await until(lambda: len(server.received) == 2)
        assert sorted(server.paths) == ["/1", "/2"]


async def test_a_lease_of_somebody_who_lives_is_left_to_them(dev_instance: Instance, clock: Clock) -> None:
    async with listening(1) as [server]:
        await say(dev_instance, "call", [server.inbox(1)])
        lease = clock.now() + deliver.LEASE
        async with dev_instance.database.writing() as session:
            await session.execute(update(Delivery).values(next_at=lease, lease_until=lease))
        await rounds.mend_times(dev_instance, was_put_back=True)
        await rounds.end_leases(dev_instance)
        async with dev_instance.database.reading() as session:
            assert await session.scalar(select(Delivery.lease_until)) == lease


async def test_a_block_and_a_new_key_count_though_the_clock_went_back(
    instance: Instance, client: Client, fediverse: Fediverse, clock: Clock
) -> None:
    server = await fediverse.server()
    bob, carol = await server.person("bob"), await server.person("carol")
    clock.advance(DAY)
    assert (await bob.like(NOTE)).status == 202
    assert (await carol.like(NOTE)).status == 202
    clock.advance(-DAY)
    async with instance.database.writing() as session:
        await blocks.add(session, bob.uri, "spam", clock.now())
    assert (await bob.undo()).status == 403
    # Her key changed, and what is known of it has been read "tomorrow"
    carol.rotate()
    clock.advance(61)
    assert (await carol.undo()).status == 202


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_key_that_we_have_changed_signs_though_the_clock_went_back(
    dev_instance: Instance, clock: Clock
) -> None:
    async with listening(1) as [server], working(dev_instance):
        clock.advance(DAY)
        await say(dev_instance, "call", [server.inbox()])
        await until(lambda: len(server.received) == 1)
        clock.advance(-DAY)
        async with dev_instance.database.writing() as session:
            actor = await session.merge(await forest(dev_instance))
            new = rekey.Pair.new()
            await rekey.rotate(session, Here.at(dev_instance), actor, new, compromised=True)
        await say(dev_instance, "news", [server.inbox()])
        await until(lambda: len(server.received) == 2)
    assert signing.holds(server.received[1], new.rsa.public_key())


def test_who_was_counted_tomorrow_is_let_in_today() -> None:
    limit, used_until, now = Limit("network", 120, 30.0), dict[str, int](), 1_800_000_000_000
    tomorrow = now + DAY * 1000
    for _ in range(30):
        assert charge(used_until, [limit], tomorrow) is None
    assert charge(used_until, [limit], tomorrow) is not None
    # Today there is as much as ever, and no more
    assert [charge(used_until, [limit], now) for _ in range(30)] == [None] * 30
    assert charge(used_until, [limit], now) is not None


def test_a_step_is_noticed_and_a_slow_clock_is_not() -> None:
    wall, steady = Clock(), 0.0
    keeper = Timekeeper(wall.now, steady=lambda: steady)
    found = []
    for forward, passed in ((5, 5), (3600, 5), (-7200, 5), (5, 5), (-2, 1), (600, 600)):
        wall.advance(forward)
        steady += passed
        step = keeper.step()
        found.append(None if step is None else round(step.total_seconds()))
    assert found == [None, 3595, -7205, None, None, None]


@pytest.mark.timeout(180)
async def test_a_running_server_outlives_days_that_never_were(tmp_path: Path) -> None:
    library = faketime()
    subject = Process(tmp_path)
    await subject.set_up()
    told = tmp_path / "time"
    await asyncio.to_thread(told.write_text, "+0")
    subject.environment |= {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(told),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    await subject.start()
    for name in [name for name in subject.environment if name.startswith(("LD_", "FAKETIME"))]:
        del subject.environment[name]  # the commands beside it have the right time
    try:
        for number, offset in enumerate(("+1d", "-1d", "+2h", "+0"), 1):
            await asyncio.to_thread(told.write_text, offset)
            await asyncio.sleep(2.5)
            await subject.command("sign", "forest", "--count", "1")

            async def counts(number: int = number) -> bool:
                return bool((await subject.support())["signatures"] == number)

            await eventually(counts, within=20)
        assert "the clock was put back by" in subject.log
        assert " ERROR " not in subject.log
    finally:
        assert await subject.stop() == 0

"""Deliveries by the running workers: real servers on loopback, both databases, a clock that tests move."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import select, update

from federation import outgoing
from fedicause import announce, work
from fedicause import listening as hearing
from fedicause.fediverse import deliver, judge
from fedicause.instance import Instance
from storage import blocks, deliveries, hosts, local_actors
from storage.models import Delivery, Host, LocalActor
from tests import signing
from tests.clock import Clock
from tests.inboxes import Listener, Said, listening

NOTE = "campaigns/forest"


@pytest.fixture
async def server() -> AsyncIterator[Listener]:
    async with listening() as [one]:
        yield one


@asynccontextmanager
async def working(instance: Instance) -> AsyncIterator[asyncio.Event]:
    """The workers, until the test is done with them."""
    stop = asyncio.Event()
    async with hearing.listening(instance):
        task = asyncio.create_task(work.run(instance, stop=stop))
        try:
            yield stop
        finally:
            stop.set()
            await task


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in another server
            await asyncio.sleep(0.01)


async def say(instance: Instance, word: str, inboxes: Sequence[str], *, replaces: str | None = None) -> None:
    """The campaign says something to these inboxes."""
    async with instance.database.writing() as session:
        actor = await forest(instance)
        uri = instance.urls.actor("forest")
        await announce.say(
            session,
            urls=instance.urls,
            actor=actor,
            document=outgoing.update(
                id=instance.urls.new_activity(), actor=uri, object={"content": word}, published=instance.now()
            ),
            listed=False,
            inboxes=inboxes,
            now=instance.now(),
            replaces=replaces,
        )
    instance.hints.ring("deliveries")


async def forest(instance: Instance) -> LocalActor:
    async with instance.database.reading() as session:
        actor = await local_actors.by_name(session, "forest")
    assert actor is not None
    return actor


async def rows(instance: Instance) -> list[Delivery]:
    async with instance.database.reading() as session:
        return list(await session.scalars(select(Delivery).order_by(Delivery.id)))


async def attempts(instance: Instance) -> list[int]:
    return [row.attempts for row in await rows(instance) if row.lease_until is None]


async def written(instance: Instance, expected: Callable[[list[Delivery]], bool]) -> list[Delivery]:
    """The queue, once what was tried is written back."""
    async with asyncio.timeout(8):
        while not expected(found := await rows(instance)):  # noqa: ASYNC110 - nobody tells of commits
            await asyncio.sleep(0.02)
    return found


async def later(instance: Instance, clock: Clock, seconds: float) -> None:
    clock.advance(seconds)
    instance.hints.ring("deliveries")


def words(listener: Listener) -> list[str]:
    return [document["object"]["content"] for document in listener.documents]


async def host_of(instance: Instance, listener: Listener) -> Host:
    async with instance.database.reading() as session:
        return (await session.scalars(select(Host).where(Host.name == listener.host))).one()


def retried(count: int) -> Callable[[list[Delivery]], bool]:
    return lambda found: [row.attempts for row in found if row.lease_until is None] == [count]


async def test_what_is_said_arrives_signed_by_its_actor(dev_instance: Instance, server: Listener) -> None:
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox()])
        await until(lambda: server.received)
        await written(dev_instance, lambda found: not found)
    [request] = server.received
    public = load_pem_public_key((await forest(dev_instance)).rsa_public.encode())
    assert isinstance(public, RSAPublicKey)
    assert signing.holds(request, public)
    assert not signing.holds(request.carrying(b"{}"), public)
    assert f'keyId="{dev_instance.urls.actor("forest")}#main-key"' in (request.header("signature") or "")
    assert request.header("content-type") == "application/activity+json"
    assert (await host_of(dev_instance, server)).last_answer_at == dev_instance.now()


async def test_an_inbox_named_twice_hears_once(dev_instance: Instance, server: Listener) -> None:
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox(), server.inbox()])
        await say(dev_instance, "news", [server.inbox()])
        await until(lambda: len(server.received) > 1)
        await written(dev_instance, lambda found: not found)
    assert words(server) == ["call", "news"]


async def test_blocked_hosts_and_our_own_are_not_written_to(dev_instance: Instance, server: Listener) -> None:
    async with dev_instance.database.writing() as session:
        await blocks.add(session, server.host, "spam", dev_instance.now())
    own = dev_instance.urls.shared_inbox
    await say(dev_instance, "call", [server.inbox(), own, "no address", "ftp://elsewhere.test/inbox"])
    assert await rows(dev_instance) == []


async def test_a_host_that_wants_the_newer_signatures_gets_them_ever_after(
    dev_instance: Instance, server: Listener
) -> None:
    server.answers.append(Said(401))
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox()])
        await written(dev_instance, lambda found: not found)
    assert [bool(each.header("signature-input")) for each in server.received] == [False, True]
    async with dev_instance.database.reading() as session:
        assert await hosts.schemes(session) == {server.host: "rfc9421"}


async def test_a_server_that_fails_gets_the_same_again_with_a_new_signature(
    dev_instance: Instance, server: Listener, clock: Clock
) -> None:
    server.answers.append(Said(503))
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox()])
        await say(dev_instance, "news", [server.inbox()])
        [row, behind] = await written(dev_instance, lambda found: bool(found and found[0].attempts))
        assert (row.last_status, row.last_error) == (503, "answered 503")
        assert row.next_at is not None
        # 2 seconds in development mode, give or take a half.
        assert timedelta(seconds=1) <= row.next_at - clock.now() <= timedelta(seconds=3)
        assert behind.next_at is None
        await later(dev_instance, clock, 4)
        await written(dev_instance, lambda found: not found)
    assert words(server) == ["call", "call", "news"]
    first, second, _ = server.received
    assert first.body == second.body
    assert first.header("date") != second.header("date")
    assert first.header("signature") != second.header("signature")


async def test_a_server_is_not_asked_before_the_time_it_names(
    dev_instance: Instance, server: Listener, clock: Clock
) -> None:
    server.answers.append(Said(429, {"Retry-After": "900"}))
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox()])
        await written(dev_instance, retried(1))
        # It counts requests of ours, so its other inboxes wait too.
        await say(dev_instance, "call", [server.inbox("other")])
        await later(dev_instance, clock, 890)
        await asyncio.sleep(0.3)
        assert len(server.received) == 1
        await later(dev_instance, clock, 11)
        await written(dev_instance, lambda found: not found)
    assert sorted(server.paths) == ["/inbox", "/inbox", "/other"]


async def test_an_inbox_that_is_gone_hears_no_more(dev_instance: Instance, server: Listener) -> None:
    server.answer = lambda path: Said(410 if path == "/gone" else 202)
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox("gone"), server.inbox("here")])
        await say(dev_instance, "news", [server.inbox("gone"), server.inbox("here")])
        found = await written(dev_instance, lambda found: len(found) == 2 and all(r.ended_at for r in found))
        await say(dev_instance, "more", [server.inbox("gone"), server.inbox("here")])
        await until(lambda: len(server.received) == 4)
    assert [row.last_status for row in found] == [410, 410]
    assert Counter(server.paths) == {"/here": 3, "/gone": 1}


async def test_a_refusal_ends_one_delivery_and_lets_the_next_go(
    dev_instance: Instance, server: Listener
) -> None:
    server.answers.append(Said(422))
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox()])
        await say(dev_instance, "news", [server.inbox()])
        await until(lambda: len(server.received) == 2)
        [row] = await written(dev_instance, lambda found: len(found) == 1)
    assert (row.attempts, row.last_status) == (1, 422)
    assert row.ended_at is not None


async def test_a_server_that_does_not_take_our_key_is_asked_a_few_times(
    dev_instance: Instance, server: Listener, clock: Clock
) -> None:
    server.answer = lambda _: Said(403)
    async with working(dev_instance):
        await say(dev_instance, "call", [server.inbox()])
        for number in range(1, judge.FEW_ATTEMPTS):
            await written(dev_instance, retried(number))
            await later(dev_instance, clock, 4 * 2**number)
        [row] = await written(dev_instance, lambda found: found[0].ended_at is not None)
    assert (row.attempts, row.last_error) == (judge.FEW_ATTEMPTS, "answered 403")


async def test_a_week_of_silence_ends_a_delivery(dev_instance: Instance, clock: Clock) -> None:
    async with listening() as [server]:
        inbox = server.inbox()
    async with working(dev_instance):
        await say(dev_instance, "call", [inbox])
        await written(dev_instance, retried(1))
        await later(dev_instance, clock, 6.9 * 86_400)
        await written(dev_instance, retried(2))
        await later(dev_instance, clock, 86_400)
        [row] = await written(dev_instance, lambda found: found[0].ended_at is not None)
    assert row.attempts == 3
    assert row.last_error
    async with dev_instance.database.reading() as session:
        assert [each.id for each in await deliveries.given_up(session)] == [row.id]


async def test_a_host_that_is_down_is_left_alone_then_tried_once_then_caught_up_with(
    dev_instance: Instance, clock: Clock
) -> None:
    async with listening(2) as [dead, alive]:
        await dead.stop()
        async with working(dev_instance):
            await say(dev_instance, "call", [dead.inbox(number) for number in range(20)])
            await written(
                dev_instance,
                lambda found: (
                    sum(row.attempts for row in found) >= 8 and not any(row.lease_until for row in found)
                ),
            )
            paused = await host_of(dev_instance, dead)
            assert paused.failures >= judge.FAILING_AT
            assert paused.paused_until is not None
            assert paused.paused_until > clock.now()
            before = sum(row.attempts for row in await rows(dev_instance))
            await say(dev_instance, "call", [alive.inbox()])
            await until(lambda: alive.received)
            assert sum(row.attempts for row in await rows(dev_instance)) == before
            # Its pause is over: one delivery finds out, and as it fails too, a longer one follows.
            await later(dev_instance, clock, 120)
            await written(dev_instance, lambda found: sum(row.attempts for row in found) == before + 1)
            longer = await host_of(dev_instance, dead)
            assert longer.failures == paused.failures + 1
            # What would have waited for hours more is sent as soon as the host answers.
            async with dev_instance.database.writing() as session:
                hours = clock.now() + judge.LONGEST_RETRY
                await session.execute(
                    update(Delivery).where(Delivery.inbox == dead.inbox(19)).values(next_at=hours)
                )
            await dead.start()
            await later(dev_instance, clock, 120)
            await written(dev_instance, lambda found: not found)
    assert Counter(dead.paths) == {f"/{number}": 1 for number in range(20)}


async def test_a_slow_host_with_a_long_queue_keeps_nobody_waiting(dev_instance: Instance) -> None:
    async with listening(3) as [flood, bob, carol]:
        flood.delay = 0.5
        async with working(dev_instance):
            await say(dev_instance, "call", [flood.inbox(number) for number in range(300)])
            await until(lambda: flood.received)
            await say(dev_instance, "call", [bob.inbox(), carol.inbox()])
            await until(lambda: bob.received and carol.received, seconds=1)
            assert len(flood.received) < 300
    assert flood.most_at_once <= deliver.IN_FLIGHT_PER_HOST


async def test_no_inbox_has_two_deliveries_at_a_time(dev_instance: Instance, server: Listener) -> None:
    server.delay = 0.05
    said = [str(number) for number in range(8)]
    async with working(dev_instance):
        for word in said:
            await say(dev_instance, word, [server.inbox()])
        await until(lambda: len(server.received) == len(said))
    assert words(server) == said
    assert server.most_at_once == 1


async def test_an_update_replaces_an_older_one_that_was_not_delivered(
    dev_instance: Instance, server: Listener, clock: Clock
) -> None:
    server.answers.append(Said(502))
    async with working(dev_instance):
        await say(dev_instance, "first", [server.inbox()], replaces=NOTE)
        await written(dev_instance, retried(1))
        await say(dev_instance, "second", [server.inbox()], replaces=NOTE)
        await later(dev_instance, clock, 4)
        await written(dev_instance, lambda found: not found)
    assert words(server) == ["first", "second"]


async def test_stopping_finishes_what_is_under_way_and_hands_back_the_rest(dev_instance: Instance) -> None:
    async with listening() as [server]:
        server.delay = 0.3
        async with working(dev_instance):
            await say(dev_instance, "call", [server.inbox(number) for number in range(24)])
            await until(lambda: server.at_once)
        delivered = len(server.received)
        assert delivered == deliver.IN_FLIGHT_PER_HOST
        left = await rows(dev_instance)
        assert len(left) == 24 - delivered
        assert {(row.lease_until, row.attempts) for row in left} == {(None, 0)}
        server.delay = 0
        async with working(dev_instance):
            await until(lambda: len(server.received) == 24)
            await written(dev_instance, lambda found: not found)
    assert max(Counter(server.paths).values()) == 1


async def test_what_a_dead_worker_had_in_hand_is_sent_by_the_next_one(
    dev_instance: Instance, clock: Clock
) -> None:
    async with listening() as [server]:
        server.delay = 0.5
        await say(dev_instance, "call", [server.inbox(number) for number in range(12)])
        task = asyncio.create_task(work.run(dev_instance, stop=asyncio.Event()))
        await until(lambda: server.at_once == deliver.IN_FLIGHT_PER_HOST)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        server.delay = 0
        if dev_instance.database.dialect == "postgresql":
            # Others may be at work there: nobody knows that this one died before its lease is over.
            clock.advance(deliver.LEASE.total_seconds() + 1)
        async with working(dev_instance):
            await written(dev_instance, lambda found: not found)
    assert set(Counter(server.paths)) == {f"/{number}" for number in range(12)}
    assert len(server.received) <= 12 + deliver.IN_FLIGHT_PER_HOST


async def test_logs_name_hosts_but_no_inboxes(
    dev_instance: Instance, server: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = lambda _: Said(500)
    with caplog.at_level(logging.DEBUG, "fedicause"):
        async with working(dev_instance):
            await say(dev_instance, "call", [server.inbox(f"users/bob{number}") for number in range(9)])
            await written(dev_instance, lambda found: sum(row.attempts for row in found) >= 5)
    assert server.host in caplog.text
    assert "bob" not in caplog.text


async def test_another_process_is_woken_up(dev_instance: Instance, server: Listener) -> None:
    """Nobody rings in this process: PostgreSQL carries the notice, on SQLite the sweep finds the row."""
    async with working(dev_instance):
        await asyncio.sleep(0.2)
        async with dev_instance.database.writing() as session:
            await announce.say(
                session,
                urls=dev_instance.urls,
                actor=await forest(dev_instance),
                document={"id": "https://ours.test/1", "type": "Create", "object": {"content": "call"}},
                listed=False,
                inboxes=[server.inbox()],
                now=dev_instance.now(),
            )
        seconds = 0.5 if dev_instance.database.dialect == "postgresql" else 1.5
        await until(lambda: server.received, seconds=seconds)

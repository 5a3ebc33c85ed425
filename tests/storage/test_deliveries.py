"""The queue of deliveries, on both databases: order, fairness, leases, what replaces what."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import activities, claims, deliveries, hosts, local_actors, outcomes
from storage.claims import Claimed
from storage.database import Database
from storage.models import Delivery
from storage.outcomes import End, Retry
from tests.clock import Clock

LEASE = timedelta(seconds=60)
CAROL = "https://carol.test/inbox"


@dataclass
class Queue:
    """A queue with an actor that says things, and what a worker does with it."""

    database: Database
    clock: Clock
    actor_id: int = 0
    said: int = 0
    worded: dict[int, str] = field(default_factory=dict)

    async def say(self, word: str, *inboxes: str, replaces: str | None = None) -> None:
        async with self.database.writing() as session:
            self.said += 1
            activity = await activities.add(
                session,
                uri=f"https://ours.test/activities/{self.said}",
                actor_id=self.actor_id,
                type="Create",
                document=json.dumps(word),
                listed=False,
                now=self.clock.now(),
            )
            self.worded[activity.id] = word
            hosts_of = {inbox: inbox.split("/")[2] for inbox in inboxes or (CAROL,)}
            await hosts.ensure(session, hosts_of.values(), self.clock.now())
            await deliveries.add(
                session,
                activity_id=activity.id,
                inboxes=hosts_of,
                replaces=replaces,
                now=self.clock.now(),
            )

    async def claim(
        self, limit: int = 256, *, per_host: int = 32, in_hand: dict[str, int] | None = None
    ) -> list[Claimed]:
        async with self.database.writing() as session:
            await claims.arm(session, self.clock.now())
            return await self._claim(session, limit, per_host, in_hand)

    async def claim_without_looking(self) -> list[Claimed]:
        async with self.database.writing() as session:
            return await self._claim(session, 256, 32, None)

    async def _claim(
        self, session: AsyncSession, limit: int, per_host: int, in_hand: dict[str, int] | None
    ) -> list[Claimed]:
        now = self.clock.now()
        return await claims.claim(
            session,
            now=now,
            lease_until=now + LEASE,
            limit=limit,
            per_host=per_host,
            failing_at=5,
            in_hand=in_hand or {},
        )

    async def quickest(self) -> float:
        """Seconds for one delivery to each of 32 inboxes of Carol's, among whatever else there is."""
        took = []
        for _ in range(6):
            await self.say("call", *(f"https://carol.test/{number}" for number in range(32)))
            async with self.database.writing() as session:
                await claims.arm(session, self.clock.now())
            started = time.perf_counter()
            claimed = await self.claim_without_looking()
            await self.settle(delivered=claimed)
            took.append(time.perf_counter() - started)
            assert sum(each.host == "carol.test" for each in claimed) == 32
        return min(took)

    async def settle(
        self,
        delivered: Sequence[Claimed] = (),
        retries: Sequence[Retry] = (),
        ends: Sequence[End] = (),
    ) -> None:
        async with self.database.writing() as session:
            await outcomes.settle(
                session, delivered=delivered, retries=retries, ends=ends, now=self.clock.now()
            )

    async def postpone(self, claimed: Claimed, seconds: float) -> None:
        next_at = self.clock.now() + timedelta(seconds=seconds)
        await self.settle(retries=[Retry(claimed, claimed.attempts + 1, next_at, 503, "answered 503")])

    def words(self, claimed: Sequence[Claimed]) -> list[str]:
        return [self.worded[each.activity_id] for each in claimed]

    async def rows(self) -> list[Delivery]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Delivery).order_by(Delivery.id)))


@pytest.fixture
async def queue(database_url: str, clock: Clock) -> AsyncIterator[Queue]:
    database = Database(database_url)
    async with database.writing() as session:
        actor = await local_actors.add(
            session,
            name="forest",
            kind="campaign",
            rsa_public="",
            rsa_sealed=b"",
            ed25519_public="",
            ed25519_sealed=b"",
            now=clock.now(),
        )
    yield Queue(database, clock, actor.id)
    await database.close()


async def test_what_is_said_once_is_one_row_for_each_inbox_and_one_body(queue: Queue) -> None:
    await queue.say("call", CAROL, "https://bob.test/inbox")
    claimed = await queue.claim()
    assert sorted(each.inbox for each in claimed) == ["https://bob.test/inbox", CAROL]
    assert len({each.activity_id for each in claimed}) == 1
    async with queue.database.reading() as session:
        letters = await activities.letters(session, {each.activity_id for each in claimed})
    assert [letter.body for letter in letters.values()] == [b'"call"']


async def test_an_inbox_hears_things_in_the_order_in_which_they_were_said(queue: Queue) -> None:
    for word in ("create", "update", "delete"):
        await queue.say(word)
    heard = []
    for _ in range(3):
        claimed = await queue.claim()
        heard += queue.words(claimed)
        await queue.settle(delivered=claimed)
    assert heard == ["create", "update", "delete"]
    assert await queue.rows() == []


async def test_a_row_that_waits_for_its_retry_holds_back_those_behind_it(queue: Queue) -> None:
    await queue.say("create")
    await queue.say("delete")
    [create] = await queue.claim()
    await queue.postpone(create, 30)
    assert await queue.claim() == []
    queue.clock.advance(31)
    [again] = await queue.claim()
    assert (queue.words([again]), again.attempts) == (["create"], 1)


async def test_one_delivery_after_the_other_is_armed_without_looking_at_the_whole_queue(queue: Queue) -> None:
    await queue.say("create")
    await queue.say("update")
    await queue.settle(delivered=await queue.claim())
    assert queue.words(await queue.claim_without_looking()) == ["update"]


async def test_what_is_in_hand_is_nobody_elses_until_the_lease_ends(queue: Queue) -> None:
    await queue.say("create")
    [first] = await queue.claim()
    queue.clock.advance(59)
    assert await queue.claim() == []
    queue.clock.advance(2)
    [second] = await queue.claim()
    assert second.id == first.id
    # The first worker comes back late: the row is no longer its own, whatever it has to say.
    await queue.settle(ends=[End(first, 1, 400, "answered 400")])
    await queue.settle(delivered=[first])
    await queue.postpone(first, 0)
    [row] = await queue.rows()
    assert (row.attempts, row.ended_at, row.lease_until) == (0, None, second.lease_until)
    await queue.settle(delivered=[second])
    assert await queue.rows() == []


async def test_a_new_process_takes_over_at_once_where_there_is_only_one(queue: Queue) -> None:
    await queue.say("create")
    [first] = await queue.claim()
    async with queue.database.writing() as session:
        await claims.take_over(session, queue.clock.now(), failing_at=5)
    assert [each.id for each in await queue.claim()] == [first.id]


async def test_a_failing_host_that_was_being_tried_is_tried_by_the_new_process(queue: Queue) -> None:
    await queue.say("create")
    now = queue.clock.now()
    async with queue.database.writing() as session:
        await hosts.put_failures(session, [hosts.Failure("carol.test", 5, now, "no answer", "network")], now)
    [first] = await queue.claim()
    async with queue.database.writing() as session:
        await claims.take_over(session, queue.clock.now(), failing_at=5)
    assert [each.id for each in await queue.claim()] == [first.id]


async def test_every_host_gets_one_row_before_any_gets_its_second(queue: Queue) -> None:
    await queue.say("flood", *(f"https://flood.test/{number}/inbox" for number in range(50)))
    await queue.say("call", CAROL, "https://bob.test/inbox")
    claimed = await queue.claim(4)
    assert sorted(each.host for each in claimed) == ["bob.test", "carol.test", "flood.test", "flood.test"]


async def test_a_host_has_no_more_rows_in_hand_than_it_may(queue: Queue) -> None:
    await queue.say("flood", *(f"https://flood.test/{number}/inbox" for number in range(50)))
    assert len(await queue.claim(per_host=8, in_hand={"flood.test": 3})) == 5
    assert len(await queue.claim(per_host=8, in_hand={"flood.test": 8})) == 0


async def test_a_paused_host_is_left_alone_and_then_tried_by_one_delivery(queue: Queue) -> None:
    await queue.say("flood", *(f"https://flood.test/{number}/inbox" for number in range(9)))
    await queue.say("call", CAROL)
    paused = queue.clock.now() + timedelta(minutes=1)
    async with queue.database.writing() as session:
        await hosts.put_failures(
            session, [hosts.Failure("flood.test", 5, paused, "no answer", "503")], queue.clock.now()
        )
    [carol] = await queue.claim()
    assert carol.host == "carol.test"
    await queue.settle(delivered=[carol])
    queue.clock.advance(60)
    [probe] = await queue.claim()
    assert probe.host == "flood.test"
    # Not for another process either, while that one is under way.
    assert await queue.claim() == []


async def test_a_newer_update_takes_the_place_of_one_that_was_not_sent_yet(queue: Queue) -> None:
    note = "https://ours.test/campaigns/forest"
    await queue.say("first", CAROL, "https://bob.test/inbox", replaces=note)
    await queue.say("other")
    await queue.say("second", CAROL, replaces=note)
    heard: dict[str, list[str]] = {}
    while claimed := await queue.claim():
        for each in claimed:
            heard.setdefault(each.host, []).append(queue.worded[each.activity_id])
        await queue.settle(delivered=claimed)
    assert heard == {"bob.test": ["first"], "carol.test": ["second", "other"]}


async def test_an_update_that_is_being_sent_is_followed_by_the_newer_one(queue: Queue) -> None:
    await queue.say("first", replaces="note")
    first = await queue.claim()
    await queue.say("second", replaces="note")
    assert await queue.claim() == []
    await queue.settle(delivered=first)
    assert queue.words(await queue.claim()) == ["second"]


async def test_an_update_that_came_back_undelivered_gives_way_to_the_newer_one(queue: Queue) -> None:
    await queue.say("first", replaces="note")
    [first] = await queue.claim()
    await queue.say("second", replaces="note")
    await queue.postpone(first, 30)
    [row] = await queue.rows()
    assert (queue.worded[row.activity_id], row.attempts) == ("second", 1)
    queue.clock.advance(31)
    assert queue.words(await queue.claim()) == ["second"]


async def test_replacing_keeps_the_pause_of_an_inbox_that_does_not_answer(queue: Queue) -> None:
    await queue.say("first", replaces="note")
    [first] = await queue.claim()
    await queue.postpone(first, 3600)
    await queue.say("second", replaces="note")
    assert await queue.claim() == []
    queue.clock.advance(3601)
    [second] = await queue.claim()
    assert (queue.words([second]), second.attempts) == (["second"], 1)


async def test_a_dead_inbox_ends_all_that_it_was_to_hear_and_takes_no_more(queue: Queue) -> None:
    await queue.say("create")
    await queue.say("update")
    await queue.say("call", "https://bob.test/inbox")
    carol, bob = sorted(await queue.claim(), key=lambda each: each.host, reverse=True)
    await queue.settle(delivered=[bob], ends=[End(carol, 1, 410, "answered 410", is_inbox=True)])
    assert [(row.last_status, row.ended_at) for row in await queue.rows()] == [(410, queue.clock.now())] * 2
    await queue.say("delete")
    assert len(await queue.rows()) == 2
    async with queue.database.writing() as session:
        await deliveries.revive(session, [CAROL])
    await queue.say("hello")
    assert queue.words(await queue.claim()) == ["hello"]


async def test_what_is_given_up_keeps_its_error_and_lets_the_next_one_go(queue: Queue) -> None:
    await queue.say("create")
    await queue.say("update")
    [create] = await queue.claim()
    await queue.settle(ends=[End(create, 3, 400, "answered 400")])
    async with queue.database.reading() as session:
        [ended] = await deliveries.given_up(session)
        assert await deliveries.waiting(session) == 1
    assert (ended.attempts, ended.last_status, ended.last_error) == (3, 400, "answered 400")
    assert queue.words(await queue.claim_without_looking()) == ["update"]


async def test_what_waits_for_too_long_behind_a_dead_host_is_given_up(queue: Queue) -> None:
    await queue.say("create")
    queue.clock.advance(3600)
    await queue.say("update")
    async with queue.database.writing() as session:
        now = queue.clock.now()
        await deliveries.expire(session, before=now - timedelta(minutes=1), now=now)
    assert queue.words(await queue.claim()) == ["update"]
    assert [row.last_error for row in await queue.rows()] == ["its turn never came", None]


async def test_a_host_that_is_back_gets_what_waited_for_it_at_once(queue: Queue) -> None:
    await queue.say("create", CAROL)
    await queue.say("create", "https://carol.test/busy")
    unanswered, busy = await queue.claim()
    later = queue.clock.now() + timedelta(hours=1)
    await queue.settle(
        retries=[Retry(unanswered, 1, later, None, "no answer"), Retry(busy, 1, later, 429, "answered 429")]
    )
    async with queue.database.writing() as session:
        await deliveries.hasten(session, ["carol.test"], queue.clock.now())
    # Not the one that said when to come again.
    assert [each.id for each in await queue.claim()] == [unanswered.id]


async def test_two_processes_never_hold_the_same_row(database_url: str, queue: Queue) -> None:
    for number in range(40):
        await queue.say("call", *(f"https://host{each}.test/{number % 5}" for each in range(3)))
    other = Queue(Database(database_url), queue.clock, queue.actor_id)
    async with queue.database.writing() as session:
        await claims.arm(session, queue.clock.now())
    if queue.database.dialect == "postgresql":
        async with queue.database.writing() as one, other.database.writing() as two:
            mine = await queue._claim(one, 5, 32, None)
            theirs = await other._claim(two, 256, 32, None)
    else:
        mine, theirs = await queue.claim(5), await other.claim_without_looking()
    assert len(mine) == 5
    assert len(theirs) == 10
    assert not {each.id for each in mine} & {each.id for each in theirs}
    await other.database.close()


async def test_forgotten_activities_are_not_sent_unless_they_are_under_way(queue: Queue) -> None:
    await queue.say("create")
    await queue.say("update")
    [create] = await queue.claim()
    async with queue.database.writing() as session:
        await deliveries.forget(session, list(queue.worded))
    assert [row.id for row in await queue.rows()] == [create.id]


@pytest.mark.parametrize("inboxes", [1, 20_000], ids=["one inbox", "20000 inboxes"])
async def test_a_host_with_very_many_rows_slows_no_claim_down(queue: Queue, inboxes: int) -> None:
    quiet = await queue.quickest()
    await queue.say("call", *(f"https://flood.test/{number}" for number in range(inboxes)))
    [activity_id] = {row.activity_id for row in await queue.rows() if row.host == "flood.test"}
    async with queue.database.writing() as session:
        await session.execute(
            insert(Delivery),
            [
                {
                    "activity_id": activity_id,
                    "inbox": f"https://flood.test/{number % inboxes}",
                    "host": "flood.test",
                    "created_at": queue.clock.now(),
                }
                for number in range(20_000)
            ],
        )
    await queue.settle(delivered=await queue.claim())
    flooded = await queue.quickest()
    # Whatever reads the flood, or ranks it, takes at least ten times as long.
    assert flooded < 4 * quiet

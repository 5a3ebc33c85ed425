"""Sends what is queued: many at once, a few to each host, to each inbox in order."""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field
from sqlalchemy.ext.asyncio import AsyncSession

from federation.answers import Answer, ForbiddenAddress, RemoteError
from fedicause.fediverse import judge
from fedicause.fediverse.judge import Result
from fedicause.fediverse.keychain import Keychain
from fedicause.instance import Instance
from storage import activities, claims, deliveries, hosts, outcomes
from storage.activities import Letter
from storage.claims import Claimed
from storage.outcomes import End, Retry

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
TOTAL: Final = 10.0
"""Seconds for one attempt, its second try with the other signature scheme included."""

IN_FLIGHT: Final = 96
IN_FLIGHT_PER_HOST: Final = 8
IN_HAND: Final = 256
# As many as a host that answers after the last second can still be sent before the lease ends.
IN_HAND_PER_HOST: Final = 32

# Results share a commit: half of what is in hand but no more than a batch, or what has come in this time.
BATCH: Final = 64
LINGER: Final = 0.05

_LETTERS: Final = 512
ANSWERS_NOTED_EVERY: Final = timedelta(minutes=10)


class Harvest(Struct):
    """Results on their way into the database, and what was claimed in the same transaction."""

    results: list[Result]
    claimed: list[tuple[Claimed, Letter]] = field(default_factory=list)


class Courier:
    """The deliveries of this process that are claimed: waiting for their turn, under way, or done.

    `exchange` writes what is done and claims more, in the caller's transaction; `committed` means it held.
    `done` is set once there is enough to write, or something has waited for others long enough.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._letters: OrderedDict[int, Letter] = OrderedDict()
        self._keys = Keychain(instance)
        self._schemes: dict[str, str] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._in_hand: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._turn = asyncio.Semaphore(IN_FLIGHT)
        self._results: list[Result] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self.done = asyncio.Event()

    @property
    def in_hand(self) -> int:
        """How many rows are claimed and not yet written back."""
        return self._in_hand.total()

    async def start(self, session: AsyncSession) -> None:
        """Reads what is known of hosts. The only process (SQLite) takes over what its predecessor claimed."""
        self._schemes = dict(await hosts.schemes(session))
        if self._instance.database.dialect == "sqlite":
            await claims.take_over(session, self._instance.now(), failing_at=judge.FAILING_AT)

    async def exchange(self, session: AsyncSession, *, look_around: bool) -> Harvest:
        """Writes what is done and claims more; `look_around` finds rows that others have queued since."""
        harvest = Harvest(list(self._results))
        now = self._instance.now()
        if harvest.results:
            await self._settle(session, harvest.results, now)
        if self._stopping:
            return harvest
        if look_around:
            await claims.arm(session, now)
        done = Counter(result.claimed.host for result in harvest.results)
        room = IN_HAND - self.in_hand + done.total()
        if room > 0:
            claimed = await claims.claim(
                session,
                now=now,
                lease_until=now + LEASE,
                limit=room,
                per_host=IN_HAND_PER_HOST,
                failing_at=judge.FAILING_AT,
                in_hand=self._in_hand - done,
            )
            letters = await self._load(session, {each.activity_id for each in claimed})
            harvest.claimed = [(each, letters[each.activity_id]) for each in _by_turns(claimed)]
        return harvest

    def committed(self, harvest: Harvest) -> None:
        """Sends what was claimed, now that it is ours, and forgets what was written."""
        del self._results[: len(harvest.results)]
        for result in harvest.results:
            host = result.claimed.host
            self._in_hand[host] -= 1
            if self._in_hand[host] <= 0:
                del self._in_hand[host]
                self._turns.pop(host, None)
        for claimed, letter in harvest.claimed:
            self._in_hand[claimed.host] += 1
            self._tasks[claimed.id] = asyncio.create_task(self._carry(claimed, letter), name="delivery")
        self.done.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._call()

    async def stop(self) -> None:
        """Lets attempts under way finish, as long as one may take; hands back what has not begun."""
        self._stopping = True
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=TOTAL + 2)

    def abandon(self) -> None:
        """Drops whatever is still under way; the leases run out."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks.values():
            task.cancel()

    async def _carry(self, claimed: Claimed, letter: Letter) -> None:
        result = Result(claimed)
        turn = self._turns.setdefault(claimed.host, asyncio.Semaphore(IN_FLIGHT_PER_HOST))
        try:
            async with turn, self._turn:
                # Too late to be sure that nobody else has it before the answer comes: somebody will.
                late = claimed.lease_until - timedelta(seconds=TOTAL + 2)
                if not self._stopping and self._instance.now() < late:
                    await self._attempt(result, letter)
        finally:
            self._tasks.pop(claimed.id, None)
            self._results.append(result)
            self._call()

    def _call(self) -> None:
        """Calls for an exchange, at the latest when the first result has waited for `LINGER`."""
        if not self._results:
            return
        if len(self._results) * 2 >= min(self.in_hand, 2 * BATCH):
            self.done.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self.done.set)

    async def _attempt(self, result: Result, letter: Letter) -> None:
        claimed = result.claimed
        try:
            result.answer = await self._post(claimed.inbox, letter)
        except ForbiddenAddress as error:
            result.error, result.is_forbidden = str(error), True
        except RemoteError as error:
            result.error, result.why = str(error) or type(error).__name__, error.why
        except Exception as error:  # a fault of ours must cost no other delivery its turn
            log.exception("an attempt at %s broke", claimed.host)
            result.error = type(error).__name__

    async def _post(self, inbox: str, letter: Letter) -> Answer:
        """Sends an activity, within `TOTAL` seconds; once more where the key is not the one known there."""
        clock = asyncio.get_running_loop().time
        until = clock() + TOTAL
        key, other = self._keys.keys(letter)
        answer = await self._instance.remote.deliver(inbox, letter.body, key, total=TOTAL)
        if answer.status != 401 or other is None or clock() >= until:
            return answer
        return await self._instance.remote.deliver(inbox, letter.body, other, total=until - clock())

    async def _settle(self, session: AsyncSession, results: list[Result], now: datetime) -> None:
        first_retry = self._instance.settings.first_retry
        meter = self._instance.meter
        verdicts = [judge.delivery(result, now=now, first_retry=first_retry) for result in results]
        ends = [each for each in verdicts if isinstance(each, End)]
        await outcomes.settle(
            session,
            delivered=[result.claimed for result in results if result.is_sent],
            retries=[each for each in verdicts if isinstance(each, Retry)],
            ends=ends,
            now=now,
        )
        meter.count("deliveries", "sent", sum(result.is_sent for result in results))
        meter.count("deliveries", "given_up", len(ends))
        tried = [verdict for result, verdict in zip(results, verdicts, strict=True) if not result.is_untried]
        meter.count("deliveries", "later", sum(isinstance(each, Retry) for each in tried))
        for host, number in Counter(end.claimed.host for end in ends).items():
            fields = {"host": host, "deliveries": number}
            log.info("gave up %d deliveries to %s", number, host, extra={"fields": fields})
        schemes = self._new_schemes(results)
        await self._judge_hosts(session, results, now)
        if schemes:
            await hosts.put_schemes(session, schemes)
            self._schemes |= schemes

    async def _judge_hosts(self, session: AsyncSession, results: Iterable[Result], now: datetime) -> None:
        """Notes how hosts are doing, and keeps other processes from it until the commit."""
        answered: set[str] = set()
        pauses: dict[str, datetime] = {}
        fallen: dict[str, list[Result]] = {}
        for result in results:
            host, answer = result.claimed.host, result.answer
            if result.is_failure_of_host:
                fallen.setdefault(host, []).append(result)
            elif answer is not None:
                answered.add(host)
                if answer.status == 429 and answer.retry_after:
                    # It counts requests by who sends them, whatever the inbox.
                    pauses[host] = now + min(timedelta(seconds=answer.retry_after), judge.LONGEST_PAUSE)
        states = await hosts.states(session, answered | fallen.keys())
        told = [
            host
            for host in answered
            if states[host].failures or states[host].is_silent_since(now - ANSWERS_NOTED_EVERY)
        ]
        await hosts.put_answers(session, told, now)
        back = [host for host in answered if states[host].failures >= judge.FAILING_AT]
        await deliveries.hasten(session, back, now)
        await hosts.pause(session, pauses)
        failures = [
            judge.host(
                host,
                those,
                before=states[host].failures,
                now=now,
                first_pause=self._instance.settings.first_retry,
            )
            for host, those in fallen.items()
            # One that answers any of several at the same time is up.
            if host not in answered
        ]
        await hosts.put_failures(session, failures, now)
        for failure in failures:
            if failure.paused_until is not None:
                log.info(
                    "%s does not answer: left alone until %s",
                    failure.name,
                    failure.paused_until,
                    extra={"fields": {"host": failure.name, "why": failure.why}},
                )

    def _new_schemes(self, results: Iterable[Result]) -> dict[str, str]:
        taken = {
            result.claimed.host: result.answer.scheme
            for result in results
            if result.answer is not None and result.is_sent
        }
        # Cavage is what is tried where nothing is known: nothing to remember, unless it was otherwise.
        return {host: scheme for host, scheme in taken.items() if self._schemes.get(host, "cavage") != scheme}

    async def _load(self, session: AsyncSession, activity_ids: set[int]) -> dict[int, Letter]:
        """What is to be said, once for all who are to hear it, and the keys to sign it, each parsed once."""
        self._letters |= await activities.letters(session, activity_ids - self._letters.keys())
        for activity_id in activity_ids:
            self._letters.move_to_end(activity_id)
        found = {activity_id: self._letters[activity_id] for activity_id in activity_ids}
        while len(self._letters) > _LETTERS:
            self._letters.popitem(last=False)
        await self._keys.load(session, {letter.actor_id for letter in found.values()})
        return found


def _by_turns(claimed: Iterable[Claimed]) -> list[Claimed]:
    """One of every host, then the second ones."""
    place: Counter[str] = Counter()
    turns = []
    for each in sorted(claimed, key=lambda each: each.id):
        place[each.host] += 1
        turns.append((place[each.host], each.id, each))
    return [each for _, _, each in sorted(turns, key=lambda turn: turn[:2])]

"""Sends the letters that wait: leased, paced, tried again for three days."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import mail
from fedicause.fediverse import judge
from fedicause.instance import Instance
from fedicause.letters import carry, envelop
from fedicause.letters.carry import Carrier
from fedicause.letters.envelop import Sender
from fedicause.seal import WrongSecret
from storage import letters, organisations, turns
from storage.letters import Claimed, End, Retry

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
# A letter begun this late in its lease might still be on its way when somebody else takes it.
_TOO_LATE: Final = timedelta(seconds=5 * carry.TIMEOUT)
BATCH: Final = 50
CONNECTIONS: Final = 4
_LETTERS_PER_CONNECTION: Final = 5
GIVEN_UP_AFTER: Final = timedelta(days=3)
LONGEST_WAIT_WHEN_DOWN: Final = timedelta(minutes=15)
PACED_OVER: Final = timedelta(seconds=6)
PAUSE: Final = 1.0
KEPT_FOR: Final = timedelta(days=30)
"""How long a letter that was sent is known by the address to which it returns."""


async def round(
    instance: Instance, stop: asyncio.Event | None = None, *, patience: float = carry.TIMEOUT
) -> float | None:
    """Sends what is due, a batch of it; the seconds after which there may be more, None if there is none.

    Each result is written as soon as the ones before it are: a crash repeats the few letters whose results
    were not yet, with the same Message-ID.
    """
    now = instance.now()
    async with instance.database.writing() as session:
        await turns.alone(session, "letters")
        room = min(BATCH, await _room(session, instance, now))
        if room <= 0:
            return PAUSE
        claimed = await letters.claim(session, now=now, lease_until=now + LEASE, limit=room)
        name = await organisations.name(session)
    if not claimed:
        return None
    trip = _Trip(instance, Sender.of(instance.settings, name or ""), claimed, stop, patience)
    await trip.make()
    return 0.0 if trip.is_through else None


async def start(instance: Instance) -> None:
    """Takes over from the process before, where there is only one."""
    if instance.database.dialect == "sqlite":
        async with instance.database.writing() as session:
            await letters.take_over(session, instance.now())


async def _room(session: AsyncSession, instance: Instance, now: datetime) -> int:
    """How many letters may be sent now, by all processes together."""
    rate = instance.settings.mail_rate
    if instance.settings.smtp is None:
        return BATCH
    over = max(PACED_OVER, timedelta(minutes=1) / rate)
    return max(1, int(rate * (over / timedelta(minutes=1)))) - await letters.tried_since(
        session, now - over, now
    )


class _Trip:
    """One batch on its way, over a few connections at once."""

    def __init__(
        self,
        instance: Instance,
        sender: Sender,
        claimed: Sequence[Claimed],
        stop: asyncio.Event | None,
        patience: float,
    ) -> None:
        self._patience = patience
        self._instance = instance
        self._sender = sender
        self._waiting = deque(claimed)
        self._stop = stop
        self._down: carry.Down | None = None
        self._left_over = False
        self._results: list[End | Retry] = []
        self._gone: set[int] = set()
        self._arrived = asyncio.Event()
        lines = -(-len(claimed) // _LETTERS_PER_CONNECTION)
        self._lines = min(CONNECTIONS, lines) if instance.settings.smtp else 1

    @property
    def is_through(self) -> bool:
        """Whether another batch would get through as well."""
        return not self._left_over and not (self._stop and self._stop.is_set())

    async def make(self) -> None:
        """Sends everything, and writes what came of it."""
        async with asyncio.TaskGroup() as group:
            lines = {group.create_task(self._line(), name="line") for _ in range(self._lines)}
            while lines:
                arrived = asyncio.create_task(self._arrived.wait(), name="arrived")
                done, _ = await asyncio.wait({arrived, *lines}, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                lines -= done
                await self._settle()
        if self._waiting:
            log.warning("letters can't be sent: %s", self._down)
            self._left_over = True
            self._results += [self._again(each, str(self._down), is_down=True) for each in self._waiting]
        await self._settle()

    async def _line(self) -> None:
        carrier = carry.carrier(self._instance.settings, self._patience)
        try:
            while self._waiting:
                claimed = self._waiting.popleft()
                try:
                    result = await self._send(carrier, claimed)
                except carry.Down as error:
                    # Another connection may get through: some servers allow only so many.
                    self._down = error
                    self._waiting.appendleft(claimed)
                    return
                self._results.append(result)
                self._arrived.set()
        finally:
            await carrier.close()

    async def _send(self, carrier: Carrier, claimed: Claimed) -> End | Retry:
        now = self._instance.now()
        if (self._stop and self._stop.is_set()) or now > claimed.lease_until - _TOO_LATE:
            return Retry(claimed, now)
        try:
            draft = mail.unsealed(self._instance.seal, claimed.content_sealed)
            message = envelop.message(
                draft,
                self._sender,
                kind=claimed.kind,
                token=claimed.return_token,
                written_at=claimed.created_at,
            )
            path = self._sender.return_path(claimed.return_token)
            await carrier.carry(claimed.id, path, draft.to, message)
        except carry.Refused as error:
            if error.is_address and claimed.person_id is not None:
                self._gone.add(claimed.person_id)
            return End(claimed, "refused", str(error))
        except carry.Later as error:
            return self._again(claimed, str(error))
        except carry.Down:
            raise
        except WrongSecret:
            return End(claimed, "unreadable", "sealed with another secret")
        except Exception as error:  # a fault of ours must cost no other letter its turn
            log.exception("the letter %d broke", claimed.id)
            return self._again(claimed, type(error).__name__)
        return End(claimed, "sent")

    def _again(self, claimed: Claimed, error: str, *, is_down: bool = False) -> End | Retry:
        now = self._instance.now()
        if now - claimed.created_at >= GIVEN_UP_AFTER:
            return End(claimed, "expired", error)
        pause = judge.pause_before(claimed.attempts + 1, self._instance.settings.first_retry)
        return Retry(claimed, now + (min(pause, LONGEST_WAIT_WHEN_DOWN) if is_down else pause), error)

    async def _settle(self) -> None:
        self._arrived.clear()
        results, self._results = self._results, []
        gone, self._gone = self._gone, set()
        if not results:
            return
        ends = [each for each in results if isinstance(each, End)]
        retries = [each for each in results if isinstance(each, Retry)]
        meter = self._instance.meter
        for outcome, number in Counter(each.outcome for each in ends).items():
            meter.count("letters", outcome, number)
        meter.count("letters", "later", sum(each.error is not None for each in retries))
        now = self._instance.now()
        async with self._instance.database.writing() as session:
            await letters.settle(session, ends=ends, retries=retries, now=now)
            if gone:
                await letters.unreachable(session, gone, now)

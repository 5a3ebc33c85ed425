"""What was put off by a clock that has been put back since: without help it would wait for the old time."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.coalition_models import Following, ForeignCampaign, Sighting, Tally
from storage.models import Counts, Delivery, Host, ParkedRequest
from storage.people_models import Letter, Webhook
from storage.shared_models import KeyFailure, Turn

LONGEST_LEASE: Final = timedelta(minutes=10)
LONGEST_PAUSE: Final = timedelta(hours=8)
"""Longer than anything is ever put off that has failed."""
_LONGEST_TURN: Final = timedelta(minutes=90)
_LONGEST_ROUND: Final = timedelta(days=3)
# What is looked at once a day or so, and leased by that very column.
_ROUNDS: Final[tuple[InstrumentedAttribute[datetime], ...]] = (
    Following.next_at,
    Sighting.next_at,
    ForeignCampaign.refresh_at,
)
_QUEUES: Final[tuple[Any, ...]] = (Delivery, ParkedRequest, Letter, Webhook)


async def pull(session: AsyncSession, now: datetime, *, further_than: timedelta) -> None:
    """Has everything due at once that waits for a time further ahead than that, and is in nobody's hands."""
    late = now + further_than
    for queue in _QUEUES:
        await session.execute(
            update(queue).where(queue.next_at > late, queue.lease_until.is_(None)).values(next_at=now)
        )
    await session.execute(update(Host).where(Host.paused_until > late).values(paused_until=now))
    for column in _ROUNDS:
        await session.execute(
            update(column.class_).where(column > now + _LONGEST_ROUND).values({column.key: now})
        )
    # Nobody has a turn for longer than it takes to come round, nor a key that failed.
    await session.execute(update(Turn).where(Turn.until > now + _LONGEST_TURN).values(until=now))
    await session.execute(delete(KeyFailure).where(KeyFailure.until > now + _LONGEST_TURN))
    # Told in the future: whatever changes before then would be told to nobody.
    await session.execute(update(Counts).where(Counts.announced_at > now).values(announced_at=None))
    await session.execute(update(Tally).where(Tally.received_at > now).values(received_at=now))
    await session.execute(update(Tally).where(Tally.passed_at > now).values(passed_at=now))


async def free(session: AsyncSession, now: datetime) -> None:
    """Ends the leases that are longer than any: whoever took them has died, or has written its results."""
    for queue in _QUEUES:
        await session.execute(
            update(queue).where(queue.lease_until > now + LONGEST_LEASE).values(lease_until=None, next_at=now)
        )

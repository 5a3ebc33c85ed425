"""How much is waiting, and for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import EPOCH, UtcTime
from storage.handover_models import Webhook
from storage.models import Activity, Actor, Delivery, Host, LocalActor, ParkedRequest, Register
from storage.people_models import Letter

GIVEN_UP_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits, since when the oldest is due with nobody at it, and what failed for good in a week."""

    waiting: int
    oldest_due: datetime | None
    failed: int


async def deliveries(session: AsyncSession, *, now: datetime) -> Queue:
    """The activities on their way to inboxes."""
    waiting = await session.scalar(select(func.count()).where(Delivery.ended_at.is_(None)))
    idle = or_(Delivery.lease_until.is_(None), Delivery.lease_until <= now)
    oldest = await session.scalar(
        select(func.min(Delivery.next_at)).where(Delivery.ended_at.is_(None), Delivery.next_at <= now, idle)
    )
    failed = await session.scalar(
        select(func.count()).where(
            and_(Delivery.ended_at > now - GIVEN_UP_WITHIN, Delivery.last_error.is_not(None))
        )
    )
    return Queue(waiting or 0, oldest, failed or 0)


async def parked(session: AsyncSession, *, now: datetime) -> Queue:
    """The requests that wait for their sender's key."""
    waiting = await session.scalar(select(func.count()).select_from(ParkedRequest))
    idle = or_(ParkedRequest.lease_until.is_(None), ParkedRequest.lease_until <= now)
    oldest = await session.scalar(
        select(func.min(ParkedRequest.next_at)).where(ParkedRequest.next_at <= now, idle)
    )
    return Queue(waiting or 0, oldest, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How much waits, and how much of it could go now; since when the oldest waits, when the next may go."""

    waiting: int
    due: int
    since: datetime | None
    next_at: datetime | None


async def standings(session: AsyncSession, *, now: datetime) -> dict[str, Standing]:
    """All queues: `deliveries`, `letters`, `parked` requests, and `webhooks` to the organisation's system.

    What waits for a host that is left alone for a while is not due before that is over.
    """
    pause = func.coalesce(Host.paused_until, literal(EPOCH, UtcTime))
    turn = case(
        (pause > func.coalesce(Delivery.next_at, literal(EPOCH, UtcTime)), pause), else_=Delivery.next_at
    )
    deliveries = select(*_standing(turn, Delivery.created_at, now)).where(Delivery.ended_at.is_(None))
    queries = {
        "deliveries": deliveries.outerjoin(Host, Host.name == Delivery.host),
        "letters": select(*_standing(Letter.next_at, Letter.created_at, now)).where(
            Letter.ended_at.is_(None)
        ),
        "parked": select(*_standing(ParkedRequest.next_at, ParkedRequest.received_at, now)),
        "webhooks": select(*_standing(Webhook.next_at, Webhook.created_at, now)).where(
            Webhook.ended_at.is_(None)
        ),
    }
    return {name: Standing(*(await session.execute(query)).one()) for name, query in queries.items()}


def _standing(next_at: Any, since: Any, now: datetime) -> tuple[Any, ...]:
    due = func.count(case((next_at <= literal(now, UtcTime), 1)))
    return func.count(), due, func.min(since), func.min(next_at)


async def latest(session: AsyncSession) -> datetime | None:
    """When this instance last made an actor or said something, by the clock of then."""
    moments = [
        await session.scalar(select(func.max(LocalActor.created_at))),
        await session.scalar(select(func.max(Activity.published_at))),
    ]
    return max((moment for moment in moments if moment is not None), default=None)


async def held(session: AsyncSession) -> list[tuple[str, str, int]]:
    """The endorsements that came as a wave: host, name of the campaign, number."""
    rows = await session.execute(
        select(Host.name, LocalActor.name, func.count())
        .select_from(Register)
        .join(Actor, Actor.id == Register.actor_id)
        .join(Host, Host.id == Actor.host_id)
        .join(LocalActor, LocalActor.id == Register.subject_id)
        .where(Register.held, Register.present)
        .group_by(Host.name, LocalActor.name)
        .order_by(Host.name, LocalActor.name)
    )
    return [(host, name, number) for host, name, number in rows]

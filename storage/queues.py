"""How much is waiting, and for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Activity, Actor, Delivery, Host, LocalActor, ParkedRequest, Register

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

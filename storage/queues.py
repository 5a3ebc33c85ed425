"""How much is waiting, and for how long."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import EPOCH, UtcTime
from storage.models import Activity, Actor, Delivery, Host, LocalActor, ParkedRequest, Register
from storage.people_models import Letter, Webhook

GIVEN_UP_WITHIN = timedelta(days=7)


class Standing(Struct, frozen=True):
    """How much waits, and how much of it could go now; since when the oldest waits, when the next may go."""

    waiting: int
    due: int
    since: datetime | None
    next_at: datetime | None


async def standings(session: AsyncSession, *, now: datetime) -> dict[str, Standing]:
    """All queues: `deliveries`, `letters`, `parked` requests, and `webhooks` to the organisation's system.

    What waits for a host that is left alone for a while is not due before that is over.
    """
    turn = _not_before(Host.paused_until, Delivery.next_at)
    deliveries = select(*_standing(turn, Delivery.created_at, now)).where(Delivery.ended_at.is_(None))
    unleased = _not_before(ParkedRequest.lease_until, ParkedRequest.next_at)
    queries = {
        "deliveries": deliveries.outerjoin(Host, Host.name == Delivery.host),
        "letters": select(*_standing(Letter.next_at, Letter.created_at, now)).where(
            Letter.ended_at.is_(None)
        ),
        "parked": select(*_standing(unleased, ParkedRequest.received_at, now)),
        "webhooks": select(*_standing(Webhook.next_at, Webhook.created_at, now)).where(
            Webhook.ended_at.is_(None)
        ),
    }
    return {name: Standing(*(await session.execute(query)).one()) for name, query in queries.items()}


def _not_before(until: Any, next_at: Any) -> Any:
    """When it may go: at `next_at`, unless something holds it for longer."""
    never = literal(EPOCH, UtcTime)
    until = func.coalesce(until, never)
    return case((until > func.coalesce(next_at, never), until), else_=next_at)


def _standing(next_at: Any, since: Any, now: datetime) -> tuple[Any, ...]:
    due = func.count(case((next_at <= literal(now, UtcTime), 1)))
    return func.count(), due, func.min(since), func.min(next_at)


async def given_up(session: AsyncSession, *, now: datetime) -> int:
    """How many deliveries failed for good in a week."""
    failed = await session.scalar(
        select(func.count()).where(
            and_(Delivery.ended_at > now - GIVEN_UP_WITHIN, Delivery.last_error.is_not(None))
        )
    )
    return failed or 0


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

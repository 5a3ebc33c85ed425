"""What does not arrive, and why: servers that do not answer, deliveries given up, letters that failed."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import EPOCH, UtcTime
from storage.models import Delivery, Host
from storage.people_models import Letter


class Silent(Struct, frozen=True):
    """A host to which something waits and that did not take the last of it, or asked for a pause.

    `why` and `error` are of its last failure; None for one that only asked. `next_at`: when it is tried.
    """

    name: str
    failures: int
    why: str | None
    error: str | None
    since: datetime | None
    last_answer_at: datetime | None
    next_at: datetime | None
    waiting: int


class GivenUp(Struct, frozen=True):
    """Deliveries to one host that are not tried again; `status` of the last answer, if there was one."""

    host: str
    status: int | None
    number: int
    last_at: datetime


class Lost(Struct, frozen=True):
    """Letters with one fate: an `outcome`, or None for those that are tried again, the first at `next_at`.

    `error` is what the mail server said, without addresses; `domain` one of the addressees'.
    """

    outcome: str | None
    error: str | None
    domain: str
    domains: int
    number: int
    last_at: datetime
    next_at: datetime | None


async def silent(session: AsyncSession, *, now: datetime, limit: int) -> list[Silent]:
    """The hosts for which most is waiting first."""
    rows = (
        select(Delivery.host, func.count().label("waiting"), func.min(Delivery.next_at).label("next_at"))
        .where(Delivery.ended_at.is_(None))
        .group_by(Delivery.host)
        .subquery()
    )
    query = (
        select(
            Host.name,
            Host.failures,
            Host.why,
            Host.last_error,
            Host.failing_since,
            Host.last_answer_at,
            # Without a time it waits for another to the same inbox, and that one for the end of the pause.
            case(
                (
                    Host.paused_until > func.coalesce(rows.c.next_at, literal(EPOCH, UtcTime)),
                    Host.paused_until,
                ),
                else_=rows.c.next_at,
            ),
            rows.c.waiting,
        )
        .join(rows, rows.c.host == Host.name)
        .where(or_(Host.failures > 0, Host.paused_until > now))
        .order_by(rows.c.waiting.desc(), Host.name)
        .limit(limit)
    )
    return [Silent(*row) for row in await session.execute(query)]


async def failing(session: AsyncSession) -> tuple[int, int]:
    """How many hosts have failed last; and how many of those could not even be found or reached."""
    found = await session.execute(
        select(func.count(), func.count(case((Host.why.in_(("dns", "network", "timeout")), 1)))).where(
            Host.failures > 0
        )
    )
    number, unreached = found.one()
    return number, unreached


async def given_up(session: AsyncSession, *, since: datetime, limit: int) -> list[GivenUp]:
    """By host and status, the latest first."""
    query = (
        select(Delivery.host, Delivery.last_status, func.count(), func.max(Delivery.ended_at))
        .where(Delivery.ended_at > since, Delivery.last_error.is_not(None))
        .group_by(Delivery.host, Delivery.last_status)
        .order_by(func.max(Delivery.ended_at).desc(), Delivery.host)
        .limit(limit)
    )
    rows = await session.execute(query)
    return [GivenUp(host, status, number, at) for host, status, number, at in rows if at is not None]


async def letters(session: AsyncSession, *, since: datetime, limit: int) -> list[Lost]:
    """By fate and reason, those that are tried again first, then the latest."""
    is_open = and_(Letter.ended_at.is_(None), Letter.last_error.is_not(None))
    is_lost = and_(
        Letter.ended_at > since, Letter.outcome.in_(("refused", "expired", "unreadable", "bounced"))
    )
    last_at = func.max(func.coalesce(Letter.ended_at, Letter.created_at))
    query = (
        select(
            Letter.outcome,
            Letter.last_error,
            func.min(Letter.domain),
            func.count(Letter.domain.distinct()),
            func.count(),
            last_at,
            func.min(case((Letter.ended_at.is_(None), Letter.next_at))),
        )
        .where(or_(is_open, is_lost))
        .group_by(Letter.outcome, Letter.last_error)
        .order_by(Letter.outcome.is_not(None), last_at.desc())
        .limit(limit)
    )
    return [Lost(*row) for row in await session.execute(query)]

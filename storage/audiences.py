"""Who is to hear of something: followers' inboxes, hosts that know a campaign, and when they last heard."""

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import to_milliseconds
from storage.models import Actor, Campaign, Counts, Host, Refresh, Register


class Listener(Struct, frozen=True):
    """A host that knows a campaign, and the inbox by which it hears of it."""

    host_id: int
    inbox: str


async def followers(session: AsyncSession, subject_id: int) -> list[str]:
    """The inboxes (shared where there is one) of everybody who follows a local actor, each once."""
    query = (
        select(func.coalesce(Actor.shared_inbox, Actor.inbox))
        .join(Register, Register.actor_id == Actor.id)
        .where(
            Register.subject_id == subject_id,
            Register.kind == "subscription",
            Register.present,
            Actor.gone_at.is_(None),
        )
        .distinct()
    )
    return list(await session.scalars(query))


async def outdated(session: AsyncSession, *, before: datetime) -> list[int]:
    """The actors of public campaigns whose counts moved since they were told, `before` that or never."""
    query = (
        select(Campaign.actor_id)
        .join(Counts, Counts.subject_id == Campaign.actor_id)
        .where(
            Campaign.state.in_(("published", "closed")),
            or_(
                Counts.announced_at.is_(None),
                # Equal too: another change may have come in the same millisecond.
                (Counts.changed_at >= Counts.announced_at) & (Counts.announced_at <= before),
            ),
        )
        .order_by(Campaign.id)
    )
    return list(await session.scalars(query))


async def listeners(session: AsyncSession, subject_ids: Collection[int]) -> list[Listener]:
    """The hosts of everybody who endorsed, shared or follows one of these local actors."""
    people = (
        select(Register.actor_id)
        .where(Register.subject_id.in_(subject_ids), Register.present)
        .distinct()
        .subquery()
    )
    query = (
        select(Actor.host_id, func.coalesce(func.min(Actor.shared_inbox), func.min(Actor.inbox)))
        .join(people, people.c.actor_id == Actor.id)
        .where(Actor.gone_at.is_(None))
        .group_by(Actor.host_id)
    )
    return [Listener(host_id, inbox) for host_id, inbox in await batches.gather(session, query)]


async def to_refresh(
    session: AsyncSession,
    subject_id: int,
    host_ids: Collection[int],
    *,
    software: Collection[str],
    before: datetime,
) -> set[int]:
    """Those of these hosts that run such software and heard the counts `before` that or never."""
    given = batches.table(batches.dialect_of(session), "given", {"id": int}, [[each] for each in host_ids])
    query = (
        select(Host.id)
        .join(given, given.c.id == Host.id)
        .outerjoin(Refresh, (Refresh.host_id == Host.id) & (Refresh.subject_id == subject_id))
        .where(
            Host.software.in_(software),
            or_(Refresh.sent_at.is_(None), Refresh.sent_at <= before),
        )
    )
    return set(await session.scalars(query))


async def put_refreshes(
    session: AsyncSession, subject_id: int, host_ids: Sequence[int], now: datetime
) -> None:
    """Notes that these hosts are told the counts now."""
    if host_ids:
        statement = batches.insert_rows(
            batches.dialect_of(session),
            Refresh,
            {"subject_id": int, "host_id": int, "sent_at": int},
            [[subject_id, host_id, to_milliseconds(now)] for host_id in sorted(host_ids)],
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["subject_id", "host_id"], set_={"sent_at": statement.excluded.sent_at}
            )
        )


async def announced(session: AsyncSession, subject_id: int, now: datetime) -> None:
    """Notes that whoever reads counts has been told those of now."""
    await session.execute(
        update(Counts)
        .where(Counts.subject_id == subject_id)
        .values(announced_at=now)
        .execution_options(synchronize_session=False)
    )

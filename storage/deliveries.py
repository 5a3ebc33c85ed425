"""What inboxes must still hear, what was given up, and which inboxes are dead."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, claims
from storage.columns import to_milliseconds
from storage.models import DeadInbox, Delivery

_UNSYNCHRONISED: dict[str, Any] = {"synchronize_session": False}


async def add(
    session: AsyncSession,
    *,
    activity_id: int,
    inboxes: Mapping[str, str],
    replaces: str | None,
    now: datetime,
) -> None:
    """Queues an activity for inboxes (by inbox their host's name), but for dead ones.

    It takes the place of what has the same `replaces` and the same inbox and is not just being sent.
    """
    rows = [
        [activity_id, inbox, host, replaces, to_milliseconds(now), 0]
        for inbox, host in sorted(inboxes.items())
    ]
    if not rows:
        return
    await claims.plan_anew(session)
    dialect = batches.dialect_of(session)
    columns: dict[str, batches.Kind] = {
        "activity_id": int,
        "inbox": str,
        "host": str,
        "replaces": str,
        "created_at": int,
        "attempts": int,
    }
    given = batches.table(dialect, "given", columns, rows)
    if replaces is not None:
        # In its place, not in a new one: a host that is down keeps its pauses and its last day.
        await session.execute(
            update(Delivery)
            .where(
                Delivery.replaces == replaces,
                Delivery.inbox == given.c.inbox,
                Delivery.ended_at.is_(None),
                Delivery.lease_until.is_(None),
            )
            .values(activity_id=activity_id)
            .execution_options(**_UNSYNCHRONISED)
        )
    new = select(*(given.c[column] for column in columns)).where(
        ~exists().where(DeadInbox.inbox == given.c.inbox),
        ~exists().where(
            Delivery.activity_id == activity_id, Delivery.inbox == given.c.inbox, Delivery.ended_at.is_(None)
        ),
    )
    await session.execute(batches.insert(dialect, Delivery).from_select(list(columns), new))


async def hasten(session: AsyncSession, hosts: Collection[str], now: datetime) -> None:
    """Makes due what waits only because its host did not answer, now that it does."""
    if hosts:
        await session.execute(
            update(Delivery)
            .where(
                Delivery.host.in_(hosts),
                Delivery.ended_at.is_(None),
                Delivery.next_at > now,
                Delivery.lease_until.is_(None),
                # A 429 or 503 may have said when to come again.
                func.coalesce(Delivery.last_status, 0).in_((0, 502, 504)),
            )
            .values(next_at=now)
            .execution_options(**_UNSYNCHRONISED)
        )


async def hurry(session: AsyncSession, hosts: Collection[str], now: datetime) -> None:
    """Makes due whatever waits for the next turn of these hosts."""
    given = batches.table(
        batches.dialect_of(session), "given", {"host": str}, [[each] for each in sorted(hosts)]
    )
    await session.execute(
        update(Delivery)
        .where(
            Delivery.host == given.c.host,
            Delivery.ended_at.is_(None),
            Delivery.next_at > now,
            Delivery.lease_until.is_(None),
        )
        .values(next_at=now)
        .execution_options(**_UNSYNCHRONISED)
    )


async def expire(session: AsyncSession, *, before: datetime, now: datetime) -> None:
    """Gives up what was queued before that, tried or not: behind a dead host little is ever tried."""
    await session.execute(
        update(Delivery)
        .where(Delivery.ended_at.is_(None), Delivery.lease_until.is_(None), Delivery.created_at < before)
        .values(
            ended_at=now, next_at=None, last_error=func.coalesce(Delivery.last_error, "its turn never came")
        )
        .execution_options(**_UNSYNCHRONISED)
    )


async def revive(session: AsyncSession, inboxes: Collection[str]) -> None:
    """These inboxes may be written to again: their actors were fetched and still name them."""
    await session.execute(
        delete(DeadInbox).where(DeadInbox.inbox.in_(inboxes)).execution_options(**_UNSYNCHRONISED)
    )


async def forget(session: AsyncSession, activity_ids: Collection[int]) -> None:
    """Takes these activities out of the queue, but for what is just being sent."""
    given = batches.table(
        batches.dialect_of(session), "given", {"id": int}, [[each] for each in sorted(activity_ids)]
    )
    await session.execute(
        delete(Delivery)
        .where(
            Delivery.activity_id.in_(select(given.c.id)),
            Delivery.ended_at.is_(None),
            Delivery.lease_until.is_(None),
        )
        .execution_options(**_UNSYNCHRONISED)
    )


async def given_up(session: AsyncSession, limit: int = 100) -> list[Delivery]:
    """What was given up, the latest first."""
    query = select(Delivery).where(Delivery.ended_at.is_not(None)).order_by(Delivery.ended_at.desc())
    return list(await session.scalars(query.limit(limit)))


async def waiting(session: AsyncSession) -> int:
    """How many rows are still to be delivered."""
    count = await session.scalar(
        select(func.count()).select_from(Delivery).where(Delivery.ended_at.is_(None))
    )
    return count or 0


async def purge(session: AsyncSession, *, before: datetime) -> None:
    """Forgets what was given up before that."""
    await session.execute(
        delete(Delivery).where(Delivery.ended_at < before).execution_options(**_UNSYNCHRONISED)
    )

"""Raw requests whose key was slow to come: a bounded table."""

import json
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ParkedRequest

MOST = 10_000
MOST_OF_A_HOST = 500
MOST_BYTES = 256 * 1024 * 1024
"""Of all their bodies."""


class Full(Exception):
    """No more requests can be parked, or none of this host."""


class Parked(Struct, frozen=True):
    id: int
    host: str
    received_at: datetime
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    attempts: int


async def add(
    session: AsyncSession,
    *,
    host: str,
    method: str,
    target: str,
    headers: tuple[tuple[str, str], ...],
    body: bytes,
    now: datetime,
    next_at: datetime,
) -> None:
    """Keeps a request as it came; raises Full."""
    total, of_host, size = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(ParkedRequest.host == host),
                func.coalesce(func.sum(func.length(ParkedRequest.body)), 0),
            ).select_from(ParkedRequest)
        )
    ).one()
    if total >= MOST or of_host >= MOST_OF_A_HOST or size + len(body) > MOST_BYTES:
        raise Full
    session.add(
        ParkedRequest(
            host=host,
            received_at=now,
            method=method,
            target=target,
            headers=json.dumps(headers),
            body=body,
            attempts=0,
            next_at=next_at,
        )
    )
    await session.flush()


async def claim(session: AsyncSession, now: datetime, lease: timedelta, most: int) -> list[Parked]:
    """Leases requests that are due to whoever asks."""
    due = (
        select(ParkedRequest)
        .where(
            ParkedRequest.next_at <= now,
            or_(ParkedRequest.lease_until.is_(None), ParkedRequest.lease_until <= now),
        )
        .order_by(ParkedRequest.next_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = list(await session.scalars(due))
    for row in rows:
        row.lease_until = now + lease
    await session.flush()
    return [
        Parked(
            row.id,
            row.host,
            row.received_at,
            row.method,
            row.target,
            tuple((name, value) for name, value in json.loads(row.headers)),
            row.body,
            row.attempts,
        )
        for row in rows
    ]


async def release_all(session: AsyncSession) -> None:
    """Ends every lease: a single process takes over from the one before it."""
    await session.execute(update(ParkedRequest).values(lease_until=None))


async def postpone(session: AsyncSession, parked_id: int, next_at: datetime) -> None:
    await session.execute(
        update(ParkedRequest)
        .where(ParkedRequest.id == parked_id)
        .values(next_at=next_at, attempts=ParkedRequest.attempts + 1, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def finish(session: AsyncSession, parked_id: int) -> None:
    await session.execute(delete(ParkedRequest).where(ParkedRequest.id == parked_id))

"""Failed log-ins of late, by the keyed hash of what they came from or went for."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.staff_models import Attempt


async def locked(session: AsyncSession, keys: Collection[bytes], now: datetime) -> dict[bytes, Attempt]:
    """The rows of these keys, new ones where there are none; nobody else counts on them until the commit."""
    ordered = sorted(set(keys))
    rows = [{"key": key, "failures": 0, "last_at": now} for key in ordered]
    insert = batches.insert(batches.dialect_of(session), Attempt).values(rows)
    # Changed to what it is: that locks a row, and makes one again that somebody has just forgotten.
    await session.execute(
        insert.on_conflict_do_update(index_elements=["key"], set_={"failures": Attempt.failures})
    )
    found = await session.scalars(
        select(Attempt).where(Attempt.key.in_(ordered)).execution_options(populate_existing=True)
    )
    return {row.key: row for row in found}


async def forget(session: AsyncSession, keys: Collection[bytes]) -> None:
    await session.execute(delete(Attempt).where(Attempt.key.in_(keys)))


async def forgive(session: AsyncSession, keys: Collection[bytes]) -> None:
    """Takes one failure off each."""
    await session.execute(
        update(Attempt)
        .where(Attempt.key.in_(keys), Attempt.failures > 0)
        .values(failures=Attempt.failures - 1)
        .execution_options(synchronize_session=False)
    )


async def sweep(session: AsyncSession, before: datetime) -> None:
    """Forgets what was last tried before that."""
    await session.execute(delete(Attempt).where(Attempt.last_at < before))

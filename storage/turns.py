"""Whose turn it is: work that one of several processes does for all of them."""

import zlib
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.shared_models import Turn


async def until(session: AsyncSession, name: str) -> datetime | None:
    """Until when somebody has this turn, or had it."""
    found: datetime | None = await session.scalar(select(Turn.until).where(Turn.name == name))
    return found


async def take(
    session: AsyncSession, name: str, *, now: datetime, until: datetime, held: datetime | None
) -> bool:
    """Takes a turn that nobody has but perhaps we, `held` until then; whether it is ours."""
    insert = batches.insert(batches.dialect_of(session), Turn).values(name=name, until=until)
    taken: Any = await session.scalar(
        insert.on_conflict_do_update(
            index_elements=["name"],
            set_={"until": insert.excluded.until},
            where=(Turn.until <= now) | (Turn.until == held),
        ).returning(Turn.name)
    )
    return taken is not None


async def give_back(session: AsyncSession, name: str, *, until: datetime, next_at: datetime) -> None:
    """Ends a turn that was taken `until` then; others may take it from `next_at`."""
    await session.execute(
        update(Turn)
        .where(Turn.name == name, Turn.until == until)
        .values(until=next_at)
        .execution_options(synchronize_session=False)
    )


async def alone(session: AsyncSession, name: str) -> None:
    """Waits until no other transaction is at this, and keeps others out until this one ends.

    For what must not happen twice even where a turn was taken over from a process that was only slow. SQLite
    has one writer anyway.
    """
    if batches.dialect_of(session) == "postgresql":
        key = zlib.crc32(name.encode())
        await session.execute(select(func.pg_advisory_xact_lock(_ALONE, key - (1 << 31))))


# The first half of the advisory locks' keys: nobody else here uses the form with two.
_ALONE = 0xFED1

"""How much of something has come of late, counted by all processes together."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import to_milliseconds
from storage.shared_models import Meter


@cache
def _lock(dialect: str) -> Any:
    statement = batches.insert_rows(dialect, Meter, {"key": str, "used_until": int})
    # Changed to what it is: that locks a row, and gives it.
    return statement.on_conflict_do_update(
        index_elements=["key"], set_={"used_until": Meter.__table__.c.used_until}
    ).returning(Meter.__table__.c.key, Meter.__table__.c.used_until)


@cache
def _put(dialect: str) -> Any:
    statement = batches.insert_rows(dialect, Meter, {"key": str, "used_until": int})
    return statement.on_conflict_do_update(
        index_elements=["key"], set_={"used_until": statement.excluded.used_until}
    )


async def locked(session: AsyncSession, keys: Collection[str]) -> dict[str, int]:
    """Until when each is used up (milliseconds since 1970); nobody else counts on them until the commit."""
    rows = [[key, 0] for key in sorted(set(keys))]
    found = await session.execute(_lock(batches.dialect_of(session)), {"given": batches.packed(rows)})
    return {key: to_milliseconds(used_until) for key, used_until in found}


async def put(session: AsyncSession, used_until: Mapping[str, int]) -> None:
    """Writes what `locked` has given, moved on."""
    await batches.put(session, _put(batches.dialect_of(session)), [[*each] for each in used_until.items()])


async def purge(session: AsyncSession, now: datetime) -> None:
    """Forgets those on which nothing is left."""
    await session.execute(delete(Meter).where(Meter.used_until < now))

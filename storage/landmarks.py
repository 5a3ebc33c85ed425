"""When something last happened that leaves no other trace."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from storage.running_models import Landmark

BACKUP: Final = "backup"


async def put(session: AsyncSession, name: str, now: datetime) -> None:
    await session.merge(Landmark(name=name, at=now))


async def last(session: AsyncSession, name: str) -> datetime | None:
    found = await session.get(Landmark, name, populate_existing=True)
    return None if found is None else found.at

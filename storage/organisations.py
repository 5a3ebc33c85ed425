"""Who runs the instance."""

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Organisation


async def add(session: AsyncSession, *, actor_id: int, name: str, language: str) -> Organisation:
    organisation = Organisation(actor_id=actor_id, name=name, summary="", language=language)
    session.add(organisation)
    await session.flush()
    return organisation


async def name(session: AsyncSession) -> str | None:
    """The organisation's name, read from older schemas too; None where there is none, or no table for it."""
    try:
        return await session.scalar(select(Organisation.name))
    except (OperationalError, ProgrammingError):
        return None

"""The newest sketches."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.partner_models import Sketch


async def one(session: AsyncSession, coalition_id: int, author_uri: str) -> Sketch | None:
    return await session.get(Sketch, (coalition_id, author_uri))


async def of(session: AsyncSession, coalition_id: int) -> dict[str, Sketch]:
    """The newest sketches by author."""
    rows = await session.scalars(select(Sketch).where(Sketch.coalition_id == coalition_id))
    return {row.author_uri: row for row in rows}

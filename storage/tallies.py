"""The newest tallies."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Tally


async def heads(
    session: AsyncSession, coalition_id: int, authors: Collection[str] | None = None
) -> dict[str, Tally]:
    """The newest tallies by author: of all, or of these."""
    query = select(Tally).where(Tally.coalition_id == coalition_id)
    if authors is not None:
        query = query.where(Tally.author_uri.in_(authors))
    return {row.author_uri: row for row in await session.scalars(query)}


async def not_passed_on(session: AsyncSession, *, own_uri: str, before: datetime) -> dict[int, list[Tally]]:
    """The tallies that others have sent and the origin has not passed on, by coalition."""
    found: dict[int, list[Tally]] = {}
    query = select(Tally).where(
        ~Tally.passed_on,
        Tally.author_uri != own_uri,
        or_(Tally.passed_at.is_(None), Tally.passed_at <= before),
    )
    for row in await session.scalars(query):
        found.setdefault(row.coalition_id, []).append(row)
    return found


async def passed_on(
    session: AsyncSession, coalition_id: int, authors: Collection[str], now: datetime
) -> None:
    await session.execute(
        update(Tally)
        .where(Tally.coalition_id == coalition_id, Tally.author_uri.in_(authors))
        .values(passed_on=True, passed_at=now)
    )


async def spoil(session: AsyncSession, coalition_id: int, author_uri: str) -> None:
    """Notes that a sketch counts somebody who has withdrawn."""
    # There is none where we have no partners.
    from storage.partner_models import Sketch  # noqa: PLC0415

    await session.execute(
        update(Sketch)
        .where(Sketch.coalition_id == coalition_id, Sketch.author_uri == author_uri)
        .values(spoilt=Sketch.spoilt + 1)
        .execution_options(synchronize_session=False)
    )

"""Counts that were handed in from elsewhere: every one that was entered, and those that hold."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import ElsewhereCount


async def add(
    session: AsyncSession,
    *,
    campaign_id: int,
    source: str,
    count: int,
    country: str | None,
    counted_at: datetime,
    now: datetime,
) -> ElsewhereCount:
    """One more count; `country` is ISO 3166-1 alpha-2, None for all countries together."""
    row = ElsewhereCount(
        campaign_id=campaign_id,
        source=source,
        count=count,
        country=country,
        counted_at=counted_at,
        entered_at=now,
    )
    session.add(row)
    await session.flush()
    return row


async def of_campaign(session: AsyncSession, campaign_id: int) -> list[ElsewhereCount]:
    """The newest count of each source and country, by source; the count of all countries before each one's.

    The newest is the one that was counted last, and of those of one day the one that was entered last.
    """
    return (await of_campaigns(session, [campaign_id])).get(campaign_id, [])


async def of_campaigns(
    session: AsyncSession, campaign_ids: Collection[int]
) -> dict[int, list[ElsewhereCount]]:
    """The same for several campaigns; one that has none is left out."""
    place = func.row_number().over(
        partition_by=(ElsewhereCount.campaign_id, ElsewhereCount.source, ElsewhereCount.country),
        order_by=(ElsewhereCount.counted_at.desc(), ElsewhereCount.id.desc()),
    )
    places = (
        select(ElsewhereCount.id, place.label("place"))
        .where(ElsewhereCount.campaign_id.in_(campaign_ids))
        .subquery()
    )
    query = select(ElsewhereCount).join(places, places.c.id == ElsewhereCount.id).where(places.c.place == 1)
    found: dict[int, list[ElsewhereCount]] = {}
    # Sorted here: databases do not agree on the order of letters.
    for row in sorted(
        await session.scalars(query), key=lambda row: (row.source.casefold(), row.country or "")
    ):
        found.setdefault(row.campaign_id, []).append(row)
    return found


async def every(session: AsyncSession, campaign_id: int) -> list[ElsewhereCount]:
    """All that was ever entered for a campaign, the last counted first."""
    query = (
        select(ElsewhereCount)
        .where(ElsewhereCount.campaign_id == campaign_id)
        .order_by(ElsewhereCount.counted_at.desc(), ElsewhereCount.id.desc())
    )
    return list(await session.scalars(query))


async def remove(session: AsyncSession, count_id: int) -> bool:
    """Forgets one count; False when there is none of this id."""
    row = await session.get(ElsewhereCount, count_id)
    if row is None:
        return False
    await session.delete(row)
    await session.flush()
    return True


async def forget(session: AsyncSession, campaign_id: int) -> None:
    """Forgets all counts of a campaign."""
    await session.execute(delete(ElsewhereCount).where(ElsewhereCount.campaign_id == campaign_id))

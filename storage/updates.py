"""News of campaigns."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Update
from storage.people_models import Mailing


async def add(
    session: AsyncSession,
    *,
    campaign_id: int,
    language: str,
    title: str,
    markdown: str,
    html: str,
    now: datetime,
) -> Update:
    """A new one, numbered from 1 in each campaign."""
    last = await session.scalar(select(func.max(Update.number)).where(Update.campaign_id == campaign_id))
    update = Update(
        campaign_id=campaign_id,
        number=(last or 0) + 1,
        language=language,
        title=title,
        markdown=markdown,
        html=html,
        published_at=now,
    )
    session.add(update)
    await session.flush()
    return update


async def of_campaign(session: AsyncSession, campaign_id: int) -> list[Update]:
    """The updates of a campaign, the newest first."""
    rows = await session.scalars(
        select(Update).where(Update.campaign_id == campaign_id).order_by(Update.number.desc())
    )
    return list(rows)


async def newest(session: AsyncSession, most: int) -> list[Update]:
    """The latest updates of all campaigns, drafts' and deleted ones' too, the newest first."""
    rows = await session.scalars(
        select(Update).order_by(Update.published_at.desc(), Update.id.desc()).limit(most)
    )
    return list(rows)


async def by_number(session: AsyncSession, campaign_id: int, number: int) -> Update | None:
    return await session.scalar(
        select(Update).where(Update.campaign_id == campaign_id, Update.number == number)
    )


async def remove(session: AsyncSession, campaign_id: int) -> None:
    """Forgets the updates of a campaign, and mails no more of them."""
    own = select(Update.id).where(Update.campaign_id == campaign_id).scalar_subquery()
    await session.execute(delete(Mailing).where(Mailing.update_id.in_(own)))
    await session.execute(delete(Update).where(Update.campaign_id == campaign_id))

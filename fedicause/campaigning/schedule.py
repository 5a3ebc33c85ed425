"""Drafts that are published by themselves when their time has come."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import publish
from fedicause.campaigning import inscribe
from fedicause.campaigning.launch import launch
from fedicause.fields import Unusable
from fedicause.here import Here
from storage import campaigns
from storage.models import Campaign

FURTHEST: Final = timedelta(days=731)


async def put(session: AsyncSession, *, slug: str, at: datetime, now: datetime) -> Campaign:
    """Has a draft published at a time, in the place of another one. Raises Unusable, Impossible."""
    campaign = await _draft(session, slug)
    if at <= now:
        raise Unusable("That time is over")
    if at > now + FURTHEST:
        raise Unusable("That is more than two years from now")
    if campaign.ends_at is not None and campaign.ends_at <= at:
        raise publish.Closed(f"`{campaign.slug}` would end before it begins")
    campaign.publish_at = at
    inscribe.touch(campaign, now)
    await session.flush()
    return campaign


async def drop(session: AsyncSession, *, slug: str, now: datetime) -> Campaign:
    """Leaves a draft a draft. Raises Impossible."""
    campaign = await _draft(session, slug)
    campaign.publish_at = None
    inscribe.touch(campaign, now)
    await session.flush()
    return campaign


async def publish_due(session: AsyncSession, here: Here) -> list[str]:
    """Publishes the drafts whose time has come; returns their slugs. What can't be stays a draft."""
    published = []
    for slug in await campaigns.due(session, now=here.now):
        campaign = await publish.find(session, slug, lock=True)
        # Another process may have been faster.
        if campaign.state != "draft" or campaign.publish_at is None:
            continue
        if campaign.ends_at is not None and campaign.ends_at <= here.now:
            campaign.publish_at = None
            continue
        await launch(session, here, slug)
        published.append(slug)
    return published


async def _draft(session: AsyncSession, slug: str) -> Campaign:
    campaign = await publish.find(session, slug, lock=True)
    if campaign.state != "draft":
        raise publish.AlreadyPublished(f"`{campaign.slug}` was published before")
    return campaign

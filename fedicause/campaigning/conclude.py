"""How a campaign ends well, and how it goes on after all."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from fedicause.campaigning import inscribe
from fedicause.campaigning.manuscript import Manuscript
from fedicause.fediverse import tell
from fedicause.fields import Unusable
from fedicause.urls import Urls
from storage import coalitions, retention
from storage.models import Campaign, Update

OUTCOME_LENGTH: Final = 500


class StillOpen(publish.Impossible):
    """The campaign isn't closed."""


class Forgotten(publish.Impossible):
    """Nobody knows any more who signed."""


async def win(
    session: AsyncSession,
    *,
    urls: Urls,
    slug: str,
    outcome: str,
    news: Manuscript | None,
    mail: bool = False,
    now: datetime,
) -> tuple[Campaign, Update | None]:
    """Closes a campaign with what it achieved, and tells that as news. Raises Unusable, Impossible.

    One that is closed already is won by it all the same. Without `news` nothing is told: for who corrects
    the words of before. With `mail` they go by letter too, as with publish.update.
    """
    outcome = said(outcome)
    campaign = await publish.find(session, slug, lock=True)
    if campaign.state != "closed":
        await publish.close(session, urls=urls, slug=slug, now=now)
    campaign.outcome = outcome
    inscribe.touch(campaign, now)
    update = None
    if news is not None:
        update = await publish.update(session, urls=urls, slug=slug, manuscript=news, mail=mail, now=now)
    await session.flush()
    return campaign, update


async def reopen(session: AsyncSession, *, urls: Urls, slug: str, now: datetime) -> Campaign:
    """Takes support again. An end that is over goes, and so does the outcome. Raises Impossible."""
    campaign = await publish.find(session, slug, lock=True)
    if campaign.state != "closed":
        raise StillOpen(f"`{campaign.slug}` isn't closed")
    coalition = await coalitions.of_campaign(session, campaign.id)
    if coalition is not None and await retention.is_anonymised(session, coalition.id):
        raise Forgotten(f"Who signed `{campaign.slug}` is forgotten: the same people could sign again")
    campaign.state = "published"
    campaign.closed_at = campaign.outcome = None
    if campaign.ends_at is not None and campaign.ends_at <= now:
        campaign.ends_at = None
    inscribe.touch(campaign, now)
    await session.flush()
    # As when it closed: partners hear that there is something to look at, and nobody else notices.
    await tell.changed(session, urls, campaign, None, now)
    return campaign


def said(outcome: str) -> str:
    """What was achieved, as the page says it: plain text in one paragraph. Raises Unusable."""
    text = " ".join(outcome.split())
    if not text:
        raise Unusable("The outcome is empty")
    return fields.line_of(text, OUTCOME_LENGTH)

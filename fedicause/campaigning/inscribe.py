"""Puts what a manuscript says into the rows of its campaign."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.campaigning import goals, particulars
from fedicause.campaigning.manuscript import Manuscript
from fedicause.campaigning.pictures import Picture
from fedicause.fields import Unusable
from fedicause.signing import asks
from storage import campaigns
from storage.models import Campaign, CampaignText


def check_times(manuscript: Manuscript, known: datetime | None, now: datetime) -> None:
    """Raises Unusable for an end, other than the known one, that is over, and for a registration to come."""
    if (
        manuscript.ends_at not in (None, known)
        and manuscript.ends_at is not None
        and manuscript.ends_at <= now
    ):
        raise Unusable(f"{manuscript.path}: `ends` is over")
    if manuscript.registered_at is not None and manuscript.registered_at > now + timedelta(days=1):
        raise Unusable(f"{manuscript.path}: `registered` is still to come")


def aim(campaign: Campaign, manuscript: Manuscript) -> None:
    """Goal and thresholds as the file says; thresholds bring their goal to a campaign that has none."""
    if manuscript.removed & {"thresholds", "registered"}:
        campaign.thresholds = campaign.registered_at = None
    elif manuscript.thresholds is not None:
        campaign.thresholds, campaign.registered_at = manuscript.thresholds, manuscript.registered_at
    asked = goals.of_campaign(manuscript.thresholds, manuscript.registered_at)
    if "goal" in manuscript.removed:
        campaign.goal = None
    else:
        campaign.goal = manuscript.goal or campaign.goal or (asked.goal if asked else None)


def ask(campaign: Campaign, manuscript: Manuscript) -> None:
    """What the form asks for besides name, mail and country, and what it says of what becomes of that."""
    if "asks" in manuscript.removed:
        campaign.asks = None
    elif manuscript.asks is not None:
        campaign.asks = asks.written(manuscript.asks)
    if "privacy" in manuscript.removed:
        campaign.privacy = None
    elif manuscript.privacy is not None:
        campaign.privacy = manuscript.privacy
    particulars.put(campaign, manuscript.particulars, manuscript.removed)


def show(campaign: Campaign, manuscript: Manuscript, picture: Picture | None) -> None:
    """The picture: another one, none, or the same with other words for who can't see it."""
    if picture is not None:
        campaign.picture, campaign.picture_type = picture.name, picture.media_type
        campaign.picture_width, campaign.picture_height = picture.width, picture.height
        campaign.picture_alt = manuscript.picture_alt
    elif "picture" in manuscript.removed:
        show_nothing(campaign)
    elif campaign.picture and manuscript.picture_alt:
        campaign.picture_alt = manuscript.picture_alt


def show_nothing(campaign: Campaign) -> None:
    campaign.picture = campaign.picture_alt = campaign.picture_type = None
    campaign.picture_width = campaign.picture_height = None


async def write(
    session: AsyncSession,
    campaign: Campaign,
    manuscript: Manuscript,
    *,
    language: str,
    title: str,
    now: datetime,
) -> None:
    """The call in a language; what was published is edited by that.

    The same words again are no other text, for the original: its translations stay up to date. Those are
    up to date from when they were last looked at.
    """
    there = (await campaigns.texts(session, campaign.id)).get(language)
    before, last = (_words(there), there.edited_at) if there else (None, None)
    text = await campaigns.put_text(
        session,
        campaign_id=campaign.id,
        language=language,
        title=title,
        markdown=manuscript.text,
        html=manuscript.html,
        now=now,
    )
    particulars.put_words(campaign, text, manuscript.particulars, manuscript.removed)
    if last is not None:
        is_as_before = language == campaign.language and _words(text) == before
        text.edited_at = last if is_as_before else max(now, last + timedelta(milliseconds=1))
    await mark_edited(session, campaign, now)


def _words(text: CampaignText) -> tuple[str | None, ...]:
    """What a translator translates."""
    return text.title, text.markdown, text.options, text.subject, text.letter


async def mark_edited(session: AsyncSession, campaign: Campaign, now: datetime) -> None:
    """Others have seen what is published in another shape: they will be told when this one is from."""
    if campaign.state != "draft":
        # Whole seconds travel, and an edit that is no newer than the last is taken for a refresh of counts.
        last = campaign.edited_at or campaign.published_at or now
        campaign.edited_at = max(now, last.replace(microsecond=0) + timedelta(seconds=1))
    await session.flush()


def touch(campaign: Campaign, now: datetime) -> None:
    """Whoever has it open to edit must learn that it has changed: no two changes have the same time."""
    last = campaign.changed_at
    campaign.changed_at = now if last is None else max(now, last + timedelta(milliseconds=1))

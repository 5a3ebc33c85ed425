"""Campaigns and their texts in each language."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from storage import counts
from storage.coalition_models import ForeignCampaign
from storage.models import Actor, Campaign, CampaignText, Counts, Register, Testimony

# What everybody may see: a closed campaign keeps its page.
PUBLIC_STATES = ("published", "closed")


class Listed(Struct, frozen=True):
    """A campaign as a listing shows it: its row, its texts by language (never empty), its counts."""

    campaign: Campaign
    texts: Mapping[str, CampaignText]
    counts: Counts

    def text(self, *languages: str) -> CampaignText:
        """The text in the first of these languages that it has, else in the campaign's own."""
        for language in languages:
            if language in self.texts:
                return self.texts[language]
        return self.texts[self.campaign.language]


class Topic(Struct, frozen=True):
    """A topic as it was written, and how many public campaigns are about it."""

    name: str
    campaigns: int


async def add(
    session: AsyncSession,
    *,
    actor_id: int,
    slug: str,
    kind: str,
    topic: str,
    language: str,
    goal: int | None,
    ends_at: datetime | None,
    now: datetime,
) -> Campaign:
    """A new draft of an actor that has the slug for a name."""
    campaign = Campaign(
        actor_id=actor_id,
        slug=slug,
        kind=kind,
        topic=topic,
        goal=goal,
        language=language,
        state="draft",
        created_at=now,
        ends_at=ends_at,
    )
    session.add(campaign)
    await session.flush()
    return campaign


async def by_slug(session: AsyncSession, slug: str, *, lock: bool = False) -> Campaign | None:
    """The campaign of this slug (upper or lower case) in whatever state, drafts and deleted ones too.

    With `lock` others who lock it wait until the transaction ends; rows that name it can still be added.
    """
    query = select(Campaign).where(Campaign.slug == slug.lower())
    return await session.scalar(query.with_for_update(key_share=True) if lock else query)


async def by_actor(session: AsyncSession, actor_id: int) -> Campaign | None:
    return await session.scalar(select(Campaign).where(Campaign.actor_id == actor_id))


async def published(session: AsyncSession, *, topic: str | None = None) -> list[Listed]:
    """The campaigns that everybody may see: the open ones, then the closed, the newest first."""
    query = (
        select(Campaign)
        .where(Campaign.state.in_(PUBLIC_STATES))
        .order_by(Campaign.state.desc(), Campaign.published_at.desc(), Campaign.id.desc())
    )
    if topic is not None:
        query = query.where(func.lower(Campaign.topic) == topic.lower())
    return await _listed(session, list(await session.scalars(query)))


async def every(session: AsyncSession) -> list[Listed]:
    """All campaigns but the deleted ones, the newest first."""
    query = select(Campaign).where(Campaign.state != "deleted").order_by(Campaign.id.desc())
    return await _listed(session, list(await session.scalars(query)))


async def with_deleted(session: AsyncSession) -> list[Listed]:
    """All campaigns, also the deleted ones, which have no texts; the newest first."""
    return await _listed(session, list(await session.scalars(select(Campaign).order_by(Campaign.id.desc()))))


async def _listed(session: AsyncSession, found: list[Campaign]) -> list[Listed]:
    texts_by_campaign: dict[int, dict[str, CampaignText]] = {campaign.id: {} for campaign in found}
    rows = await session.scalars(
        select(CampaignText)
        .where(CampaignText.campaign_id.in_(texts_by_campaign))
        .order_by(CampaignText.language)
    )
    for text in rows:
        texts_by_campaign[text.campaign_id][text.language] = text
    numbers = await counts.of_many(session, [campaign.actor_id for campaign in found])
    return [
        Listed(campaign, texts_by_campaign[campaign.id], numbers[campaign.actor_id]) for campaign in found
    ]


async def topics(session: AsyncSession) -> list[Topic]:
    """The topics of public campaigns, by name; one that is written in two ways is one topic."""
    rows = await session.execute(
        select(func.min(Campaign.topic), func.count())
        .where(Campaign.state.in_(PUBLIC_STATES))
        .group_by(func.lower(Campaign.topic))
        .order_by(func.lower(Campaign.topic))
    )
    return [Topic(name, number) for name, number in rows]


async def used_topics(session: AsyncSession) -> list[str]:
    """How the topics of all campaigns are written, drafts' too, by name; one written in two ways is one."""
    rows = await session.scalars(
        select(func.min(Campaign.topic))
        .where(Campaign.state != "deleted")
        .group_by(func.lower(Campaign.topic))
        .order_by(func.lower(Campaign.topic))
    )
    return list(rows)


async def texts(session: AsyncSession, campaign_id: int) -> dict[str, CampaignText]:
    """The call by language."""
    rows = await session.scalars(
        select(CampaignText).where(CampaignText.campaign_id == campaign_id).order_by(CampaignText.language)
    )
    return {text.language: text for text in rows}


async def put_text(
    session: AsyncSession,
    *,
    campaign_id: int,
    language: str,
    title: str,
    markdown: str,
    html: str,
    now: datetime,
) -> CampaignText:
    """Adds the call in a language, or puts a new text in the place of the one there is."""
    text = CampaignText(
        campaign_id=campaign_id, language=language, title=title, markdown=markdown, html=html, edited_at=now
    )
    return await session.merge(text)


async def remove_text(session: AsyncSession, campaign_id: int, language: str) -> None:
    """Forgets the call in a language."""
    await session.execute(
        delete_rows(CampaignText).where(
            CampaignText.campaign_id == campaign_id, CampaignText.language == language
        )
    )


async def remove_texts(session: AsyncSession, campaign_id: int) -> None:
    """Forgets the call in every language."""
    await session.execute(delete_rows(CampaignText).where(CampaignText.campaign_id == campaign_id))


async def expired(session: AsyncSession, *, now: datetime) -> list[Campaign]:
    """The published campaigns whose end has come."""
    query = select(Campaign).where(Campaign.state == "published", Campaign.ends_at <= now)
    return list(await session.scalars(query))


async def due(session: AsyncSession, *, now: datetime) -> list[str]:
    """The slugs of the drafts that are to be published by now."""
    query = select(Campaign.slug).where(Campaign.state == "draft", Campaign.publish_at <= now)
    return list(await session.scalars(query.order_by(Campaign.publish_at, Campaign.id)))


async def reached_inboxes(session: AsyncSession, *, campaign: Campaign) -> list[str]:
    """The inboxes, shared where there is one, of everybody who ever dealt with it.

    Whoever took that back is among them: their server may keep a copy.
    """
    people = union(
        select(Register.actor_id).where(Register.subject_id == campaign.actor_id),
        select(Testimony.actor_id).where(Testimony.campaign_id == campaign.id),
    ).subquery()
    query = (
        select(func.coalesce(Actor.shared_inbox, Actor.inbox))
        .join(people, people.c.actor_id == Actor.id)
        .where(Actor.gone_at.is_(None))
        .distinct()
    )
    return list(await session.scalars(query))


async def pictures(session: AsyncSession) -> list[str]:
    """The names of the stored pictures that campaigns show, ours or others'."""
    ours = select(Campaign.picture).where(Campaign.picture.is_not(None))
    others = select(ForeignCampaign.picture).where(ForeignCampaign.picture.is_not(None))
    return sorted({name for name in await session.scalars(union(ours, others)) if name})

"""The campaigns of other instances: what we copied of them, and which of them the directory shows."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import blocks, campaigns
from storage.campaigns import PUBLIC_STATES, Topic
from storage.coalition_models import (
    Coalition,
    Following,
    ForeignCampaign,
    ForeignText,
    Member,
)
from storage.followings import CURRENT
from storage.models import Actor, LocalActor


class Said(Struct, frozen=True):
    """What an origin says of a campaign of its own; the fields are the columns of `ForeignCampaign`."""

    actor_uri: str
    note_uri: str
    slug: str
    origin: str
    inbox: str
    organisation_uri: str
    organisation_name: str
    kind: str
    topic: str
    goal: int | None
    language: str
    state: str
    shares: int
    thresholds: str | None
    registered_at: datetime | None
    picture: str | None
    picture_source: str | None
    picture_alt: str | None
    picture_type: str | None
    picture_width: int | None
    picture_height: int | None
    published_at: datetime
    edited_at: datetime | None
    ends_at: datetime | None
    closed_at: datetime | None


class Listed(Struct, frozen=True):
    """A campaign as a listing shows it: its row, and its texts by language."""

    campaign: ForeignCampaign
    texts: Mapping[str, ForeignText]

    def text(self, *languages: str) -> ForeignText:
        """The text in the first of these languages that it has, else in the campaign's own."""
        for language in languages:
            if language in self.texts:
                return self.texts[language]
        return self.texts[self.campaign.language]


async def by_id(session: AsyncSession, campaign_id: int) -> ForeignCampaign | None:
    return await session.get(ForeignCampaign, campaign_id)


async def by_address(session: AsyncSession, slug: str, origin: str) -> ForeignCampaign | None:
    """The campaign of this slug (upper or lower case) at this authority, in whatever state."""
    return await session.scalar(
        select(ForeignCampaign).where(
            ForeignCampaign.slug == slug.lower(), ForeignCampaign.origin == origin.lower()
        )
    )


async def by_actor(session: AsyncSession, uri: str) -> ForeignCampaign | None:
    return await session.scalar(select(ForeignCampaign).where(ForeignCampaign.actor_uri == uri))


async def by_note(session: AsyncSession, uri: str) -> ForeignCampaign | None:
    return await session.scalar(select(ForeignCampaign).where(ForeignCampaign.note_uri == uri))


async def put(
    session: AsyncSession,
    said: Said,
    texts: Mapping[str, tuple[str, str]],
    *,
    now: datetime,
    refresh_at: datetime,
    lease_until: datetime | None = None,
) -> ForeignCampaign:
    """Keeps what an origin says, in the place of what it said before. `texts`: title and HTML by language.

    What was looked at on a lease (see `claim`) and was made due again meanwhile stays due.
    """
    row = await session.scalar(
        select(ForeignCampaign).where(ForeignCampaign.actor_uri == said.actor_uri).with_for_update()
    )
    if row is None:
        row = ForeignCampaign(refresh_at=refresh_at)
        session.add(row)
    elif row.refresh_at == lease_until or row.refresh_at > refresh_at:
        row.refresh_at = refresh_at
    for name, value in asdict(said).items():
        setattr(row, name, value)
    row.fetched_at, row.failures = now, 0
    await session.flush()
    await session.execute(
        delete(ForeignText)
        .where(ForeignText.campaign_id == row.id, ForeignText.language.not_in(texts))
        .execution_options(synchronize_session=False)
    )
    for language, (title, html) in texts.items():
        await session.merge(ForeignText(campaign_id=row.id, language=language, title=title, html=html))
    await session.flush()
    return row


async def texts(session: AsyncSession, campaign_id: int) -> dict[str, ForeignText]:
    """The call by language; empty once it was deleted."""
    rows = await session.scalars(
        select(ForeignText).where(ForeignText.campaign_id == campaign_id).order_by(ForeignText.language)
    )
    return {text.language: text for text in rows}


async def listed(session: AsyncSession, *, topic: str | None = None) -> list[Listed]:
    """What the directory shows: the open ones, then the closed, the newest first.

    That is what somebody followed runs, and what our organisation is a partner of; nothing of blocked hosts.
    """
    query = (
        select(ForeignCampaign)
        .where(ForeignCampaign.state.in_(PUBLIC_STATES), or_(is_followed(), is_ours_too("accepted")))
        .order_by(
            ForeignCampaign.state.desc(), ForeignCampaign.published_at.desc(), ForeignCampaign.id.desc()
        )
    )
    if topic is not None:
        query = query.where(func.lower(ForeignCampaign.topic) == topic.lower())
    blocked = await blocks.targets(session)
    found = {
        row.id: row
        for row in await session.scalars(query)
        if not blocks.covers(blocked, row.organisation_uri, row.origin)
    }
    by_campaign: dict[int, dict[str, ForeignText]] = {campaign_id: {} for campaign_id in found}
    rows = await session.scalars(
        select(ForeignText).where(ForeignText.campaign_id.in_(found)).order_by(ForeignText.language)
    )
    for text in rows:
        by_campaign[text.campaign_id][text.language] = text
    return [Listed(row, by_campaign[campaign_id]) for campaign_id, row in found.items()]


async def topics(session: AsyncSession) -> list[Topic]:
    """The topics of what the directory shows of others, by name; one that is written in two ways is one."""
    grouped: dict[str, list[str]] = {}
    for each in await listed(session):
        grouped.setdefault(each.campaign.topic.lower(), []).append(each.campaign.topic)
    return [Topic(min(names), len(names)) for _, names in sorted(grouped.items())]


async def forget_unwanted(session: AsyncSession) -> list[str]:
    """Forgets the campaigns that are neither followed nor anything to a coalition of ours.

    Returns the names of the pictures that nobody shows any more, to be removed once this is committed.
    """
    unwanted = list(
        await session.execute(
            select(ForeignCampaign.id, ForeignCampaign.picture).where(
                ~is_followed(), ~exists().where(Coalition.campaign_uri == ForeignCampaign.actor_uri)
            )
        )
    )
    ids = [campaign_id for campaign_id, _ in unwanted]
    await session.execute(delete(ForeignText).where(ForeignText.campaign_id.in_(ids)))
    await session.execute(delete(ForeignCampaign).where(ForeignCampaign.id.in_(ids)))
    shown = set(await campaigns.pictures(session))
    return sorted({picture for _, picture in unwanted if picture} - shown)


def is_followed() -> ColumnElement[bool]:
    """The condition that a campaign, or who runs it, is followed."""
    # Asked of each campaign, by key: SQLite would else read all actors to find the few that are followed.
    return (
        exists()
        .where(Actor.uri.in_([ForeignCampaign.organisation_uri, ForeignCampaign.actor_uri]))
        .where(Following.actor_id == Actor.id, Following.state.in_(CURRENT))
        .correlate(ForeignCampaign)
    )


def is_ours_too(*states: str) -> ColumnElement[bool]:
    """The condition that our organisation's membership in its coalition is in one of these states."""
    # The instance's own actor is named like its host, as are all members that live here: our organisation.
    here = select(LocalActor.name).where(LocalActor.kind == "instance").scalar_subquery()
    joined = (
        select(Coalition.campaign_uri)
        .join(Member, Member.coalition_id == Coalition.id)
        .where(Member.state.in_(states), Member.host == here)
    )
    return ForeignCampaign.actor_uri.in_(joined)

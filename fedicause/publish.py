"""What an organisation does with its campaigns: each verb is one change, with all that it makes us say."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import describe, goals, keyring, tell
from fedicause.fields import Unusable
from fedicause.manuscript import Manuscript
from fedicause.pictures import Picture
from fedicause.seal import Seal
from fedicause.urls import Urls
from storage import campaigns, elsewhere, local_actors, updates
from storage.models import Campaign, Update


class Impossible(Exception):
    """This can't be done with this campaign; the text says why."""


class Unknown(Impossible):
    """There is no campaign of this slug, or no longer."""


class Taken(Impossible):
    """The slug is the name of another campaign, past ones too, or of the organisation."""


class AlreadyPublished(Impossible):
    """The campaign was published before."""


class NotPublished(Impossible):
    """The campaign is a draft, which nobody sees."""


class Closed(Impossible):
    """The campaign is closed."""


class Untranslated(Impossible):
    """The campaign has no text in this language, or it has its own in it."""


async def create(
    session: AsyncSession,
    *,
    seal: Seal,
    manuscript: Manuscript,
    picture: Picture | None = None,
    now: datetime,
) -> Campaign:
    """A draft, and its actor with keys; nobody sees either until `publish`. Raises Unusable, Taken."""
    manuscript.needs("title", "slug", "topic")
    _check_times(manuscript, None, now)
    organisation, _ = await local_actors.organisation(session)
    slug, title = manuscript.slug or "", manuscript.title or ""
    try:
        actor = await keyring.new_actor(session, seal, slug, "campaign", now)
    except local_actors.Taken as error:
        raise Taken(f"The name `{slug}` is in use; names of deleted campaigns can't be used again") from error
    campaign = await campaigns.add(
        session,
        actor_id=actor.id,
        slug=slug,
        kind=manuscript.kind or "petition",
        topic=manuscript.topic or "",
        language=manuscript.language or organisation.language,
        goal=manuscript.goal,
        ends_at=manuscript.ends_at,
        now=now,
    )
    _aim(campaign, manuscript)
    _show(campaign, manuscript, picture)
    await _write(session, campaign, manuscript, language=campaign.language, title=title, now=now)
    return campaign


async def publish(session: AsyncSession, *, urls: Urls, slug: str, now: datetime) -> Campaign:
    """Makes a draft public: its actor says the call, the organisation shares it. Raises Impossible."""
    campaign = await find(session, slug)
    if campaign.state != "draft":
        raise AlreadyPublished(f"`{campaign.slug}` was published on {campaign.published_at:%-d %B %Y}")
    if campaign.ends_at is not None and campaign.ends_at <= now:
        raise Closed(f"The end of `{campaign.slug}` is over: give it another one with `campaign edit`")
    campaign.state = "published"
    campaign.published_at = now
    # What was changed in a draft is no edit of what others have seen.
    campaign.edited_at = None
    await session.flush()
    note = await describe.note(session, urls, campaign)
    await tell.first(session, urls, campaign, note, now)
    return campaign


async def edit(
    session: AsyncSession,
    *,
    urls: Urls,
    slug: str,
    manuscript: Manuscript,
    picture: Picture | None = None,
    now: datetime,
) -> Campaign:
    """Changes the call to what the file says, keeping what it leaves out. Raises Unusable, Impossible."""
    campaign = await find(session, slug)
    _same_slug(campaign, manuscript)
    _check_times(manuscript, campaign.ends_at, now)
    if manuscript.kind not in (None, campaign.kind) and campaign.state != "draft":
        raise Unusable(f"{manuscript.path}: `kind` of a published campaign stays {campaign.kind}")
    language = manuscript.language or campaign.language
    text = (await campaigns.texts(session, campaign.id)).get(language)
    if text is None:
        raise Untranslated(f"`{campaign.slug}` has no text in `{language}`: add it with `campaign translate`")
    actor = await tell.actor_of(session, campaign)
    before = await describe.actor(session, urls, actor)
    campaign.kind = manuscript.kind or campaign.kind
    campaign.topic = manuscript.topic or campaign.topic
    _aim(campaign, manuscript)
    campaign.ends_at = None if "ends" in manuscript.removed else manuscript.ends_at or campaign.ends_at
    _show(campaign, manuscript, picture)
    await _write(
        session, campaign, manuscript, language=language, title=manuscript.title or text.title, now=now
    )
    await tell.changed(session, urls, campaign, before, now)
    return campaign


async def translate(
    session: AsyncSession, *, urls: Urls, slug: str, manuscript: Manuscript, now: datetime
) -> Campaign:
    """Adds the call in another language, or replaces it there. Raises Unusable, Impossible."""
    campaign = await find(session, slug)
    _same_slug(campaign, manuscript)
    manuscript.needs("language", "title")
    language, title = manuscript.language or "", manuscript.title or ""
    if language == campaign.language:
        raise Untranslated(f"`{campaign.slug}` was written in `{language}`: change it with `campaign edit`")
    before = await describe.actor(session, urls, await tell.actor_of(session, campaign))
    await _write(session, campaign, manuscript, language=language, title=title, now=now)
    await tell.changed(session, urls, campaign, before, now)
    return campaign


async def update(
    session: AsyncSession, *, urls: Urls, slug: str, manuscript: Manuscript, now: datetime
) -> Update:
    """Posts news of a campaign, open or closed. Raises Unusable, Impossible."""
    campaign = await find(session, slug)
    if campaign.state == "draft":
        raise NotPublished(f"`{campaign.slug}` is a draft: publish it before its news")
    _same_slug(campaign, manuscript)
    manuscript.needs("title")
    news = await updates.add(
        session,
        campaign_id=campaign.id,
        language=manuscript.language or campaign.language,
        title=manuscript.title or "",
        markdown=manuscript.text,
        html=manuscript.html,
        now=now,
    )
    note = await describe.update_note(session, urls, campaign, news)
    await tell.first(session, urls, campaign, note, now)
    return news


async def close(session: AsyncSession, *, urls: Urls, slug: str, now: datetime) -> Campaign:
    """Ends a campaign: nobody can endorse it any more, withdrawals are still honoured. Raises Impossible."""
    campaign = await find(session, slug)
    if campaign.state == "draft":
        raise NotPublished(f"`{campaign.slug}` is a draft: there is nothing to close")
    if campaign.state == "closed":
        raise Closed(f"`{campaign.slug}` was closed on {campaign.closed_at:%-d %B %Y}")
    campaign.state = "closed"
    campaign.closed_at = now
    await session.flush()
    # The words stay, so `updated` does too: nobody is notified, but the last counts are told. Hosts of the
    # campaign hear from its actor that there is something to look at.
    await tell.changed(session, urls, campaign, None, now)
    return campaign


async def close_ended(session: AsyncSession, *, urls: Urls, now: datetime) -> list[str]:
    """Closes the campaigns whose end has come; returns their slugs."""
    ended = [campaign.slug for campaign in await campaigns.expired(session, now=now)]
    for slug in ended:
        await close(session, urls=urls, slug=slug, now=now)
    return ended


async def delete(session: AsyncSession, *, urls: Urls, slug: str, now: datetime) -> str | None:
    """Deletes a campaign, here and wherever it went; its slug stays taken.

    Returns the name of its picture, to be removed once this is committed. Raises Impossible.
    """
    campaign = await find(session, slug)
    actor = await tell.actor_of(session, campaign)
    if campaign.state != "draft":
        await tell.deleted(session, urls, campaign, actor, now)
    picture = campaign.picture
    campaign.state = "deleted"
    campaign.deleted_at = actor.deleted_at = now
    _show_nothing(campaign)
    await campaigns.remove_texts(session, campaign.id)
    await updates.remove(session, campaign.id)
    await elsewhere.forget(session, campaign.id)
    return picture


async def find(session: AsyncSession, slug: str) -> Campaign:
    """The campaign of this slug; raises Unknown, for a deleted one too."""
    campaign = await campaigns.by_slug(session, slug)
    if campaign is None:
        raise Unknown(f"There is no campaign `{slug}`")
    if campaign.state == "deleted":
        raise Unknown(f"The campaign `{campaign.slug}` was deleted on {campaign.deleted_at:%-d %B %Y}")
    return campaign


def _same_slug(campaign: Campaign, manuscript: Manuscript) -> None:
    if manuscript.slug not in (None, campaign.slug):
        raise Unusable(f"{manuscript.path}: `slug` is {manuscript.slug}, but the campaign is {campaign.slug}")


def _check_times(manuscript: Manuscript, known: datetime | None, now: datetime) -> None:
    """Raises Unusable for an end, other than the known one, that is over, and for a registration to come."""
    if (
        manuscript.ends_at not in (None, known)
        and manuscript.ends_at is not None
        and manuscript.ends_at <= now
    ):
        raise Unusable(f"{manuscript.path}: `ends` is over")
    if manuscript.registered_at is not None and manuscript.registered_at > now + timedelta(days=1):
        raise Unusable(f"{manuscript.path}: `registered` is still to come")


def _aim(campaign: Campaign, manuscript: Manuscript) -> None:
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


def _show(campaign: Campaign, manuscript: Manuscript, picture: Picture | None) -> None:
    if picture is not None:
        campaign.picture, campaign.picture_type = picture.name, picture.media_type
        campaign.picture_width, campaign.picture_height = picture.width, picture.height
        campaign.picture_alt = manuscript.picture_alt
    elif "picture" in manuscript.removed:
        _show_nothing(campaign)
    elif campaign.picture and manuscript.picture_alt:
        campaign.picture_alt = manuscript.picture_alt


def _show_nothing(campaign: Campaign) -> None:
    campaign.picture = campaign.picture_alt = campaign.picture_type = None
    campaign.picture_width = campaign.picture_height = None


async def _write(
    session: AsyncSession,
    campaign: Campaign,
    manuscript: Manuscript,
    *,
    language: str,
    title: str,
    now: datetime,
) -> None:
    await campaigns.put_text(
        session,
        campaign_id=campaign.id,
        language=language,
        title=title,
        markdown=manuscript.text,
        html=manuscript.html,
        now=now,
    )
    if campaign.state != "draft":
        # Whole seconds travel, and an edit that is no newer than the last is taken for a refresh of counts.
        last = campaign.edited_at or campaign.published_at or now
        campaign.edited_at = max(now, last.replace(microsecond=0) + timedelta(seconds=1))
    await session.flush()

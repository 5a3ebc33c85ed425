"""What an organisation does with its campaigns: each verb is one change, with all that it makes us say."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import keyring
from fedicause.campaigning import inscribe
from fedicause.campaigning.manuscript import Manuscript
from fedicause.campaigning.pictures import Picture
from fedicause.fediverse import describe, tell
from fedicause.fields import NotNow, Unusable
from fedicause.seal import Seal
from fedicause.urls import Urls
from storage import campaigns, elsewhere, local_actors, mailings, updates
from storage.models import Campaign, Update


class Impossible(NotNow):
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


class ChangedMeanwhile(Impossible):
    """Somebody else has changed it since its writer began."""


class _Any:
    """Whatever there is: for those who don't look at it before they change it."""


ANY: Final = _Any()
Seen = datetime | _Any | None


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
    inscribe.check_times(manuscript, None, now)
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
    inscribe.aim(campaign, manuscript)
    inscribe.ask(campaign, manuscript)
    inscribe.show(campaign, manuscript, picture)
    inscribe.touch(campaign, now)
    await inscribe.write(session, campaign, manuscript, language=campaign.language, title=title, now=now)
    return campaign


async def publish(session: AsyncSession, *, urls: Urls, slug: str, now: datetime) -> Campaign:
    """Makes a draft public: its actor says the call, the organisation shares it. Raises Impossible."""
    campaign = await find(session, slug, lock=True)
    if campaign.state != "draft":
        raise AlreadyPublished(f"`{campaign.slug}` was published on {campaign.published_at:%-d %B %Y}")
    if campaign.ends_at is not None and campaign.ends_at <= now:
        raise Closed(f"The end of `{campaign.slug}` is over: give it another one with `campaign edit`")
    campaign.state = "published"
    campaign.published_at = now
    campaign.publish_at = None
    inscribe.touch(campaign, now)
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
    seen: Seen = ANY,
    now: datetime,
) -> Campaign:
    """Changes the call to what the file says, keeping what it leaves out. Raises Unusable, Impossible.

    `seen` is the `changed_at` of what its writer began with; ChangedMeanwhile when it is no longer that.
    """
    campaign = await find(session, slug, lock=True)
    check_seen(seen, campaign.changed_at)
    _same_slug(campaign, manuscript)
    inscribe.check_times(manuscript, campaign.ends_at, now)
    if manuscript.kind not in (None, campaign.kind) and campaign.state != "draft":
        raise Unusable(f"{manuscript.path}: `kind` of a published campaign stays {campaign.kind}")
    language = manuscript.language or campaign.language
    text = (await campaigns.texts(session, campaign.id)).get(language)
    if text is None:
        raise Untranslated(f"`{campaign.slug}` has no text in `{language}`: add it with `campaign translate`")
    actor = await tell.actor_of(session, campaign)
    before, seen_by_others = await describe.actor(session, urls, actor), await _seen(session, urls, campaign)
    edited_at = campaign.edited_at
    campaign.kind = manuscript.kind or campaign.kind
    campaign.topic = manuscript.topic or campaign.topic
    inscribe.aim(campaign, manuscript)
    campaign.ends_at = None if "ends" in manuscript.removed else manuscript.ends_at or campaign.ends_at
    inscribe.ask(campaign, manuscript)
    inscribe.show(campaign, manuscript, picture)
    inscribe.touch(campaign, now)
    await inscribe.write(
        session, campaign, manuscript, language=language, title=manuscript.title or text.title, now=now
    )
    if seen_by_others == await _seen(session, urls, campaign):
        campaign.edited_at = edited_at
    await tell.changed(session, urls, campaign, before, now)
    return campaign


async def translate(
    session: AsyncSession, *, urls: Urls, slug: str, manuscript: Manuscript, seen: Seen = ANY, now: datetime
) -> Campaign:
    """Adds the call in another language, or replaces it there. Raises Unusable, Impossible.

    `seen` is the `edited_at` of the translation that its writer began with, None if there was none.
    """
    campaign = await find(session, slug, lock=True)
    _same_slug(campaign, manuscript)
    manuscript.needs("language", "title")
    language, title = manuscript.language or "", manuscript.title or ""
    if language == campaign.language:
        raise Untranslated(f"`{campaign.slug}` was written in `{language}`: change it with `campaign edit`")
    text = (await campaigns.texts(session, campaign.id)).get(language)
    check_seen(seen, text.edited_at if text else None)
    before = await describe.actor(session, urls, await tell.actor_of(session, campaign))
    seen_by_others, edited_at = await _seen(session, urls, campaign), campaign.edited_at
    await inscribe.write(session, campaign, manuscript, language=language, title=title, now=now)
    if seen_by_others == await _seen(session, urls, campaign):
        campaign.edited_at = edited_at
    await tell.changed(session, urls, campaign, before, now)
    return campaign


async def untranslate(
    session: AsyncSession, *, urls: Urls, slug: str, language: str, now: datetime
) -> Campaign:
    """Takes the call away in a language that is not its own. Raises Impossible."""
    campaign = await find(session, slug, lock=True)
    if language == campaign.language:
        raise Untranslated(f"`{campaign.slug}` was written in `{language}`, which can't be taken away")
    if language not in await campaigns.texts(session, campaign.id):
        raise Untranslated(f"`{campaign.slug}` has no text in `{language}`")
    await campaigns.remove_text(session, campaign.id, language)
    await inscribe.mark_edited(session, campaign, now)
    await tell.changed(session, urls, campaign, None, now)
    return campaign


async def update(
    session: AsyncSession, *, urls: Urls, slug: str, manuscript: Manuscript, mail: bool = False, now: datetime
) -> Update:
    """Posts news of a campaign, open or closed. Raises Unusable, Impossible.

    `mail`, or the file's own: by letter too, to those who signed here and agreed to hear more (`mailing`).
    """
    campaign = await find(session, slug, lock=True)
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
    if mail or manuscript.mail:
        await mailings.start(session, news, now)
    return news


async def close(session: AsyncSession, *, urls: Urls, slug: str, now: datetime) -> Campaign:
    """Ends a campaign: nobody can endorse it any more, withdrawals are still honoured. Raises Impossible."""
    campaign = await find(session, slug, lock=True)
    if campaign.state == "draft":
        raise NotPublished(f"`{campaign.slug}` is a draft: there is nothing to close")
    if campaign.state == "closed":
        raise Closed(f"`{campaign.slug}` was closed on {campaign.closed_at:%-d %B %Y}")
    campaign.state = "closed"
    campaign.closed_at = now
    inscribe.touch(campaign, now)
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
    campaign = await find(session, slug, lock=True)
    actor = await tell.actor_of(session, campaign)
    if campaign.state != "draft":
        await tell.deleted(session, urls, campaign, actor, now)
    picture = campaign.picture
    campaign.state = "deleted"
    campaign.publish_at = None
    campaign.deleted_at = actor.deleted_at = now
    inscribe.show_nothing(campaign)
    await campaigns.remove_texts(session, campaign.id)
    await updates.remove(session, campaign.id)
    await elsewhere.forget(session, campaign.id)
    return picture


async def find(session: AsyncSession, slug: str, *, lock: bool = False) -> Campaign:
    """The campaign of this slug; raises Unknown, for a deleted one too.

    With `lock` nobody else changes it before the transaction ends.
    """
    campaign = await campaigns.by_slug(session, slug, lock=lock)
    if campaign is None:
        raise Unknown(f"There is no campaign `{slug}`")
    if campaign.state == "deleted":
        raise Unknown(f"The campaign `{campaign.slug}` was deleted on {campaign.deleted_at:%-d %B %Y}")
    return campaign


async def _seen(session: AsyncSession, urls: Urls, campaign: Campaign) -> dict[str, Any]:
    """The call as it is on other servers: who shared it there is told of no edit unless this changes."""
    note = await describe.note(session, urls, campaign)
    note.pop("updated", None)
    return note


def check_seen(seen: Seen, there: datetime | None) -> None:
    """Raises ChangedMeanwhile where what is there is not what was seen."""
    if not isinstance(seen, _Any) and seen != there:
        raise ChangedMeanwhile("Somebody else has changed this meanwhile")


def _same_slug(campaign: Campaign, manuscript: Manuscript) -> None:
    if manuscript.slug not in (None, campaign.slug):
        raise Unusable(f"{manuscript.path}: `slug` is {manuscript.slug}, but the campaign is {campaign.slug}")

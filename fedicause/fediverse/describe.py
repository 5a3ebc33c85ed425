"""What our actors and Notes look like to other servers, from the rows that they are kept in."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import documents
from fedicause import keyring
from fedicause.urls import Urls
from storage import campaigns, counts, local_actors
from storage.models import Campaign, CampaignText, LocalActor, Organisation, Update

# What a hashtag ends at, on most servers.
_NOT_OF_HASHTAGS = re.compile(r"[\W_]+")
_FIRST_PARAGRAPH = re.compile(r"<p>.*?</p>", re.DOTALL)


async def actor(session: AsyncSession, urls: Urls, local_actor: LocalActor) -> dict[str, Any]:
    """The document of an actor of ours: the instance, the organisation, or a campaign (a draft's too)."""
    multikeys = await keyring.proof_keys(session, local_actor, urls)
    if local_actor.kind == "instance":
        return _instance(urls, local_actor, multikeys)
    organisation, publisher = await local_actors.organisation(session)
    if local_actor.kind == "organisation":
        return _organisation(urls, local_actor, multikeys, organisation)
    campaign = await campaigns.by_actor(session, local_actor.id)
    if campaign is None:
        raise LookupError(f"the actor {local_actor.name} has no campaign")
    texts = await campaigns.texts(session, campaign.id)
    return _campaign(
        urls, local_actor, multikeys, campaign, texts, urls.actor(publisher.name, publisher.kind)
    )


async def note(
    session: AsyncSession,
    urls: Urls,
    campaign: Campaign,
    *,
    replies: Sequence[str] = (),
    replies_next: str | None = None,
) -> dict[str, Any]:
    """The call of a campaign that was published, in all its languages, with its counts as they are now.

    `replies` are the URIs of the first testimonies, `replies_next` the URL of the page with more of them.
    """
    texts = await campaigns.texts(session, campaign.id)
    counted = await counts.of(session, campaign.actor_id)
    author = urls.actor(campaign.slug)
    return documents.note(
        id=urls.note(campaign.slug),
        attributed_to=author,
        followers=f"{author}/followers",
        language=campaign.language,
        content={language: text.html for language, text in texts.items()},
        titles={language: text.title for language, text in texts.items()},
        published=campaign.published_at or campaign.created_at,
        updated=campaign.edited_at,
        pictures=_pictures(urls, campaign),
        hashtags=hashtags(urls, campaign),
        likes=counted.endorsements,
        shares=counted.shares,
        replies=replies,
        replies_next=replies_next,
    )


async def update_note(
    session: AsyncSession, urls: Urls, campaign: Campaign, update: Update
) -> dict[str, Any]:
    """News of a campaign: a later Note of its actor."""
    author = urls.actor(campaign.slug)
    return documents.note(
        id=urls.update(campaign.slug, update.number),
        attributed_to=author,
        followers=f"{author}/followers",
        language=update.language,
        content={update.language: update.html},
        titles={update.language: update.title},
        published=update.published_at,
        hashtags=hashtags(urls, campaign),
    )


def hashtags(urls: Urls, campaign: Campaign) -> dict[str, str]:
    """The campaign's topic as a hashtag ("old forests": OldForests) and its URL; none without a letter."""
    words = _NOT_OF_HASHTAGS.split(campaign.topic)
    name = "".join(word[:1].upper() + word[1:] for word in words)
    # A hashtag of digits alone is none anywhere.
    return {name: urls.topic(campaign.topic)} if name and not name.isdigit() else {}


def _instance(urls: Urls, local_actor: LocalActor, multikeys: Mapping[str, str]) -> dict[str, Any]:
    uri = urls.instance_actor
    return documents.actor(
        id=uri,
        type="Application",
        preferred_username=local_actor.name,
        name=local_actor.name,
        # Not the front page: that is the organisation's, and two actors of one URL confuse searches.
        url=uri,
        shared_inbox=urls.shared_inbox,
        published=local_actor.created_at,
        public_key_pem=local_actor.rsa_public,
        multikeys=multikeys,
    )


def _organisation(
    urls: Urls, local_actor: LocalActor, multikeys: Mapping[str, str], organisation: Organisation
) -> dict[str, Any]:
    return documents.actor(
        id=urls.actor(local_actor.name, local_actor.kind),
        type="Organization",
        preferred_username=local_actor.name,
        name=organisation.name,
        url=f"{urls.base}/",
        shared_inbox=urls.shared_inbox,
        published=local_actor.created_at,
        public_key_pem=local_actor.rsa_public,
        multikeys=multikeys,
        summary=f"<p>{escape(organisation.summary)}</p>" if organisation.summary else "",
        fields={"Web": _link(organisation.website or f"{urls.base}/")},
    )


def _campaign(  # noqa: PLR0917 - what it is made of
    urls: Urls,
    local_actor: LocalActor,
    multikeys: Mapping[str, str],
    campaign: Campaign,
    texts: dict[str, CampaignText],
    publisher: str,
) -> dict[str, Any]:
    uri = urls.actor(local_actor.name)
    call = texts.get(campaign.language)
    first = _FIRST_PARAGRAPH.search(call.html) if call else None
    pictures = _pictures(urls, campaign)
    return documents.actor(
        id=uri,
        type="Group",
        preferred_username=local_actor.name,
        name=call.title if call else campaign.slug,
        # Not the Note's: an actor that shares its URL with a Note confuses mentions.
        url=uri,
        shared_inbox=urls.shared_inbox,
        published=local_actor.created_at,
        public_key_pem=local_actor.rsa_public,
        multikeys=multikeys,
        summary=first[0] if first else "",
        image=pictures[0] if pictures else None,
        fields={"☆": _link(urls.note(campaign.slug))},
        attributed_to=publisher,
    )


def _pictures(urls: Urls, campaign: Campaign) -> list[documents.Picture]:
    if not campaign.picture or not campaign.picture_type:
        return []
    return [
        documents.Picture(
            url=urls.media(campaign.picture),
            media_type=campaign.picture_type,
            alt=campaign.picture_alt or "",
            width=campaign.picture_width,
            height=campaign.picture_height,
        )
    ]


def _link(url: str) -> str:
    """A link that shows where it leads, without the scheme."""
    shown = url.split("://", 1)[-1].rstrip("/")
    return f'<a href="{escape(url)}" rel="me">{escape(shown)}</a>'

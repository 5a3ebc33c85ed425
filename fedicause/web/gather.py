"""Reads from storage what each page shows."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from federation import content, vocabulary
from federation.vocabulary import Malformed
from fedicause import support
from fedicause.instance import Instance
from fedicause.web import art, views
from storage import campaigns, counts, local_actors, testimonies, updates
from storage.campaigns import Listed
from storage.models import Campaign, CampaignText, Organisation, Update
from storage.testimonies import Shown

FIRST: Final = 6
"""Campaigns of a topic on the front page."""
VOICES: Final = 24
_EXCERPT: Final = 170


class Missing(Exception):
    """There is no such page."""


class Gone(Exception):
    """There was such a page; the organisation deleted it."""


async def about(instance: Instance) -> views.About:
    async with instance.database.reading() as session:
        return views.About(await _site(session, instance), frozenset())


async def directory(instance: Instance) -> views.Directory:
    async with instance.database.reading() as session:
        site = await _site(session, instance)
        listed = await campaigns.published(session)
        cards = [_card(instance, each) for each in listed]
    topics = _by_topic(cards, FIRST)
    return views.Directory(
        site=site,
        topics=topics,
        campaigns=len(cards),
        endorsements=sum(card.progress.endorsements for card in cards),
        languages=_languages(cards),
    )


async def topic(instance: Instance, name: str) -> views.TopicPage:
    """All campaigns of a topic, however its case is written; raises Missing."""
    if "\0" in name:  # PostgreSQL takes none in a text
        raise Missing(name)
    async with instance.database.reading() as session:
        site = await _site(session, instance)
        cards = [_card(instance, each) for each in await campaigns.published(session, topic=name)]
        named = await campaigns.topics(session)
    if not cards:
        raise Missing(name)
    return views.TopicPage(
        site=site,
        topic=_by_topic(cards, len(cards))[0],
        others=[
            views.Topic(each.name, _topic_path(each.name), each.campaigns, ())
            for each in named
            if each.name.lower() != name.lower()
        ],
        languages=_languages(cards),
    )


async def campaign(instance: Instance, slug: str) -> views.CampaignPage:
    """Raises Missing (drafts too) and Gone."""
    async with instance.database.reading() as session:
        site = await _site(session, instance)
        found, card = await _public(session, instance, slug)
        news = await updates.of_campaign(session, found.id)
        voices = await testimonies.allowed(session, found.id, VOICES)
    return views.CampaignPage(
        site=site,
        card=card,
        address=instance.urls.note(found.slug),
        handle=f"{found.slug}@{site.host}",
        published_at=found.published_at or found.created_at,
        edited_at=_edited_later(found),
        ends_at=found.ends_at,
        closed_at=found.closed_at,
        news=[_news(card, each) for each in news],
        voices=[_voice(each) for each in voices],
        languages=_languages([card]),
    )


async def update(instance: Instance, slug: str, number: int) -> views.UpdatePage:
    """Raises Missing and Gone."""
    async with instance.database.reading() as session:
        site = await _site(session, instance)
        found, card = await _public(session, instance, slug)
        rows = await updates.of_campaign(session, found.id)
    news = {row.number: _news(card, row) for row in rows}
    if number not in news:
        raise Missing(slug)
    return views.UpdatePage(
        site=site,
        card=card,
        news=news[number],
        newer=news.get(number + 1),
        older=news.get(number - 1),
        address=instance.urls.update(found.slug, number),
        languages=_languages([card]),
    )


async def actor_page(instance: Instance, name: str) -> str:
    """The path of the page for the people who look at an actor of ours; raises Missing and Gone."""
    async with instance.database.reading() as session:
        actor = await local_actors.by_name(session, name)
        if actor is None:
            raise Missing(name)
        if actor.kind != "campaign":
            return "/about"
        _, card = await _public(session, instance, actor.name)
        return card.path


async def public_campaign(session: AsyncSession, slug: str) -> Campaign:
    """The campaign, if everybody may see it; raises Missing (drafts too) and Gone."""
    found = await campaigns.by_slug(session, slug)
    if found is None or found.state == "draft":
        raise Missing(slug)
    if found.state == "deleted":
        # Whoever never published it has nothing to miss.
        raise Gone(slug) if found.published_at else Missing(slug)
    return found


async def _public(session: AsyncSession, instance: Instance, slug: str) -> tuple[Campaign, views.Card]:
    found = await public_campaign(session, slug)
    texts = await campaigns.texts(session, found.id)
    numbers = await support.support(session, instance.urls, found)
    progress = views.Progress(
        total=numbers["total"],
        endorsements=numbers["endorsements"],
        signatures=numbers["signatures"],
        shares=numbers["shares"],
        subscriptions=(await counts.of(session, found.actor_id)).subscriptions,
        goal=found.goal,
    )
    return found, _describe(instance, found, texts, progress)


async def _site(session: AsyncSession, instance: Instance) -> views.Site:
    organisation, actor = await local_actors.organisation(session)
    return site_of(instance, organisation, actor.name)


def site_of(instance: Instance, organisation: Organisation, handle: str) -> views.Site:
    host = vocabulary.host_of(instance.urls.base)
    return views.Site(
        name=organisation.name,
        handle=f"{handle}@{host}",
        host=host,
        url=instance.urls.base,
        language=organisation.language,
        summary=organisation.summary,
        website=_website(organisation.website),
    )


def _website(address: str | None) -> str | None:
    """The address, if it is one that a link may lead to."""
    try:
        return address if address and vocabulary.host_of(address) else None
    except Malformed:
        return None


def _card(instance: Instance, listed: Listed) -> views.Card:
    progress = views.Progress(
        total=listed.counts.endorsements,
        endorsements=listed.counts.endorsements,
        signatures=0,
        shares=listed.counts.shares,
        subscriptions=listed.counts.subscriptions,
        goal=listed.campaign.goal,
    )
    return _describe(instance, listed.campaign, dict(listed.texts), progress)


def _describe(
    instance: Instance, campaign: Campaign, texts: dict[str, CampaignText], progress: views.Progress
) -> views.Card:
    left = campaign.ends_at - instance.now() if campaign.ends_at and campaign.state == "published" else None
    return views.Card(
        slug=campaign.slug,
        path=f"/campaigns/{quote(campaign.slug)}",
        kind=campaign.kind,
        topic=campaign.topic,
        topic_path=_topic_path(campaign.topic),
        language=campaign.language,
        texts={language: _words(text) for language, text in texts.items()},
        picture=_picture(campaign),
        progress=progress,
        closed=campaign.state == "closed",
        days_left=max(left.days, 0) if left else None,
    )


def _picture(campaign: Campaign) -> views.Picture:
    if not campaign.picture:
        return views.Picture(f"/art/{quote(campaign.slug)}.svg", "", art.WIDTH, art.HEIGHT, drawn=True)
    return views.Picture(
        url=f"/media/{quote(campaign.picture)}",
        alt=campaign.picture_alt or "",
        width=campaign.picture_width or art.WIDTH,
        height=campaign.picture_height or art.HEIGHT,
        drawn=False,
    )


def _edited_later(campaign: Campaign) -> datetime | None:
    """The day of the last change, unless that is the day it began: the page gives dates, not times."""
    published, edited = campaign.published_at, campaign.edited_at
    return edited if edited and published and edited.date() > published.date() else None


def _topic_path(name: str) -> str:
    return f"/topics/{quote(name, safe='')}"


def _by_topic(cards: Sequence[views.Card], first: int) -> list[views.Topic]:
    """The topics, the one with the most campaigns first, each with its first ones."""
    grouped: dict[str, list[views.Card]] = {}
    for card in cards:
        grouped.setdefault(card.topic.lower(), []).append(card)
    ordered = sorted(grouped.values(), key=lambda group: (-len(group), group[0].topic.lower()))
    return [
        views.Topic(group[0].topic, group[0].topic_path, len(group), tuple(group[:first]))
        for group in ordered
    ]


def _languages(cards: Sequence[views.Card]) -> frozenset[str]:
    return frozenset(language for card in cards for language in card.texts)


def _words(text: CampaignText | Update) -> views.Words:
    html, excerpt = _clean(text.html)
    return views.Words(text.language, text.title, html, excerpt)


def _news(card: views.Card, row: Update) -> views.News:
    return views.News(row.number, f"{card.path}/updates/{row.number}", _words(row), row.published_at)


def _voice(shown: Shown) -> views.Voice:
    html, _ = _clean(shown.html)
    user = shown.author_handle.lstrip("@").partition("@")[0]
    return views.Voice(
        name=shown.author_name.strip()[:80] or user,
        handle=f"{user}@{shown.author_host}",
        url=shown.url,
        html=html,
        published_at=shown.published_at,
    )


@lru_cache(maxsize=256)
def _clean(html: str) -> tuple[Markup, str]:
    """HTML that may stand on a page, whoever stored it, and its beginning as text."""
    text = " ".join(content.plain(html).split())
    if len(text) > _EXCERPT:
        text = text[:_EXCERPT].rsplit(" ", 1)[0].rstrip(",;:–—- ") + "…"
    return Markup(content.clean(html)), text  # noqa: S704

"""News for feed readers, as Atom (RFC 4287): of everything here, and of one campaign."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from aiohttp import web
from msgspec import Struct

from fedicause.instance import Instance
from fedicause.web import assets, cached, cards, gather, render, served
from fedicause.web.cached import Rendered
from fedicause.web.keys import INSTANCE, SHELF
from storage import campaigns, local_actors, updates
from storage.models import Campaign, CampaignText, Update

FIRST: Final = 40
"""Entries of a feed: the newest ones."""
_HEADERS: Final = {
    "Content-Type": "application/atom+xml; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    # Opened in a browser it may run nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=60, stale-while-revalidate=600",
    "Vary": "Accept-Encoding",
}
# What XML 1.0 has no way to write (2.2).
_UNSPEAKABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

routes = web.RouteTableDef()


class Entry(Struct, frozen=True):
    """A call or an update: `address` names it and leads to it; `html` was sanitised."""

    address: str
    language: str
    title: str
    html: str
    topic: str
    published_at: datetime
    updated_at: datetime


class Feed(Struct, frozen=True):
    """`address` is its own, `page` what it is about, `home` its author's page."""

    address: str
    page: str
    home: str
    icon: str
    title: str
    subtitle: str
    author: str
    updated_at: datetime
    entries: Sequence[Entry]


@routes.get("/feed.atom")
async def everything(request: web.Request) -> web.Response:
    """Our campaigns and their news, the newest first."""
    return await _answer(request, "/feed.atom", _everything)


@routes.get("/campaigns/{slug}/feed.atom")
async def campaign(request: web.Request) -> web.Response:
    """One campaign of ours: its call, and its news."""
    slug = served.name_of(request, "slug")
    return await _answer(request, f"/campaigns/{slug}/feed.atom", lambda instance: _campaign(instance, slug))


async def _answer(
    request: web.Request, path: str, read: Callable[[Instance], Awaitable[Feed]]
) -> web.Response:
    shelf = request.app[SHELF]
    shown = await shelf.look(path, lambda: read(request.app[INSTANCE]))
    return cached.answer(
        request,
        shelf.rendered(
            shown,
            None,
            lambda feed: Rendered(render.document("embed/feed.xml", feed=feed).encode(), _HEADERS),
        ),
    )


async def _everything(instance: Instance) -> Feed:
    async with instance.database.reading() as session:
        organisation, actor = await local_actors.organisation(session)
        listed = await campaigns.published(session)
        news = await updates.newest(session, FIRST)
    by_id = {each.campaign.id: each.campaign for each in listed}
    entries = [_call(instance, each.campaign, each.text()) for each in listed]
    entries += [_news(instance, by_id[row.campaign_id], row) for row in news if row.campaign_id in by_id]
    return _feed(
        instance,
        "/feed.atom",
        "/",
        organisation.name,
        title=organisation.name,
        subtitle=organisation.summary,
        began_at=actor.created_at,
        entries=entries,
    )


async def _campaign(instance: Instance, slug: str) -> Feed:
    """Raises gather.Missing and gather.Gone."""
    async with instance.database.reading() as session:
        found = await gather.public_campaign(session, slug)
        organisation, _ = await local_actors.organisation(session)
        texts = await campaigns.texts(session, found.id)
        news = await updates.of_campaign(session, found.id)
    text = texts[found.language]
    return _feed(
        instance,
        f"/campaigns/{found.slug}/feed.atom",
        f"/campaigns/{found.slug}",
        organisation.name,
        title=text.title,
        subtitle="",
        began_at=found.created_at,
        entries=[_call(instance, found, text), *(_news(instance, found, row) for row in news)],
    )


def _feed(
    instance: Instance,
    path: str,
    page: str,
    author: str,
    *,
    title: str,
    subtitle: str,
    began_at: datetime,
    entries: Iterable[Entry],
) -> Feed:
    base = instance.urls.base
    newest = sorted(entries, key=lambda entry: (entry.published_at, entry.address), reverse=True)[:FIRST]
    return Feed(
        address=base + path,
        page=base + page,
        home=f"{base}/",
        icon=base + assets.static("icon.png"),
        title=_speakable(title),
        subtitle=_speakable(subtitle),
        author=_speakable(author),
        updated_at=max((entry.updated_at for entry in newest), default=began_at),
        entries=newest,
    )


def _call(instance: Instance, campaign: Campaign, text: CampaignText) -> Entry:
    published_at = campaign.published_at or campaign.created_at
    return Entry(
        address=instance.urls.note(campaign.slug),
        language=text.language,
        title=_speakable(text.title),
        html=_speakable(str(cards.words(text).html)),
        topic=_speakable(campaign.topic),
        published_at=published_at,
        updated_at=max(published_at, text.edited_at),
    )


def _news(instance: Instance, campaign: Campaign, row: Update) -> Entry:
    return Entry(
        address=instance.urls.update(campaign.slug, row.number),
        language=row.language,
        title=_speakable(row.title),
        html=_speakable(str(cards.words(row).html)),
        topic=_speakable(campaign.topic),
        published_at=row.published_at,
        updated_at=row.published_at,
    )


def _speakable(text: str) -> str:
    return _UNSPEAKABLE.sub("", text)

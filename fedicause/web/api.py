"""The public API: campaigns and their counts as JSON, for anybody."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from federation import vocabulary
from fedicause import support
from fedicause.instance import Instance
from fedicause.urls import Urls
from fedicause.web import cached, gather, headers, served
from fedicause.web.cached import Rendered
from fedicause.web.keys import INSTANCE, SHELF
from storage import campaigns, local_actors, updates
from storage.models import Campaign, CampaignText, Organisation, Update

# Nothing stale: an accepted ☆ shows within two seconds, through a cache before us too.
_HEADERS: Final = {
    **headers.JSON,
    "Cache-Control": "public, max-age=1, must-revalidate",
    "Vary": "Accept-Encoding",
}

routes = web.RouteTableDef()


@routes.get("/api/campaigns")
async def listing(request: web.Request) -> web.Response:
    """Every campaign that everybody may see: the open ones first."""
    return await _answer(request, "/api/campaigns", _listing)


@routes.get("/api/campaigns/{slug}")
async def campaign(request: web.Request) -> web.Response:
    slug = served.name_of(request, "slug")
    return await _answer(request, ("/api/campaigns", slug), lambda instance: _campaign(instance, slug))


@routes.get("/api/campaigns/{slug}/support")
async def count(request: web.Request) -> web.Response:
    slug = served.name_of(request, "slug")
    return await _answer(request, ("/api/support", slug), lambda instance: _support(instance, slug))


async def _answer(
    request: web.Request, key: object, read: Callable[[Instance], Awaitable[dict[str, Any]]]
) -> web.Response:
    shelf = request.app[SHELF]
    shown = await shelf.look(key, lambda: read(request.app[INSTANCE]))
    return cached.answer(request, shelf.rendered(shown, None, _rendered))


def _rendered(document: dict[str, Any]) -> Rendered:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Rendered(body, _HEADERS)


async def _listing(instance: Instance) -> dict[str, Any]:
    async with instance.database.reading() as session:
        organisation, actor = await local_actors.organisation(session)
        listed = await campaigns.published(session)
    return {
        "organisation": _organisation(instance.urls, organisation, actor.name),
        "campaigns": [
            _summary(instance.urls, each.campaign, each.texts[each.campaign.language])
            | {"support": support.document(instance.urls, each.campaign, each.counts, organisation)}
            for each in listed
        ],
    }


async def _campaign(instance: Instance, slug: str) -> dict[str, Any]:
    urls = instance.urls
    async with instance.database.reading() as session:
        found = await gather.public_campaign(session, slug)
        organisation, actor = await local_actors.organisation(session)
        texts = await campaigns.texts(session, found.id)
        news = await updates.of_campaign(session, found.id)
        counted = await support.support(session, urls, found)
    return _summary(urls, found, texts[found.language]) | {
        "organisation": _organisation(urls, organisation, actor.name),
        "texts": {
            language: {"title": text.title, "html": text.html, "edited": vocabulary.timestamp(text.edited_at)}
            for language, text in texts.items()
        },
        "updates": [_update(urls, found, each) for each in news],
        "support": counted,
    }


async def _support(instance: Instance, slug: str) -> dict[str, Any]:
    async with instance.database.reading() as session:
        found = await gather.public_campaign(session, slug)
        return await support.support(session, instance.urls, found)


def _organisation(urls: Urls, organisation: Organisation, handle: str) -> dict[str, Any]:
    return {
        "name": organisation.name,
        "handle": f"@{handle}@{vocabulary.host_of(urls.base)}",
        "actor": urls.actor(handle),
        "website": organisation.website,
    }


def _summary(urls: Urls, campaign: Campaign, text: CampaignText) -> dict[str, Any]:
    """A campaign in short; its title is the one in its own language."""
    picture = None
    if campaign.picture:
        picture = {
            "url": urls.media(campaign.picture),
            "alt": campaign.picture_alt or "",
            "type": campaign.picture_type,
            "width": campaign.picture_width,
            "height": campaign.picture_height,
        }
    return {
        "slug": campaign.slug,
        "url": urls.note(campaign.slug),
        "actor": urls.actor(campaign.slug),
        "handle": f"@{campaign.slug}@{vocabulary.host_of(urls.base)}",
        "title": text.title,
        "kind": campaign.kind,
        "topic": campaign.topic,
        "state": "closed" if campaign.state == "closed" else "open",
        "language": campaign.language,
        "goal": campaign.goal,
        "picture": picture,
        "published": _time(campaign.published_at),
        "edited": _time(campaign.edited_at),
        "ends": _time(campaign.ends_at),
        "closed": _time(campaign.closed_at),
    }


def _update(urls: Urls, campaign: Campaign, update: Update) -> dict[str, Any]:
    return {
        "number": update.number,
        "url": urls.update(campaign.slug, update.number),
        "language": update.language,
        "title": update.title,
        "html": update.html,
        "published": _time(update.published_at),
    }


def _time(at: Any) -> str | None:
    return vocabulary.timestamp(at) if at else None

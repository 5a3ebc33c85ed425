"""The public API: campaigns and their counts as JSON, for anybody."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from federation import vocabulary
from fedicause import support
from fedicause.instance import Instance
from fedicause.urls import Urls
from fedicause.web import cached, gather, headers, served
from fedicause.web.cached import Rendered
from fedicause.web.keys import INSTANCE, SHELF
from storage import campaigns, foreign, local_actors, updates
from storage.coalition_models import ForeignCampaign, ForeignText
from storage.models import Campaign, CampaignText, Organisation, Update

_HEADERS: Final = {
    **headers.JSON,
    "Cache-Control": "public, max-age=1, stale-while-revalidate=5",
    "Vary": "Accept-Encoding",
}
# Nothing stale: an accepted ☆ shows within two seconds, through a cache before us too.
_COUNT: Final = {**_HEADERS, "Cache-Control": "public, max-age=1, must-revalidate"}

_DESCRIPTION: Final = Path(__file__).with_name("openapi.json")

routes = web.RouteTableDef()


@routes.get("/api/campaigns")
async def listing(request: web.Request) -> web.Response:
    """Every campaign that everybody may see: the open ones first."""
    return await _answer(request, "/api/campaigns", _listing)


@routes.get("/api/openapi.json")
async def described(request: web.Request) -> web.Response:
    """What of all this others may rely on, as OpenAPI 3.1; written by hand, and checked by the tests."""
    return cached.answer(request, _description())


@cache
def _description() -> Rendered:
    return Rendered(_DESCRIPTION.read_bytes(), _HEADERS)


@routes.get("/api/campaigns/{slug}@{origin}")
async def hosted(request: web.Request) -> web.Response:
    """A campaign of another instance, as far as it told us."""
    slug, origin = served.address_of(request)
    key = ("/api/campaigns", slug, origin)
    return await _answer(request, key, lambda instance: _hosted(instance, slug, origin))


@routes.get("/api/campaigns/{slug}@{origin}/support")
async def hosted_count(request: web.Request) -> web.Response:
    slug, origin = served.address_of(request)
    key = ("/api/support", slug, origin)
    return await _answer(request, key, lambda instance: _hosted_support(instance, slug, origin), _COUNT)


@routes.get("/api/campaigns/{slug}")
async def campaign(request: web.Request) -> web.Response:
    slug = served.name_of(request, "slug")
    return await _answer(request, ("/api/campaigns", slug), lambda instance: _campaign(instance, slug))


@routes.get("/api/campaigns/{slug}/support")
async def count(request: web.Request) -> web.Response:
    slug = served.name_of(request, "slug")
    return await _answer(request, ("/api/support", slug), lambda instance: _support(instance, slug), _COUNT)


async def _answer(
    request: web.Request,
    key: object,
    read: Callable[[Instance], Awaitable[dict[str, Any]]],
    sent: Mapping[str, str] = _HEADERS,
) -> web.Response:
    shelf = request.app[SHELF]
    shown = await shelf.look(key, lambda: read(request.app[INSTANCE]))
    return cached.answer(request, shelf.rendered(shown, None, lambda document: _rendered(document, sent)))


def _rendered(document: dict[str, Any], sent: Mapping[str, str]) -> Rendered:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Rendered(body, sent)


async def _listing(instance: Instance) -> dict[str, Any]:
    urls, now = instance.urls, instance.now()
    async with instance.database.reading() as session:
        organisation, actor = await local_actors.organisation(session)
        own = await campaigns.published(session)
        others = await foreign.listed(session)
        counted = await support.of_campaigns(session, urls, [each.campaign for each in own], now)
        heard = await support.of_foreigns(session, urls, [each.campaign for each in others], now)
    described = _organisation(urls, organisation, actor.name)
    listed = [
        _own(urls, each.campaign, each.text(), described) | {"support": counted[each.campaign.id]}
        for each in own
    ] + [_foreign(urls, each.campaign, each.text()) | {"support": heard[each.campaign.id]} for each in others]
    return {
        "organisation": described,
        "campaigns": sorted(listed, key=lambda each: bool(each["state"] == "closed")),
    }


async def _campaign(instance: Instance, slug: str) -> dict[str, Any]:
    urls = instance.urls
    async with instance.database.reading() as session:
        found = await gather.public_campaign(session, slug)
        organisation, actor = await local_actors.organisation(session)
        texts = await campaigns.texts(session, found.id)
        news = await updates.of_campaign(session, found.id)
        counted = await support.of_campaign(session, urls, found, instance.now())
    return _own(urls, found, texts[found.language], _organisation(urls, organisation, actor.name)) | {
        "texts": {
            language: {"title": text.title, "html": text.html, "edited": vocabulary.timestamp(text.edited_at)}
            for language, text in texts.items()
        },
        "updates": [_update(urls, found, each) for each in news],
        "support": counted,
    }


async def _hosted(instance: Instance, slug: str, origin: str) -> dict[str, Any]:
    async with instance.database.reading() as session:
        found = await gather.public_foreign(session, slug, origin)
        counted = await support.of_foreign(session, instance.urls, found.campaign, instance.now())
    return _foreign(instance.urls, found.campaign, found.text()) | {
        "texts": {
            language: {"title": text.title, "html": text.html, "edited": _time(found.campaign.edited_at)}
            for language, text in found.texts.items()
        },
        "updates": [],
        "support": counted,
    }


async def _support(instance: Instance, slug: str) -> dict[str, Any]:
    async with instance.database.reading() as session:
        found = await gather.public_campaign(session, slug)
        return await support.of_campaign(session, instance.urls, found, instance.now())


async def _hosted_support(instance: Instance, slug: str, origin: str) -> dict[str, Any]:
    async with instance.database.reading() as session:
        found = await gather.public_foreign(session, slug, origin)
        return await support.of_foreign(session, instance.urls, found.campaign, instance.now())


def _organisation(urls: Urls, organisation: Organisation, handle: str) -> dict[str, Any]:
    return {
        "name": organisation.name,
        "handle": f"@{handle}@{vocabulary.host_of(urls.base)}",
        "actor": urls.actor(handle),
        "website": organisation.website,
    }


def _own(urls: Urls, campaign: Campaign, text: CampaignText, organisation: dict[str, Any]) -> dict[str, Any]:
    """A campaign of ours in short; its title is the one in its own language."""
    address, origin = urls.note(campaign.slug), vocabulary.host_of(urls.base)
    return {
        "slug": campaign.slug,
        "origin": origin,
        "organisation": organisation,
        "url": address,
        "page": address,
        "actor": urls.actor(campaign.slug),
        "handle": f"@{campaign.slug}@{origin}",
        "title": text.title,
        **_described(urls, campaign),
        "outcome": campaign.outcome,
    }


def _foreign(urls: Urls, campaign: ForeignCampaign, text: ForeignText) -> dict[str, Any]:
    """A campaign of another instance likewise: `url` is the call over there, `page` ours."""
    return {
        "slug": campaign.slug,
        "origin": campaign.origin,
        "organisation": {"name": campaign.organisation_name, "actor": campaign.organisation_uri},
        "url": campaign.note_uri,
        "page": urls.hosted(campaign.slug, campaign.origin),
        "actor": campaign.actor_uri,
        "handle": f"@{campaign.slug}@{campaign.origin}",
        "title": text.title,
        **_described(urls, campaign),
        # Its origin tells its partners that it is closed, and no more.
        "outcome": None,
    }


def _described(urls: Urls, campaign: Campaign | ForeignCampaign) -> dict[str, Any]:
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
        "kind": campaign.kind,
        "topic": campaign.topic,
        "state": "closed" if campaign.state == "closed" else "open",
        "language": campaign.language,
        "goal": campaign.goal,
        "thresholds": campaign.thresholds,
        "registered": f"{campaign.registered_at:%Y-%m-%d}" if campaign.registered_at else None,
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

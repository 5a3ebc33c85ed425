"""What everybody may look at: the directory, campaigns, their updates, and who runs this."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aiohttp import web

from fedicause.web import (
    cached,
    directory,
    fediverse,
    gather,
    headers,
    negotiate,
    render,
    rolls,
    served,
    translations,
    views,
)
from fedicause.web.cached import Rendered, Shelf
from fedicause.web.keys import INSTANCE, SHELF
from fedicause.web.translations import Choice

# A second here and a second in the cache before us: a ☆ shows within two, where it is looked at all the time.
CACHE_CONTROL: Final = "public, max-age=1, stale-while-revalidate=5"
VARY: Final = "Accept, Accept-Language, Accept-Encoding"

_Page = (
    views.About
    | views.Directory
    | views.TopicPage
    | views.CampaignPage
    | views.UpdatePage
    | rolls.NamesPage
    | rolls.DebatePage
    | rolls.RecipientsPage
)
P = TypeVar("P", views.About, views.Directory, views.TopicPage, views.CampaignPage, views.UpdatePage)

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    return await _show(request, "home.html", "/", lambda: directory.front(request.app[INSTANCE]))


@routes.get("/about")
async def about(request: web.Request) -> web.Response:
    return await _show(request, "about.html", "/about", lambda: gather.about(request.app[INSTANCE]))


@routes.get("/topics/{topic}")
async def topic(request: web.Request) -> web.Response:
    name = request.match_info["topic"]
    return await _show(
        request,
        "topic.html",
        f"/topics/{quote(name, safe='')}",
        lambda: directory.topic(request.app[INSTANCE], name),
    )


@routes.get("/campaigns")
@routes.get("/topics")
async def front(request: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently("/")


@routes.get("/campaigns/{slug}@{origin}")
async def hosted(request: web.Request) -> web.StreamResponse:
    """Our page of a campaign of another instance; servers are sent to its Note there."""
    slug, origin = served.address_of(request)
    if origin == request.app[INSTANCE].settings.host:
        raise web.HTTPMovedPermanently(f"/campaigns/{slug}")
    shown = await look_at_hosted(request, slug, origin)
    if negotiate.wants_activity(request):
        raise web.HTTPFound(shown.view.address, headers={"Vary": served.VARY})
    if (slug, origin) != (request.match_info["slug"], request.match_info["origin"]):
        raise web.HTTPMovedPermanently(shown.view.card.path)
    return cached.answer(request, _rendered(request, "campaign.html", shown.view.card.path, shown))


@routes.get("/campaigns/{slug}")
async def campaign(request: web.Request) -> web.StreamResponse:
    """The page of a campaign, or its Note."""
    if negotiate.wants_activity(request):
        return await fediverse.note(request)
    slug = served.name_of(request, "slug")
    if slug != request.match_info["slug"]:
        raise web.HTTPMovedPermanently(f"/campaigns/{slug}")
    shown = await look_at_campaign(request, slug)
    return cached.answer(request, _rendered(request, "campaign.html", f"/campaigns/{slug}", shown))


@routes.get(r"/campaigns/{slug}/updates/{number:[1-9]\d{0,8}}")
async def update(request: web.Request) -> web.StreamResponse:
    """The page of an update, or its Note."""
    if negotiate.wants_activity(request):
        return await fediverse.update_note(request)
    slug, number = served.name_of(request, "slug"), int(request.match_info["number"])
    return await _show(
        request,
        "update.html",
        f"/campaigns/{slug}/updates/{number}",
        lambda: gather.update(request.app[INSTANCE], slug, number),
    )


async def actor_page(request: web.Request) -> web.Response:
    """Where people go who open the address of an actor of ours: 303 to its page."""
    path = await gather.actor_page(request.app[INSTANCE], request.match_info["name"])
    return web.Response(
        status=303, headers={"Location": path, "Vary": VARY, "Cache-Control": "public, max-age=300"}
    )


async def look_at_campaign(request: web.Request, slug: str) -> cached.Shown[views.CampaignPage]:
    """What the campaign's page shows; raises gather.Missing and gather.Gone."""
    return await request.app[SHELF].look(
        ("campaign", slug), lambda: gather.campaign(request.app[INSTANCE], slug)
    )


async def look_at_hosted(request: web.Request, slug: str, origin: str) -> cached.Shown[views.CampaignPage]:
    """The same of a campaign of the instance at `origin`."""
    return await request.app[SHELF].look(
        ("hosted", slug, origin), lambda: gather.hosted(request.app[INSTANCE], slug, origin)
    )


async def _show(
    request: web.Request, template: str, path: str, read: Callable[[], Awaitable[P]]
) -> web.Response:
    shown = await request.app[SHELF].look((template, path), read)
    return cached.answer(request, _rendered(request, template, path, shown))


def _rendered(request: web.Request, template: str, path: str, shown: cached.Shown[P]) -> Rendered:
    """The page in the reader's language, from the shelf or onto it."""
    choice = choose(request, shown.view)
    shelf: Shelf = request.app[SHELF]
    return shelf.rendered(
        shown,
        choice,
        lambda view: Rendered(
            render.page(
                template, choice, view=view, site=view.site, path=path, attempt=None, signing=None
            ).encode(),
            page_headers(request, choice, view),
        ),
    )


def choose(request: web.Request, view: _Page) -> Choice:
    """The reader's languages: of those wanted, no more than the page has, so that few renderings do."""
    lang = request.query.get("lang") if request.query_string else None
    choice = translations.choose(lang, request.headers.get("Accept-Language"), view.site.language)
    return translations.narrow(choice, view.languages)


def page_headers(request: web.Request, choice: Choice, view: _Page) -> dict[str, str]:
    """The headers of a page for everybody."""
    sent = {
        **headers.page(dev=request.app[INSTANCE].settings.dev),
        "Content-Language": choice.language,
        "Vary": VARY,
        "Cache-Control": CACHE_CONTROL,
    }
    address: Any = getattr(view, "address", None)
    if address is not None:
        sent["Link"] = f'<{address}>; rel="alternate"; type="application/activity+json"'
    return sent

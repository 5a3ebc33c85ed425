"""Campaigns on other people's sites: a frame, a badge, the code for both, and oEmbed that finds them."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from aiohttp import web

from fedicause.web import (
    badge,
    cached,
    figures,
    gather,
    headers,
    poster,
    public,
    render,
    served,
    translations,
)
from fedicause.web.cached import Rendered, Shown
from fedicause.web.keys import INSTANCE, SHELF
from fedicause.web.translations import Choice
from fedicause.web.views import CampaignPage

WIDTH: Final = 480
HEIGHT: Final = 360
"""Pixels of a frame that nobody measured."""
_LEAST_WIDTH: Final = 240
_THEMES: Final = ("light", "dark")
_BRIEFLY: Final = "public, max-age=5, stale-while-revalidate=60"
_A_MINUTE: Final = "public, max-age=60, stale-while-revalidate=600"

# Anybody may frame it: it has no form, sets no cookie, and its links open pages that nobody may frame.
FRAME: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors *"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Sites that are isolated themselves frame nothing without these two.
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Language, Accept-Encoding",
}

routes = web.RouteTableDef()


@routes.get("/embed/{address}")
async def frame(request: web.Request) -> web.Response:
    """A campaign for an iframe: `?lang=`, `?theme=light|dark`, `?picture=no`."""
    try:
        shown = await look(request, request.match_info["address"])
    except (gather.Missing, gather.Gone) as absent:
        return await _nothing(request, 410 if isinstance(absent, gather.Gone) else 404)
    choice = public.choose(request, shown.view)
    theme = _theme(request)
    with_picture = request.query.get("picture") != "no"
    return cached.answer(
        request,
        request.app[SHELF].rendered(
            shown,
            ("frame", choice, theme, with_picture),
            lambda view: Rendered(
                render.page(
                    "embed/frame.html",
                    choice,
                    view=view,
                    site=view.site,
                    theme=theme,
                    with_picture=with_picture,
                ).encode(),
                {
                    **FRAME,
                    "Content-Language": choice.language,
                    "Cache-Control": _BRIEFLY,
                    "Link": f'<{view.site.url}{view.card.path}>; rel="canonical"',
                },
            ),
        ),
    )


@routes.get("/campaigns/{address}/badge.svg")
async def counter(request: web.Request) -> web.Response:
    """The count as a small picture, exact: `?lang=`."""
    shown = await look(request, request.match_info["address"])
    choice = choose(request.query, shown.view)
    return cached.answer(
        request,
        request.app[SHELF].rendered(
            shown,
            ("badge", choice),
            lambda view: Rendered(
                _badge(view, choice),
                {
                    **headers.FILE,
                    "Content-Type": "image/svg+xml",
                    "Cache-Control": _A_MINUTE,
                    "Vary": "Accept-Encoding",
                },
            ),
        ),
    )


@routes.get("/campaigns/{address}/embed")
async def code(request: web.Request) -> web.Response:
    """How to show the campaign elsewhere: what to copy, and how it looks."""
    shown = await look(request, request.match_info["address"])
    choice = public.choose(request, shown.view)
    return cached.answer(
        request,
        request.app[SHELF].rendered(
            shown,
            ("code", choice),
            lambda view: Rendered(
                render.page(
                    "embed/code.html",
                    choice,
                    view=view,
                    site=view.site,
                    path=f"{view.card.path}/embed",
                    width=WIDTH,
                    height=HEIGHT,
                ).encode(),
                public.page_headers(request, choice, view)
                | {
                    "Content-Security-Policy": headers.content_security_policy(
                        dev=request.app[INSTANCE].settings.dev
                    )
                    + "; frame-src 'self'"
                },
            ),
        ),
    )


@routes.get("/oembed")
async def oembed(request: web.Request) -> web.Response:
    """What to show for one of our campaigns' addresses (oembed.com, 2.3); raises gather.Missing."""
    if request.query.get("format", "json") != "json":
        raise web.HTTPNotImplemented
    base = request.app[INSTANCE].urls.base
    asked = request.query.get("url", "")
    address, query = _campaign_at(asked, base)
    shown = await look(request, address)
    choice = choose(query, shown.view)
    width = _within(request.query.get("maxwidth"), WIDTH)
    height = _within(request.query.get("maxheight"), HEIGHT)
    document = _described(shown.view, choice, width, height)
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return cached.answer(request, Rendered(body, {**headers.JSON, "Cache-Control": _A_MINUTE}))


async def look(request: web.Request, address: str) -> Shown[CampaignPage]:
    """What the page of `slug` or `slug@origin` shows; raises gather.Missing and gather.Gone."""
    slug, origin = served.split_address(address)
    if origin is None or origin == request.app[INSTANCE].settings.host:
        return await public.look_at_campaign(request, slug)
    return await public.look_at_hosted(request, slug, origin)


def choose(query: Mapping[str, str], view: CampaignPage) -> Choice:
    """The language that `lang` names, else the campaign's: what is shown elsewhere is the same for all."""
    own = view.card.language if view.card.language in translations.LANGUAGES else view.site.language
    return translations.narrow(translations.choose(query.get("lang"), None, own), view.languages)


def _badge(view: CampaignPage, choice: Choice) -> bytes:
    progress = view.card.progress
    number = translations.number(choice.language, progress.total) if progress.is_known else ""
    words = (
        figures.noun(choice.language, progress) if number else figures.kind(choice.language, view.card.kind)
    )
    return badge.svg(number, words, title=view.card.words(choice.wanted).title)


async def _nothing(request: web.Request, status: int) -> web.Response:
    """A frame that says so: an error page of ours would not show there."""
    shown = await request.app[SHELF].look("site", lambda: gather.about(request.app[INSTANCE]))
    choice = public.choose(request, shown.view)
    html = render.page(
        "embed/nothing.html", choice, site=shown.view.site, theme=_theme(request), status=status
    )
    return web.Response(
        status=status, body=html.encode(), headers={**FRAME, "Cache-Control": "public, max-age=60"}
    )


def _theme(request: web.Request) -> str:
    asked = request.query.get("theme")
    return asked if asked in _THEMES else ""


def _campaign_at(url: str, base: str) -> tuple[str, Mapping[str, str]]:
    """The `slug` or `slug@origin` and the query of a campaign's address; raises gather.Missing."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise gather.Missing(url) from error
    home = urlsplit(base)
    path = parts.path.removeprefix(home.path).rstrip("/")
    kind, slash, address = path.lstrip("/").partition("/")
    same = (parts.netloc.lower(), parts.scheme in {"http", "https"}) == (home.netloc.lower(), True)
    if not same or kind not in {"campaigns", "embed"} or not slash or "/" in address:
        raise gather.Missing(url)
    query = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=20).items()}
    return unquote(address), query


def _within(most: str | None, usual: int) -> int:
    """The usual size, or less if the asker has less room."""
    return min(usual, max(int(most), 1)) if most and most.isascii() and most.isdigit() else usual


def _described(view: CampaignPage, choice: Choice, width: int, height: int) -> dict[str, Any]:
    card, site = view.card, view.site
    title = card.words(choice.wanted).title
    suffix = f"?lang={choice.asked}" if choice.asked else ""
    described: dict[str, Any] = {
        "version": "1.0",
        "type": "rich",
        "title": title,
        "author_name": card.runner.name,
        "author_url": card.runner.url,
        "provider_name": site.name,
        "provider_url": f"{site.url}/",
        "cache_age": 3600,
        "width": width,
        "height": height,
        "html": render.page(
            "embed/iframe.html",
            choice,
            address=f"{site.url}/embed/{quote(card.key, safe='@:')}{suffix}",
            title=title,
            width=width,
            height=height,
        ).strip(),
    }
    if width >= _LEAST_WIDTH:
        described |= {
            "thumbnail_url": f"{site.url}{card.path}/card.png{suffix}",
            "thumbnail_width": poster.WIDTH,
            "thumbnail_height": poster.HEIGHT,
        }
    return described

"""Somebody signs: the form, and what everybody sees who has sent it."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from multidict import MultiMapping

from federation import sketches
from fedicause.group_commit import Overloaded
from fedicause.meter import TooMany
from fedicause.signing.clerk import Clerk
from fedicause.signing.pledge import Wish
from fedicause.web import (
    cached,
    forms,
    gather,
    guard,
    headers,
    network,
    posted,
    public,
    render,
    served,
    translations,
)
from fedicause.web.cached import Rendered, Shown
from fedicause.web.forms import Written
from fedicause.web.guard import TooSoon, Unproven
from fedicause.web.kept import KEPT
from fedicause.web.keys import INSTANCE, SHELF
from fedicause.web.translations import Choice
from fedicause.web.views import CampaignPage, Signing, Site

MOST_BYTES: Final = 64 * 1024
COME_AGAIN: Final = 30
"""Seconds, when there is more than can be taken."""

Sent = MultiMapping[object]

routes = web.RouteTableDef()


async def clerk(app: web.Application) -> Clerk:
    """Who takes the forms."""
    return await app[KEPT].opened(Clerk, lambda: Clerk(app[INSTANCE]))


@routes.get("/campaigns/{address}/challenge")
async def challenge(request: web.Request) -> web.Response:
    """Work for the script of the form."""
    made = guard.at(request.app).challenge(_path(*address_of(request)))
    return web.Response(body=served.json_bytes(made), headers={**headers.JSON, "Cache-Control": "no-store"})


@routes.get("/campaigns/{address}/signatures")
async def back(request: web.Request) -> web.Response:
    """Whoever loads again what was sent as a form."""
    raise web.HTTPSeeOther(_path(*address_of(request)))


@routes.post("/campaigns/{address}/signatures")
async def sign(request: web.Request) -> web.Response:
    """303 to one page for every address, known or not; else the form again, with what is wrong."""
    sent = await read_form(request)
    slug, origin = address_of(request)
    view = (await look(request, slug, origin)).view
    choice = _choose(request, view, str(sent.get("lang", "")))
    if view.form is None:
        raise web.HTTPSeeOther(_with_language(view.card.path, choice))
    written = forms.read(sent, view.form)
    if written.problems:
        return _form_again(request, view, choice, written)
    try:
        proof = await proof_of(guard.at(request.app), sent, view.card.path)
    except TooSoon:
        return _ask_once_more(request, view, choice, written, str(sent.get("stamp", "")))
    except Unproven:
        return _ask_once_more(request, view, choice, written)
    instance = request.app[INSTANCE]
    source = network.network_of(request)
    domain = sketches.canonical(written.values["mail"]).rpartition("@")[2]
    try:
        limits = guard.at(request.app).limits(source, domain, by_hand=proof.by_hand)
        hashed = instance.seal.blind("network", source.encode()) if source else None
        via = written.via or _via_of_page(request)
        given = written.given(view.form, choice.language, hashed, via=via)
        wish = Wish(slug, origin, given, proof.fingerprint, proof.until, limits)
        outcome = await (await clerk(request.app)).ask(wish)
    except TooMany as error:
        guard.at(request.app).refused(error)
        return _form_again(request, view, choice, written, fault="slow", seconds=error.seconds)
    except Overloaded:
        return _form_again(request, view, choice, written, fault="slow", seconds=COME_AGAIN)
    if outcome == "used":
        return _ask_once_more(request, view, choice, written)
    page = f"{view.card.path}/signatures/sent" if outcome == "taken" else view.card.path
    return see_other(_with_language(page, choice))


@routes.get("/campaigns/{address}/signatures/sent")
async def sent(request: web.Request) -> web.Response:
    """What everybody sees who has sent the form."""
    shown = await look(request, *address_of(request))
    choice = public.choose(request, shown.view)
    path = f"{shown.view.card.path}/signatures/sent"

    def show(view: CampaignPage) -> Rendered:
        html = render.page("sent.html", choice, view=view, site=view.site, path=path, attempt=None)
        more = {"X-Robots-Tag": "noindex"}
        return Rendered(html.encode(), {**public.page_headers(request, choice, view), **more})

    return cached.answer(request, request.app[SHELF].rendered(shown, ("sent", choice), show))


async def leaf(
    request: web.Request, template: str, status: int = 200, *, path: str | None = None, **values: object
) -> web.Response:
    """A page with one thing to do, for one reader; `path` is its own where that is not the request's."""
    site, choice = await reader(request)
    html = render.page(template, choice, site=site, path=path or request.path, **values)
    return private(request, choice, html, status)


async def reader(request: web.Request) -> tuple[Site, Choice]:
    """Our organisation, and in which language somebody reads what has no other words than ours."""
    site = (await request.app[SHELF].look("site", lambda: gather.about(request.app[INSTANCE]))).view.site
    choice = translations.choose(
        request.query.get("lang"), request.headers.get("Accept-Language"), site.language
    )
    return site, translations.narrow(choice, frozenset())


async def read_form(request: web.Request) -> Sent:
    """The form that was sent, if it was from here."""
    if not guard.is_from_here(request):
        raise web.HTTPForbidden
    if request.content_type != posted.FORM and request.can_read_body:
        raise web.HTTPUnsupportedMediaType
    return await posted.read(request, MOST_BYTES)


async def proof_of(keeper: guard.Guard, sent: Sent, path: str) -> guard.Proof:
    """The work that a form at this path came with, or its stamp; raises Unproven, TooSoon."""
    solved, stamp = str(sent.get("altcha", "")), str(sent.get("stamp", ""))
    return await keeper.proven(solved, path) if solved else keeper.stamped(stamp, path)


def address_of(request: web.Request) -> tuple[str, str | None]:
    """The slug, and the origin unless that is here."""
    slug, origin = served.split_address(request.match_info["address"])
    return slug, None if origin == request.app[INSTANCE].settings.host else origin


def _path(slug: str, origin: str | None) -> str:
    return f"/campaigns/{slug}" + (f"@{origin}" if origin else "")


async def look(request: web.Request, slug: str, origin: str | None) -> Shown[CampaignPage]:
    if origin is None:
        return await public.look_at_campaign(request, slug)
    return await public.look_at_hosted(request, slug, origin)


def _choose(request: web.Request, view: CampaignPage, lang: str) -> Choice:
    """The language of the page that was filled in: its form says it."""
    choice = translations.choose(lang or None, request.headers.get("Accept-Language"), view.site.language)
    return translations.narrow(choice, view.languages)


def _via_of_page(request: web.Request) -> str:
    """The link by which somebody came to the page with the form, as the browser says."""
    page = urlsplit(request.headers.get("Referer", ""))
    return forms.link_token(parse_qs(page.query).get("via", [""])[0])


def _form_again(
    request: web.Request,
    view: CampaignPage,
    choice: Choice,
    written: Written,
    *,
    fault: str = "",
    seconds: int = 0,
) -> web.Response:
    """The campaign's page with the form as it was filled in."""
    signing = Signing(
        written.values, written.problems, written.ticked, written.via or _via_of_page(request), fault
    )
    html = render.page(
        "campaign.html",
        choice,
        view=view,
        site=view.site,
        path=view.card.path,
        attempt=None,
        signing=signing,
    )
    answer = private(request, choice, html, 429 if fault else 422)
    if fault:
        answer.headers["Retry-After"] = str(seconds)
    return answer


def _ask_once_more(
    request: web.Request, view: CampaignPage, choice: Choice, written: Written, stamp: str | None = None
) -> web.Response:
    """A page with one button, for browsers without a script. `stamp` is one that came back too soon."""
    html = render.page(
        "again.html",
        choice,
        view=view,
        site=view.site,
        path=view.card.path,
        written=written,
        via=written.via or _via_of_page(request),
        stamp=stamp or guard.at(request.app).stamp(view.card.path),
        too_soon=stamp is not None,
    )
    return private(request, choice, html, 200)


def private(request: web.Request, choice: Choice, html: str, status: int) -> web.Response:
    """A page for one reader: no cache keeps it, no search engine lists it, nobody else hears its address."""
    sent = {
        **headers.page(dev=request.app[INSTANCE].settings.dev),
        "Content-Language": choice.language,
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
        # Not `no-referrer`: browsers then say nothing of where a form comes from.
        "Referrer-Policy": "same-origin",
    }
    return web.Response(body=html.encode(), status=status, headers=sent)


def see_other(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def _with_language(path: str, choice: Choice) -> str:
    return f"{path}?lang={choice.asked}" if choice.asked else path

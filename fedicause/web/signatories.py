"""Who signed and wants to be seen, and what the fediverse answers: long lists, a page at a time."""

from typing import Final, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.instance import Instance
from fedicause.people import signatories
from fedicause.signing import targets
from fedicause.web import cached, forms, gather, headers, kinds, public, render, sign
from fedicause.web.cached import Rendered, Shown
from fedicause.web.keys import INSTANCE, SHELF
from fedicause.web.rolls import DebatePage, NamesPage, RecipientsPage
from fedicause.web.views import CampaignPage
from storage import campaigns, coalitions, debates, foreign
from storage import signatories as stored
from storage import targets as stored_targets
from storage.coalition_models import Coalition
from storage.pages import Asked

NAMES: Final = 200
THREADS: Final = 20
ORDERS: Final = ("newest", "oldest")
_MOST_DIGITS: Final = 18
# A logo's address changes with it; one that is taken down is asked for again.
_LOGO_CACHED: Final = "public, max-age=300"

P = TypeVar("P", NamesPage, DebatePage)

routes = web.RouteTableDef()


@routes.get("/campaigns/{address}/signatories")
async def names(request: web.Request) -> web.Response:
    """Those who show their names or initials, the newest first."""
    slug, origin = sign.address_of(request)
    asked = _asked(request)
    page = await sign.look(request, slug, origin)
    shown = await request.app[SHELF].look(
        ("signatories", slug, origin, asked),
        lambda: _names(request.app[INSTANCE], page.view, slug, origin, asked),
    )
    return _answer(request, shown, "signatories.html", f"{page.view.card.path}/signatories")


@routes.get("/campaigns/{address}/debate")
async def debate(request: web.Request) -> web.Response:
    """What was answered to the call, as moderators allowed it; `?sort=oldest` begins with the first."""
    slug, origin = sign.address_of(request)
    if origin is not None:
        raise gather.Missing(slug)
    order = request.query.get("sort", ORDERS[0])
    if order not in ORDERS:
        raise gather.Missing(order)
    asked = _asked(request)
    page = await sign.look(request, slug, None)
    shown = await request.app[SHELF].look(
        ("debate", slug, order, asked), lambda: _debate(request.app[INSTANCE], page.view, slug, order, asked)
    )
    return _answer(request, shown, "debate.html", f"{page.view.card.path}/debate")


@routes.get(r"/campaigns/{address}/organisations/{cosigner:[1-9]\d{0,17}}/logo")
async def picture(request: web.Request) -> web.Response:
    """The logo of an organisation that signs, while it does."""
    slug, origin = sign.address_of(request)
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        coalition = await _coalition(session, slug, origin)
        found = await stored.logo(session, coalition.id, int(request.match_info["cosigner"]))
    if found is None:
        raise gather.Missing("logo")
    data, media_type = found
    sent = {**headers.FILE, "Content-Type": media_type, "Cache-Control": _LOGO_CACHED}
    return web.Response(body=data, headers=sent)


@routes.get("/campaigns/{address}/recipients")
async def recipients(request: web.Request) -> web.Response:
    """Who gets the letter of somebody in this country, with this postal code."""
    slug, origin = sign.address_of(request)
    page = (await sign.look(request, slug, origin)).view
    if origin is not None or not page.special.recipients:
        raise gather.Missing(slug)
    shown = await request.app[SHELF].look(
        ("recipients", slug), lambda: _recipients(request.app[INSTANCE], page, slug)
    )
    choice = public.choose(request, shown.view)
    country, code = request.query.get("country", ""), request.query.get("postcode", "")
    country = country if forms.is_country(country) else ""
    found = targets.responsible(shown.view.every, country, code) if country else []
    html = render.page(
        "recipients.html",
        choice,
        view=shown.view,
        site=shown.view.site,
        path=f"{page.card.path}/recipients",
        found=found,
        country=country,
        postcode=code[:_MOST_DIGITS],
    )
    return web.Response(body=html.encode(), headers=public.page_headers(request, choice, shown.view))


async def _recipients(instance: Instance, page: CampaignPage, slug: str) -> RecipientsPage:
    async with instance.database.reading() as session:
        campaign = await gather.public_campaign(session, slug)
        found = await stored_targets.every(session, campaign.id)
    return RecipientsPage(
        site=page.site,
        card=page.card,
        every=tuple(kinds.recipient(each) for each in found),
        by_postcode=any(each.postcodes for each in found),
        languages=page.languages,
    )


async def _coalition(session: AsyncSession, slug: str, origin: str | None) -> Coalition:
    """The coalition of a campaign that everybody may see; raises gather.Missing and gather.Gone."""
    if origin is None:
        found = await coalitions.of_campaign(session, (await gather.public_campaign(session, slug)).id)
    else:
        theirs = (await gather.public_foreign(session, slug, origin)).campaign
        found = await coalitions.of_foreign(session, theirs.id)
    if found is None:
        raise gather.Missing(slug)
    return found


async def _names(
    instance: Instance, page: CampaignPage, slug: str, origin: str | None, asked: Asked
) -> NamesPage:
    async with instance.database.reading() as session:
        if origin is None:
            campaign = await campaigns.by_slug(session, slug)
            coalition = await coalitions.of_campaign(session, campaign.id) if campaign else None
        else:
            theirs = await foreign.by_address(session, slug, origin)
            coalition = await coalitions.of_foreign(session, theirs.id) if theirs else None
        found = None
        if coalition is not None:
            found = await signatories.names(session, instance.seal, coalition.id, asked, NAMES)
    is_first = asked == Asked() or found is None or found.newer is None
    return NamesPage(
        site=page.site,
        card=page.card,
        organisations=page.special.organisations if is_first else (),
        names=tuple(found.items) if found else (),
        older=found.older if found else None,
        newer=found.newer if found else None,
        is_first=is_first,
        languages=page.languages,
    )


async def _debate(instance: Instance, page: CampaignPage, slug: str, order: str, asked: Asked) -> DebatePage:
    is_oldest = order == "oldest"
    if is_oldest and asked == Asked():
        asked = Asked(after=0)
    async with instance.database.reading() as session:
        campaign = await gather.public_campaign(session, slug)
        found = await debates.openings(session, campaign.id, asked, THREADS)
        threads = await kinds.threaded(session, campaign.id, found.items)
    older = f"?sort={order}&before={found.older}" if found.older is not None else ""
    newer = f"?sort={order}&after={found.newer}" if found.newer is not None else ""
    if is_oldest and asked.after == 0:
        older = ""
    return DebatePage(
        site=page.site,
        card=page.card,
        threads=threads[::-1] if is_oldest else threads,
        order=order,
        next=newer if is_oldest else older,
        back=older if is_oldest else newer,
        address=page.address,
        languages=page.languages,
    )


def _asked(request: web.Request) -> Asked:
    """The page that is asked for; raises gather.Missing for what can be none."""
    for name in ("before", "after"):
        value = request.query.get(name)
        if value is not None:
            if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
                raise gather.Missing(name)
            return Asked(**{name: int(value)})
    return Asked()


def _answer(request: web.Request, shown: Shown[P], template: str, path: str) -> web.Response:
    choice = public.choose(request, shown.view)

    def show(view: P) -> Rendered:
        html = render.page(template, choice, view=view, site=view.site, path=path)
        return Rendered(html.encode(), public.page_headers(request, choice, view))

    return cached.answer(request, request.app[SHELF].rendered(shown, choice, show))

"""From a handle to the post on that person's own server, where the ☆ is."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import web

from federation import discovery
from federation.remote import Budget, Gone, Missing, RemoteError
from federation.vocabulary import Malformed
from fedicause import meter
from fedicause.instance import Instance
from fedicause.meter import Full, TooMany
from fedicause.web import headers, public, render, served, transactions, views
from fedicause.web.kept import KEPT
from fedicause.web.keys import INSTANCE

SECONDS: Final = 8.0
"""For which somebody waits for their own server to answer."""
REMEMBERED: Final = 600.0
AT_ONCE: Final = 16
A_MINUTE: Final = 120
"""Questions to one host: enough when a campaign is everywhere, too few to make us a weapon against it."""
_ENTRIES: Final = 4096
_LONGEST: Final = 300
# Past our own server, a redirect or two.
_REQUESTS: Final = 6

routes = web.RouteTableDef()


class Busy(Exception):
    """Too many are asking, all in all or about this host."""


class Doors:
    """Where people's own servers open a post: asked once for each handle, sparingly of each host."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._known: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._full = Full()

    async def find(self, instance: Instance, handle: discovery.Handle, note: str) -> str:
        """The address to go to; raises Busy, RemoteError, TimeoutError."""
        key = (handle.acct.lower(), note)
        until, address = self._known.get(key, (0.0, ""))
        if until > self._clock():
            return address
        if self._room.locked():
            raise Busy
        await self._count(instance, handle.host)
        async with self._room, asyncio.timeout(SECONDS):
            budget = Budget(_REQUESTS)
            address = await discovery.endorse_url(instance.remote, handle, note, budget=budget)
        self._known[key] = (self._clock() + REMEMBERED, address)
        while len(self._known) > _ENTRIES:
            self._known.popitem(last=False)
        return address

    async def _count(self, instance: Instance, host: str) -> None:
        """Counts a question; raises Busy. Other processes ask the same hosts, and count with us."""
        limits = [meter.limit(instance.seal, f"door {host}", A_MINUTE * 60, A_MINUTE)]
        try:
            self._full.check(limits, instance.now())
            await transactions.change(instance, lambda session, here: meter.pay(session, limits, here.now))
        except TooMany as full:
            self._full.remember(full, instance.now())
            raise Busy from None


@routes.get("/campaigns/{slug}@{origin}/endorse")
async def endorse_hosted(request: web.Request) -> web.Response:
    """The same for a campaign of another instance: the post is the one over there."""
    shown = await public.look_at_hosted(request, *served.address_of(request))
    return await _lead(request, shown.view)


@routes.get("/campaigns/{slug}/endorse")
async def endorse(request: web.Request) -> web.Response:
    """303 to the post on the server of `handle`; else the page, which says what to do about it."""
    shown = await public.look_at_campaign(request, served.name_of(request, "slug"))
    return await _lead(request, shown.view)


async def _lead(request: web.Request, view: views.CampaignPage) -> web.Response:
    instance = request.app[INSTANCE]
    written = request.query.get("handle", "").strip()[:_LONGEST]
    if view.card.closed or not written:
        lang = request.query.get("lang", "")
        suffix = f"?lang={lang}" if lang in view.languages else ""
        raise web.HTTPSeeOther(f"{view.card.path}{suffix}#endorse")
    try:
        handle = discovery.parse_handle(written)
        if handle.host == view.site.host:
            return _again(request, view, written, "ours")
        address = await request.app[KEPT].one(Doors, Doors).find(instance, handle, view.address)
    except Malformed:
        return _again(request, view, written, "unreadable")
    except (Missing, Gone):
        return _again(request, view, written, "unknown")
    except (RemoteError, TimeoutError):
        return _again(request, view, written, "unreachable")
    except Busy:
        return _again(request, view, written, "busy", status=429)
    return web.Response(
        status=303,
        headers={"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )


def _again(
    request: web.Request, view: views.CampaignPage, written: str, problem: str, *, status: int = 422
) -> web.Response:
    """The campaign's page with the handle still in its field. It is one reader's: no cache keeps it."""
    choice = public.choose(request, view)
    html = render.page(
        "campaign.html",
        choice,
        view=view,
        site=view.site,
        path=view.card.path,
        attempt=views.Attempt(written, problem),
        signing=None,
    )
    sent = {
        **headers.page(dev=request.app[INSTANCE].settings.dev),
        "Content-Language": choice.language,
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }
    if status == 429:
        sent["Retry-After"] = "10"
    return web.Response(body=html.encode(), status=status, headers=sent)

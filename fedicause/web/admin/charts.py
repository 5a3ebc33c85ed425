"""How a campaign does, for the staff: what everybody may see, and where support came from."""

from typing import Final

from aiohttp import web
from msgspec import Struct

from fedicause.web import charts, served
from fedicause.web.admin import campaign_head, frame
from fedicause.web.admin.campaign_head import Head
from fedicause.web.charts import ChartsPage
from fedicause.web.keys import INSTANCE
from storage import campaigns, coalitions, foreign, sources

# Of few accounts on a server somebody could tell whose they are, as with countries.
_FOLDED_BELOW: Final = 10
_SERVERS: Final = 12

routes = web.RouteTableDef()


class Sources(Struct, frozen=True):
    """Where support came from; `servers` are those with at least ten endorsements."""

    page: int
    links: sources.Links
    endorsements: int
    partners: int
    servers: list[tuple[str, int]]
    other_servers: int


@routes.get("/admin/campaigns/{address}/charts")
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    slug, origin = served.split_address(request.match_info["address"])
    instance = request.app[INSTANCE]
    head = await head_of(request)
    if head is not None and head.public is None:
        return await nothing_yet(request, head, "charts")
    view = await charts.look(instance, slug, origin)
    return await frame.render_admin(
        request,
        "admin/charts.html",
        view=view,
        head=head,
        address=request.match_info["address"],
        sources=await _sources(request, view, slug, origin),
    )


async def head_of(request: web.Request) -> Head | None:
    """What stands above the pages of a campaign of ours; None for another's, and for a deleted one."""
    address = request.match_info["address"]
    async with request.app[INSTANCE].database.reading() as session:
        found = await campaigns.by_slug(session, address[:100]) if "@" not in address else None
        if found is None or found.state == "deleted":
            return None
        return campaign_head.head(request, found, await campaigns.texts(session, found.id))


async def nothing_yet(request: web.Request, head: Head, tab: str) -> web.Response:
    """The page of a campaign that nobody can sign yet, or has signed."""
    return await frame.render_admin(request, "admin/nothing_yet.html", head=head, tab=tab)


async def _sources(request: web.Request, view: ChartsPage, slug: str, origin: str | None) -> Sources:
    instance = request.app[INSTANCE]
    progress = view.page.card.progress
    async with instance.database.reading() as session:
        ours = None
        if origin is None or origin == instance.settings.host:
            ours = await campaigns.by_slug(session, slug)
            coalition = await coalitions.of_campaign(session, ours.id) if ours else None
        else:
            theirs = await foreign.by_address(session, slug, origin)
            coalition = await coalitions.of_foreign(session, theirs.id) if theirs else None
        collected = await sources.own(session, coalition.id) if coalition else 0
        links = await sources.links(session, coalition.id) if coalition else sources.Links(0, 0)
        servers = await sources.servers(session, ours.actor_id, _SERVERS) if ours else []
    named = [(name, number) for name, number in servers if number >= _FOLDED_BELOW]
    # Some of those who came by a link have withdrawn since.
    by_link = sources.Links(links.used, min(links.signatures, collected))
    return Sources(
        page=collected - by_link.signatures,
        links=by_link,
        endorsements=progress.endorsements,
        partners=max(progress.signatures - collected, 0),
        servers=named,
        other_servers=progress.endorsements - sum(number for _, number in named) if ours else 0,
    )

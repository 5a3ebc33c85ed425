"""What was handed over, for whoever wants to check it: checksums, and the key that signed them."""

import json
from typing import Any

from aiohttp import web
from msgspec import Struct

from federation import handovers as documents
from federation.handovers import Handover
from fedicause.campaigning import handover
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.web import gather, headers, reports, served, views
from fedicause.web.keys import INSTANCE
from storage import handovers

routes = web.RouteTableDef()


class HandoversPage(Struct, frozen=True):
    """All handovers of a campaign, the newest first, each with its signed document."""

    site: views.Site
    title: str
    page: str
    listed: list[tuple[Handover, dict[str, Any]]]
    key_id: str
    key: str
    languages: frozenset[str]

    @property
    def path(self) -> str:
        return f"{self.page}/handovers"


@routes.get("/campaigns/{address}/handovers")
async def show(request: web.Request) -> web.Response:
    """A page for people who were given such files."""
    slug, origin = served.split_address(request.match_info["address"])
    instance = request.app[INSTANCE]
    return await reports.answer(
        request, "handovers.html", (slug, origin), lambda: _look(instance, slug, origin)
    )


@routes.get(r"/campaigns/{address}/handovers/{number:[1-9]\d{0,8}}")
async def document(request: web.Request) -> web.Response:
    """The signed document, to the byte as it went with the files."""
    instance = request.app[INSTANCE]
    slug, origin = served.split_address(request.match_info["address"])
    async with instance.database.reading() as session:
        matter = await handover.find(session, Here.at(instance), slug, origin)
        found = (
            await handovers.one(session, matter.coalition_id, int(request.match_info["number"]))
            if matter
            else None
        )
    if found is None:
        raise gather.Missing(slug)
    return web.Response(
        body=found.document.encode(), headers={**headers.JSON, "Cache-Control": "public, max-age=3600"}
    )


async def _look(instance: Instance, slug: str, origin: str | None) -> HandoversPage:
    async with instance.database.reading() as session:
        site = await gather.site_of(session, instance)
        matter = await handover.find(session, Here.at(instance), slug, origin)
        if matter is None:
            raise gather.Missing(slug)
        rows = await handovers.every(session, matter.coalition_id)
    read = [json.loads(row.document) for row in rows]
    return HandoversPage(
        site=site,
        title=matter.title(site.language),
        page=matter.page.removeprefix(site.url),
        listed=[(documents.read(each), each) for each in read],
        key_id=matter.key_id,
        key=matter.key,
        languages=frozenset(),
    )

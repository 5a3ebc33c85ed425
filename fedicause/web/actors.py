"""What other servers read about our actors and their collections: instance, organisation, campaigns."""

import json
from typing import Any, Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from federation import documents
from fedicause.fediverse import describe
from fedicause.web import fediverse, gather, negotiate, paging, public, served
from fedicause.web.keys import INSTANCE
from storage import counts, listings, local_actors
from storage.models import LocalActor

FEATURED: Final = 40
"""Calls that the organisation features at most: others fetch each of them."""
_FORMER: Final = "OrderedCollection"

routes = web.RouteTableDef()


@routes.get("/actor")
async def instance_actor(request: web.Request) -> web.Response:
    """The actor of the server itself, for anybody without a signature: whoever checks ours needs its key."""
    if negotiate.wants_page(request):
        return web.Response(status=303, headers={"Location": "/about", "Vary": public.VARY})

    async def read(session: AsyncSession) -> dict[str, Any]:
        return await describe.actor(session, request.app[INSTANCE].urls, await local_actors.instance(session))

    return await served.answer(request, read, was="Application")


@routes.get("/actor/{collection:outbox|followers|following}")
async def instance_collection(request: web.Request) -> web.Response:
    """Empty: the server itself says nothing to everybody, follows nobody, and can't be found."""
    uri = f"{request.app[INSTANCE].urls.instance_actor}/{request.match_info['collection']}"

    async def read(_: AsyncSession) -> dict[str, Any]:
        return documents.collection(id=uri, total=0, items=())

    return await served.answer(request, read, was=_FORMER)


@routes.get("/actors/{name}")
async def actor(request: web.Request) -> web.Response:
    """The organisation or a campaign; people go on to its page, whatever is no browser gets the document."""
    name = served.name_of(request, "name")
    if negotiate.wants_page(request):
        return await public.actor_page(request)

    async def read(session: AsyncSession) -> dict[str, Any]:
        return await describe.actor(session, request.app[INSTANCE].urls, await public_actor(session, name))

    return await served.answer(request, read, was="Group")


@routes.get("/actors/{name}/outbox")
async def outbox(request: web.Request) -> web.Response:
    """What the actor said to everybody, the newest first."""
    urls, name = request.app[INSTANCE].urls, served.name_of(request, "name")
    page = paging.page_of(request)
    cut = page or paging.Page()

    async def read(session: AsyncSession) -> dict[str, Any]:
        found = await public_actor(session, name)
        listed = await listings.said(
            session, found.id, limit=paging.PER_PAGE, before=cut.before, after=cut.after
        )
        items = [await fediverse.as_now(session, urls, json.loads(each)) for each in listed.items]
        return paging.document(f"{urls.actor(found.name)}/outbox", page, listed, items, ordered=True)

    return await served.answer(request, read, was=_FORMER, page=page)


@routes.get("/actors/{name}/followers")
async def followers(request: web.Request) -> web.Response:
    """How many; never who."""
    urls, name = request.app[INSTANCE].urls, served.name_of(request, "name")

    async def read(session: AsyncSession) -> dict[str, Any]:
        found = await public_actor(session, name)
        total = (await counts.of(session, found.id)).subscriptions
        return documents.collection(id=f"{urls.actor(found.name)}/followers", total=total)

    return await served.answer(request, read, was=_FORMER)


@routes.get("/actors/{name}/following")
async def following(request: web.Request) -> web.Response:
    """Empty: our actors follow nobody."""
    urls, name = request.app[INSTANCE].urls, served.name_of(request, "name")

    async def read(session: AsyncSession) -> dict[str, Any]:
        found = await public_actor(session, name)
        return documents.collection(id=f"{urls.actor(found.name)}/following", total=0, items=())

    return await served.answer(request, read, was=_FORMER)


@routes.get("/actors/{name}/featured")
async def featured(request: web.Request) -> web.Response:
    """The URIs of a campaign's call, or of the calls that can be endorsed here."""
    urls, name = request.app[INSTANCE].urls, served.name_of(request, "name")

    async def read(session: AsyncSession) -> dict[str, Any]:
        found = await public_actor(session, name)
        is_campaign = found.kind == "campaign"
        slugs = [found.name] if is_campaign else await listings.open_slugs(session, FEATURED)
        return documents.collection(
            id=f"{urls.actor(found.name)}/featured",
            total=len(slugs),
            items=[urls.note(slug) for slug in slugs],
        )

    return await served.answer(request, read, was=_FORMER)


async def public_actor(session: AsyncSession, name: str) -> LocalActor:
    """The organisation or campaign of this name, if others may see it; raises gather.Missing, gather.Gone."""
    found = await local_actors.by_name(session, name)
    if found is None or found.kind == "instance":
        raise gather.Missing(name)
    if found.kind == "campaign":
        await gather.public_campaign(session, found.name)
    return found

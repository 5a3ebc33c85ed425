"""What other servers read about campaigns: the Notes with their collections, and what our actors said."""

import json
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from federation import documents, vocabulary
from fedicause.fediverse import describe
from fedicause.urls import Urls
from fedicause.web import gather, paging, served
from fedicause.web.keys import INSTANCE
from storage import activities, campaigns, counts, listings, updates

routes = web.RouteTableDef()


async def note(request: web.Request) -> web.Response:
    """The call of a campaign, for `public` at the address of its page."""
    urls, slug = request.app[INSTANCE].urls, served.name_of(request, "slug")

    async def read(session: AsyncSession) -> dict[str, Any]:
        campaign = await gather.public_campaign(session, slug)
        listed = await listings.replies(session, campaign.id, limit=paging.PER_PAGE)
        return await describe.note(
            session,
            urls,
            campaign,
            replies=listed.items,
            replies_next=paging.older(f"{urls.note(slug)}/replies", listed),
        )

    return await served.answer(request, read, was="Note")


async def update_note(request: web.Request) -> web.Response:
    """News of a campaign, for `public` at the address of its page."""
    urls, slug = request.app[INSTANCE].urls, served.name_of(request, "slug")
    number = int(request.match_info["number"])

    async def read(session: AsyncSession) -> dict[str, Any]:
        campaign = await gather.public_campaign(session, slug)
        update = await updates.by_number(session, campaign.id, number)
        if update is None:
            raise gather.Missing(request.path)
        return await describe.update_note(session, urls, campaign, update)

    return await served.answer(request, read, was="Note")


@routes.get("/campaigns/{slug}/{kind:likes|shares}")
async def counted(request: web.Request) -> web.Response:
    """How many; never who: a ☆ carries no consent to be named."""
    urls, slug = request.app[INSTANCE].urls, served.name_of(request, "slug")
    kind = request.match_info["kind"]

    async def read(session: AsyncSession) -> dict[str, Any]:
        campaign = await gather.public_campaign(session, slug)
        numbers = await counts.of(session, campaign.actor_id)
        total = numbers.endorsements if kind == "likes" else numbers.shares
        return documents.collection(id=f"{urls.note(slug)}/{kind}", total=total, ordered=False)

    return await served.answer(request, read, was="Collection")


@routes.get("/campaigns/{slug}/replies")
async def replies(request: web.Request) -> web.Response:
    """The testimonies that a moderator allowed, by their URIs: their text stays with their authors."""
    urls, slug = request.app[INSTANCE].urls, served.name_of(request, "slug")
    page = paging.page_of(request)
    cut = page or paging.Page()

    async def read(session: AsyncSession) -> dict[str, Any]:
        campaign = await gather.public_campaign(session, slug)
        listed = await listings.replies(
            session, campaign.id, limit=paging.PER_PAGE, before=cut.before, after=cut.after
        )
        return paging.document(f"{urls.note(slug)}/replies", page, listed, listed.items, ordered=False)

    return await served.answer(request, read, was="Collection", page=page)


@routes.get("/activities/{token:[A-Za-z0-9_-]{1,64}}")
async def activity(request: web.Request) -> web.Response:
    """What an actor of ours said to everybody; answers to single people are theirs alone."""
    urls = request.app[INSTANCE].urls
    uri = urls.activity(request.match_info["token"])

    async def read(session: AsyncSession) -> dict[str, Any]:
        found = await activities.by_uri(session, uri)
        if found is None or not found.listed:
            raise gather.Missing(uri)
        return await as_now(session, urls, json.loads(found.document))

    return await served.answer(request, read, was="Activity")


async def as_now(session: AsyncSession, urls: Urls, said: dict[str, Any]) -> dict[str, Any]:
    """An activity as it would be said today: who reads the Create of a call gets the call as last edited."""
    slug = urls.slug_of_note(vocabulary.id_of(said.get("object")) or "")
    if slug is None or said["type"] != "Create":
        return said
    campaign = await campaigns.by_slug(session, slug)
    if campaign is None or campaign.state not in campaigns.PUBLIC_STATES:
        return said
    return said | {"object": documents.embedded(await describe.note(session, urls, campaign))}

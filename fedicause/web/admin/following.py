"""The organisations and campaigns elsewhere that we follow, to show what they campaign for."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.campaigning import pictures
from fedicause.coalition import follow
from fedicause.here import Here
from fedicause.web.admin import far, frame
from fedicause.web.keys import INSTANCE
from storage import followings, foreign
from storage.foreign import Listed

PATH: Final = "/admin/partners/following"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH)
@frame.staff("campaigns")
async def add(request: web.Request) -> web.Response:
    """Follows an organisation or a campaign, by its handle or address."""
    instance, who = request.app[INSTANCE], frame.text(request, "who", 2000)

    async def work(session: AsyncSession, here: Here) -> None:
        await follow.follow(session, urls=here.urls, described=found, now=here.now)

    try:
        found = await follow.find(instance, who)
        await frame.change(request, work, deed="follow.add", about=f"@{found.handle}@{found.host}")
    except far.FAULTS as error:
        return await _show(request, problem=far.why(error), who=who, status=422)
    return frame.done(PATH, "asked")


@routes.post(PATH + "/remove")
@frame.staff("campaigns")
async def remove(request: web.Request) -> web.Response:
    """Follows somebody no longer: their campaigns leave the directory, but for those of our coalitions."""
    instance, uri = request.app[INSTANCE], frame.text(request, "uri", 2100)

    async def work(session: AsyncSession, here: Here) -> tuple[str, list[str]]:
        known = await follow.followed(session, uri)
        unused = await follow.unfollow(session, urls=here.urls, actor_uri=known.uri, now=here.now)
        return known.shown, unused

    _, unused = await frame.change(request, work, deed="follow.remove", about=lambda done: done[0])
    for name in unused:
        pictures.remove(name, instance.settings.media)
    return frame.done(PATH, "removed")


async def _show(request: web.Request, *, problem: str = "", who: str = "", status: int = 200) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        followed = await followings.listed(session)
        theirs = _by_runner(await foreign.listed(session))
    return await frame.render_admin(
        request,
        "admin/partners_following.html",
        status=status,
        tab="following",
        listed=[(each, theirs.get(each.uri, [])) for each in followed],
        problem=problem,
        who=who,
    )


def _by_runner(listed: list[Listed]) -> Mapping[str, list[Listed]]:
    """Campaigns by the URI of their organisation, and by their own."""
    found: dict[str, list[Listed]] = {}
    for each in listed:
        for uri in (each.campaign.organisation_uri, each.campaign.actor_uri):
            found.setdefault(uri, []).append(each)
    return found

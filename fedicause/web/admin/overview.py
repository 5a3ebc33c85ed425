"""The first page after coming in: what waits, and how the instance stands."""

from aiohttp import web

from fedicause.web.admin import frame
from fedicause.web.keys import INSTANCE
from storage import audit, errands, queues, users

LATEST = 6

routes = web.RouteTableDef()


@routes.get("/admin")
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    instance = request.app[INSTANCE]
    now = instance.now()
    user = request[frame.USER]
    async with instance.database.reading() as session:
        figures = await errands.figures(session, now=now)
        standings = await queues.standings(session, now=now)
        given_up = await queues.given_up(session, now=now)
        without = await users.without_second_step(session)
        latest = await audit.page(session, limit=LATEST, user_id=None if user.role == "owner" else user.id)
    return await frame.render_admin(
        request,
        "admin/overview.html",
        figures=figures,
        waiting=standings["deliveries"].waiting,
        given_up=given_up,
        without_second_step=without,
        latest=latest.entries,
    )

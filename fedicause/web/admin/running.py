"""How it runs: what waits, which servers don't answer and why, letters that failed, slow requests, room."""

from aiohttp import web

from fedicause import __version__
from fedicause.fediverse import hurry
from fedicause.web.admin import frame
from fedicause.web.keys import INSTANCE

PATH = "/admin/running"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("staff")
async def show(request: web.Request) -> web.Response:
    # Seldom looked at, and a quarter of a megabyte.
    from fedicause.watching import state, trouble  # noqa: PLC0415

    instance = request.app[INSTANCE]
    found = await state.read(instance)
    return await frame.render_admin(
        request,
        "admin/running.html",
        state=found,
        trouble=await trouble.read(instance, found),
        dialect=instance.database.dialect,
        slow_after=instance.settings.slow,
        has_crm=instance.settings.crm_url is not None,
        version=__version__,
    )


@routes.post(f"{PATH}/hosts")
@frame.staff("staff")
async def try_now(request: web.Request) -> web.Response:
    """One server, or without a name all that did not answer."""
    host = frame.text(request, "host", 300) or None
    await frame.change(
        request,
        lambda session, here: hurry.try_now(session, here, host),
        deed="host.try",
        about=lambda number: host or f"{number}",
    )
    return frame.done(PATH, "trying" if host else "trying-all")

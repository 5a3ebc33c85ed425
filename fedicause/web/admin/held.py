"""Endorsements that came in a wave: they count, or all that came from there goes."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from federation.vocabulary import Malformed
from fedicause import moderate
from fedicause.web import gather
from fedicause.web.admin import frame, ticked
from fedicause.web.keys import INSTANCE
from storage import hosts, waves

PATH: Final = "/admin/moderation/held"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        listed = await waves.held(session)
    return await frame.render_admin(
        request, "admin/moderation_held.html", tab="held", listed=listed, most=instance.settings.wave
    )


@routes.post(PATH + "/release")
@frame.staff("moderate")
async def release(request: web.Request) -> web.Response:
    """Counts what is held of these hosts."""
    chosen = _chosen(request)
    if not chosen:
        return frame.done(PATH, "none")
    await frame.change(
        request,
        lambda session, here: moderate.release(session, *chosen, now=here.now),
        deed="held.release",
        about=", ".join(chosen),
    )
    return frame.done(PATH, "released")


@routes.post(PATH + "/purge")
@frame.staff("moderate")
async def purge(request: web.Request) -> web.Response:
    """Takes away all that came from these hosts, once somebody has seen how much that is."""
    chosen = _chosen(request)
    if not chosen:
        return frame.done(PATH, "none")
    if frame.text(request, "sure", 5) != "yes":
        return await _ask(request, chosen)
    await frame.change(
        request,
        lambda session, here: moderate.purge(session, *chosen, now=here.now),
        deed="held.purge",
        about=lambda number: f"{', '.join(chosen)}: {number:,}",
    )
    return frame.done(PATH, "purged")


async def _ask(request: web.Request, chosen: Sequence[str]) -> web.Response:
    listed = []
    async with request.app[INSTANCE].database.reading() as session:
        for host in chosen:
            held, counted = await waves.of(session, await hosts.under(session, host))
            listed.append((host, held, counted))
    return await frame.render_admin(request, "admin/moderation_purge.html", tab="held", listed=listed)


def _chosen(request: web.Request) -> list[str]:
    """The hosts of the form, in A-labels; raises gather.Missing for what is none."""
    only = frame.text(request, "only", 300)
    try:
        return [moderate.target_of(host) for host in ([only] if only else ticked.words(request, "host"))]
    except Malformed as error:
        raise gather.Missing("host") from error

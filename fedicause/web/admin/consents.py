"""Who agreed that our organisation writes to them: as a list for its own system, and what that was told."""

import json
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from fedicause.campaigning import sheets
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.signing import collecting
from fedicause.web.admin import frame
from fedicause.web.admin.handover import file_headers
from fedicause.web.keys import INSTANCE
from storage import webhooks

PATH: Final = "/admin/people/consents"
_AT_ONCE: Final = 1000
_HEAD: Final = ("name", "mail", "country", "language", "campaign", "given")

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("people")
async def show(request: web.Request) -> web.StreamResponse:
    return await _show(request)


@routes.post(f"{PATH}.csv")
@frame.staff("people")
async def export(request: web.Request) -> web.StreamResponse:
    """A line for each consent that holds; who agreed with two signatures has two."""
    reason = " ".join(frame.text(request, "reason", 300).split())
    if not reason:
        return await _show(request, problem="reason")
    await frame.note(request, deed="consents.csv", about=reason)
    response = web.StreamResponse(headers=file_headers("consents.csv", "text/csv; charset=utf-8"))
    response.enable_chunked_encoding()
    await response.prepare(request)
    async for piece in _pieces(request.app[INSTANCE]):
        await response.write(piece)
    await response.write_eof()
    return response


async def _show(request: web.Request, *, problem: str = "") -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        waiting = await webhooks.waiting(session)
    return await frame.render_admin(
        request,
        "admin/consents.html",
        status=422 if problem else 200,
        problem=problem,
        crm=instance.settings.crm_url,
        waiting=waiting,
    )


async def _pieces(instance: Instance) -> AsyncIterator[bytes]:
    yield sheets.BOM.encode() + sheets.lines([_HEAD])
    after = 0
    while True:
        here = Here.at(instance)
        async with instance.database.reading() as session:
            own = await roster.own_uri(session, instance.urls)
            rows = await webhooks.agreeing(session, own, after=after, limit=_AT_ONCE)
            places = await collecting.of_coalitions(
                session, here, {row.coalition_id for row in rows}, closed_too=True
            )
        lines = []
        for row in rows:
            details = json.loads(instance.seal.open(row.details_sealed))
            place = places.get(row.coalition_id)
            lines.append(
                [
                    str(details.get("name", "")),
                    instance.seal.open(row.address_sealed).decode(),
                    row.country,
                    row.language,
                    place.page if place else "",
                    f"{row.given_at:%Y-%m-%d}",
                ]
            )
        if lines:
            yield sheets.lines(lines)
            after = rows[-1].consent_id
        if len(rows) < _AT_ONCE:
            return

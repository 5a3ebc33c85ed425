"""Lists of blocked hosts, out to a file and in from one, which shows first what it would change."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from federation.vocabulary import Malformed
from fedicause import blocklist
from fedicause.blocklist import Entry
from fedicause.here import Here
from fedicause.web.admin import blocks, frame
from fedicause.web.keys import INSTANCE
from storage import blocks as rows

MOST_BYTES: Final = 4 << 20
SHOWN: Final = 50

routes = web.RouteTableDef()


@routes.get(blocks.PATH + ".csv")
@frame.staff("moderate")
async def export(request: web.Request) -> web.Response:
    """All blocked hosts; `reasons`: with ours."""
    with_reasons = request.query.get("reasons") == "yes"
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        text = blocklist.written(await rows.listed(session), reasons=with_reasons)
    return web.Response(
        body=text.encode(),
        headers={
            **frame.page_headers(instance),
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="blocklist.csv"',
        },
    )


@routes.post(blocks.PATH + "/preview")
@frame.staff("moderate", most_bytes=MOST_BYTES)
async def preview(request: web.Request) -> web.Response:
    """What a list would change; nothing is changed."""
    instance = request.app[INSTANCE]
    text = _uploaded(request) or frame.text(request, "list", MOST_BYTES)
    async with instance.database.reading() as session:
        plan = await blocklist.plan(session, Here.at(instance), text)
    return await frame.render_admin(
        request,
        "admin/blocks_import.html",
        tab="blocks",
        plan=plan,
        shown=SHOWN,
        kept=json.dumps(
            [_pairs(each) for each in (plan.new, plan.milder, plan.close)], separators=(",", ":")
        ),
    )


@routes.post(blocks.PATH + "/import")
@frame.staff("moderate", most_bytes=2 * MOST_BYTES)
async def take(request: web.Request) -> web.Response:
    """Blocks what the preview showed."""
    chosen = _kept(request)
    if not chosen:
        return frame.done(blocks.PATH, "none")

    async def work(session: AsyncSession, here: Here) -> int:
        return await blocklist.take(session, here, chosen)

    try:
        await frame.change(request, work, deed="block.import", about=lambda number: f"+{number:,}")
    except Malformed as error:
        raise web.HTTPBadRequest from error
    return frame.done(blocks.PATH, "imported")


def _pairs(entries: Sequence[Entry]) -> dict[str, str]:
    return {entry.host: entry.reason for entry in entries}


def _kept(request: web.Request) -> Mapping[str, str]:
    """The hosts that the preview's form holds, of the kinds that are wanted."""
    try:
        kept: Any = json.loads(frame.text(request, "kept", 2 * MOST_BYTES))
        new, milder, close = kept
        found = dict(new)
        for name, more in (("milder", milder), ("close", close)):
            if frame.text(request, name, 5) == "yes":
                found |= more
        return {str(host): str(reason) for host, reason in found.items()}
    except (ValueError, TypeError, RecursionError) as error:
        raise web.HTTPBadRequest from error


def _uploaded(request: web.Request) -> str:
    sent = request[frame.FORM].get("file")
    return sent.file.read().decode(errors="replace") if isinstance(sent, web.FileField) else ""

"""To whom a campaign's letters go: a list that is read from a table, or kept by hand."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from aiohttp.web_request import FileField
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.fields import Unusable
from fedicause.here import Here
from fedicause.signing import targets
from fedicause.web import gather
from fedicause.web.admin import campaign_head, frame
from fedicause.web.keys import INSTANCE
from storage import targets as stored

PATH: Final = campaign_head.ONE + "/targets"
MOST_BYTES: Final = 4 << 20

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH)
@frame.staff("campaigns", most_bytes=MOST_BYTES)
async def bring(request: web.Request) -> web.Response:
    """Takes a table in, as a file or as text."""
    table, replace = _table(request), frame.text(request, "replace", 3) == "yes"
    try:
        rows = targets.read(table)
        slug = request.match_info["slug"]
        await frame.change(
            request,
            lambda session, _here: targets.bring(session, slug, rows, replace=replace),
            deed="targets.import",
            about=lambda number: f"{slug}: {number:,}",
        )
    except Unusable as error:
        return await _show(request, table_problem=str(error), status=422)
    return frame.done(_path(request), "read")


@routes.post(PATH + "/add")
@frame.staff("campaigns")
async def add(request: web.Request) -> web.Response:
    """Adds one."""
    written = {column: frame.text(request, column, targets.POSTCODES) for column in targets.COLUMNS}
    try:
        row = targets.checked(written)
        slug = request.match_info["slug"]
        await frame.change(
            request,
            lambda session, _here: targets.bring(session, slug, [row], replace=False),
            deed="targets.add",
            about=slug,
        )
    except Unusable as error:
        return await _show(request, written=written, problem=str(error), status=422)
    return frame.done(_path(request), "added")


@routes.post(PATH + r"/{target:[1-9]\d{0,17}}/remove")
@frame.staff("campaigns")
async def remove(request: web.Request) -> web.Response:
    """Removes one, with the letters that wait for them."""
    number = int(request.match_info["target"])
    async with request.app[INSTANCE].database.reading() as session:
        campaign, _ = await campaign_head.find(session, request)
        known = {each.id for each in await stored.every(session, campaign.id)}
    if number not in known:
        raise gather.Missing("target")

    async def verb(session: AsyncSession, _here: Here) -> int:
        return await stored.remove(session, campaign.id, [number])

    await frame.change(request, verb, deed="targets.remove", about=campaign.slug)
    return frame.done(_path(request), "removed")


def _table(request: web.Request) -> str:
    """What was sent as a file, or else written into the form; raises Unusable."""
    file = request[frame.FORM].get("file")
    if isinstance(file, FileField) and file.filename:
        data = file.file.read(MOST_BYTES)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            # What spreadsheet programs write in Western Europe unless told otherwise.
            return data.decode("cp1252", errors="replace")
    return frame.text(request, "table", MOST_BYTES)


def _path(request: web.Request) -> str:
    return f"{campaign_head.PATH}/{request.match_info['slug']}/targets"


async def _show(
    request: web.Request,
    *,
    written: Mapping[str, str] | None = None,
    problem: str = "",
    table_problem: str = "",
    status: int = 200,
) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        found = await stored.every(session, campaign.id)
        numbers = await stored.numbers(session, campaign.id)
    return await frame.render_admin(
        request,
        "admin/targets.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        is_message=campaign.kind == "message",
        targets=[(each, *numbers.get(each.id, (0, 0))) for each in found],
        written=written or dict.fromkeys(targets.COLUMNS, ""),
        problem=problem,
        table_problem=table_problem,
        columns=targets.COLUMNS,
    )

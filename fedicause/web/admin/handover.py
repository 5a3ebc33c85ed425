"""Handing over what was signed: as a list, or with the paper and the signature that vouch for it."""

import asyncio
import tempfile
import zipfile
from collections.abc import Mapping
from typing import IO, Final

from aiohttp import web

from fedicause import fields, words
from fedicause.campaigning import handover, keeping
from fedicause.campaigning.matter import Matter, Order
from fedicause.here import Here
from fedicause.people import retention
from fedicause.web import gather, served
from fedicause.web.admin import charts, frame
from fedicause.web.keys import INSTANCE
from storage import handovers
from storage import retention as kept

_PIECE: Final = 256 * 1024
_LONGEST: Final = 300

routes = web.RouteTableDef()


@routes.get("/admin/campaigns/{address}/handover")
@frame.staff("people")
async def show(request: web.Request) -> web.StreamResponse:
    head = await charts.head_of(request)
    try:
        matter = await _matter(request)
    except gather.Missing:
        if head is None:
            raise
        return await charts.nothing_yet(request, head, "handover")
    return await _show(request, matter)


@routes.post("/admin/campaigns/{address}/handover")
@frame.staff("people")
async def pack(request: web.Request) -> web.StreamResponse:
    """All of it in one archive: the list, the paper, and the signed checksums of both."""
    matter = await _matter(request)
    order, reason = _read(request)
    if not reason:
        return await _show(request, matter, problem="reason", written=order)
    instance = request.app[INSTANCE]
    # Nothing of it is found on the disk, whatever happens: these files have no names.
    with tempfile.TemporaryFile() as sheet_file, tempfile.TemporaryFile() as archive:
        sheet = await handover.write(instance.database, instance.seal, matter, order, sheet_file)
        printed = await handover.print_paper(matter, sheet, order, instance.settings.media, instance.now())
        document = await frame.change(
            request,
            lambda session, here: handover.vouch(session, here, matter, sheet, handover.file_of(printed)),
            deed="handover.pack",
            about=f"{matter.slug} ({order.addresses}): {reason}",
        )
        await asyncio.to_thread(
            _archive, archive, sheet_file, {"handover.pdf": printed, "handover.json": document.encode()}
        )
        return await _send(request, archive, f"{matter.slug}-handover.zip", "application/zip")


@routes.post("/admin/campaigns/{address}/handover/csv")
@frame.staff("people")
async def export(request: web.Request) -> web.StreamResponse:
    """The list alone, sent while it is read: however long it is, there is never much of it in memory."""
    matter = await _matter(request)
    order, reason = _read(request)
    if not reason:
        return await _show(request, matter, problem="reason", written=order)
    await frame.note(request, deed="handover.csv", about=f"{matter.slug} ({order.addresses}): {reason}")
    instance = request.app[INSTANCE]
    response = web.StreamResponse(
        headers=file_headers(f"{matter.slug}-signatures.csv", "text/csv; charset=utf-8")
    )
    response.enable_chunked_encoding()
    await response.prepare(request)
    async for piece, _ in handover.chunks(instance.database, instance.seal, matter, order.addresses):
        await response.write(piece)
    await response.write_eof()
    return response


@routes.post("/admin/campaigns/{address}/retention")
@frame.staff("campaigns")
async def keep_for(request: web.Request) -> web.StreamResponse:
    """Sets for how long it is known who signed a campaign of ours."""
    matter = await _matter(request)
    if "@" in request.match_info["address"]:
        raise gather.Missing(matter.slug)
    written = frame.text(request, "months", 4)
    try:
        months = int(written) if written else None
        await frame.change(
            request,
            lambda session, _here: keeping.set_months(session, matter.slug, months),
            deed="campaign.retention",
            about=f"{matter.slug}: {months or 'default'}",
        )
    except (ValueError, fields.Unusable):
        return await _show(request, matter, problem="months")
    return frame.done(f"/admin/campaigns/{matter.slug}/handover", "months")


async def _show(
    request: web.Request, matter: Matter, *, problem: str = "", written: Order | None = None
) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        past = await handovers.every(session, matter.coalition_id)
        forgotten = await kept.is_anonymised(session, matter.coalition_id)
    default = request.app[INSTANCE].settings.retention_months
    months = default if matter.retention_months is None else matter.retention_months
    return await frame.render_admin(
        request,
        "admin/handover.html",
        status=422 if problem else 200,
        matter=matter,
        head=await charts.head_of(request),
        address=request.match_info["address"],
        past=past,
        problem=problem,
        written=written or Order("", "none", names=False, language=""),
        reason=frame.text(request, "reason", _LONGEST) if problem else "",
        listed_at_most=handover.LISTED_AT_MOST,
        is_forgotten=forgotten,
        months=matter.retention_months,
        default_months=default,
        longest=keeping.LONGEST,
        known_until=retention.until(matter.closed_at, months) if matter.closed_at else None,
    )


async def _matter(request: web.Request) -> Matter:
    """What there is to hand over; raises gather.Missing."""
    instance = request.app[INSTANCE]
    slug, origin = served.split_address(request.match_info["address"])
    async with instance.database.reading() as session:
        found = await handover.find(session, Here.at(instance), slug, origin)
    if found is None:
        raise gather.Missing(slug)
    return found


def _read(request: web.Request) -> tuple[Order, str]:
    """What is wanted, and the reason; empty where none was given."""
    addresses = frame.text(request, "addresses", 10)
    language = frame.text(request, "language", 10)
    order = Order(
        recipients=" ".join(frame.text(request, "recipients", _LONGEST).split()),
        addresses="agreed" if addresses == "agreed" else "all" if addresses == "all" else "none",
        names=frame.text(request, "names", 5) == "yes",
        language=language if language in words.LANGUAGES else words.SOURCE,
    )
    return order, " ".join(frame.text(request, "reason", _LONGEST).split())


def _archive(archive: IO[bytes], sheet: IO[bytes], others: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        sheet.seek(0)
        with packed.open(handover.CSV_NAME, "w", force_zip64=True) as entry:
            while piece := sheet.read(_PIECE):
                entry.write(piece)
        for name, body in others.items():
            packed.writestr(name, body)


async def _send(request: web.Request, file: IO[bytes], name: str, media_type: str) -> web.StreamResponse:
    size = await asyncio.to_thread(file.seek, 0, 2)
    await asyncio.to_thread(file.seek, 0)
    response = web.StreamResponse(headers=file_headers(name, media_type))
    response.content_length = size
    await response.prepare(request)
    while piece := await asyncio.to_thread(file.read, _PIECE):
        await response.write(piece)
    await response.write_eof()
    return response


def file_headers(name: str, media_type: str) -> dict[str, str]:
    """For a file of people's names: kept nowhere on the way, and never shown as a page."""
    return {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Robots-Tag": "noindex",
    }

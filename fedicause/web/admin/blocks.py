"""Who is not listened to: hosts with their subdomains, and single accounts."""

import re
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.answers import RemoteError
from federation.vocabulary import Malformed
from fedicause import blocklist, moderate
from fedicause.here import Here
from fedicause.web import gather
from fedicause.web.admin import frame, ticked
from fedicause.web.keys import INSTANCE
from storage import blocks

PATH: Final = "/admin/moderation/blocks"
PER_PAGE: Final = 100
_PAGE: Final = re.compile(r"[1-9][0-9]{0,5}")

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH)
@frame.staff("moderate")
async def add(request: web.Request) -> web.Response:
    """Blocks a host or an account; what it said before goes too, where that is wanted."""
    instance = request.app[INSTANCE]
    who, reason = frame.text(request, "who", 500), frame.text(request, "reason", blocklist.LONGEST_REASON)
    with_all = frame.text(request, "all", 5) == "yes"
    written = {"who": who, "reason": reason, "all": with_all}
    try:
        target = await moderate.find(instance, who)
        if not target.startswith(("https://", "http://")):
            target = blocklist.host_in(target)
    except Malformed:
        return await _show(request, problem="unreadable", written=written, status=422)
    except RemoteError:
        return await _show(request, problem="unknown", written=written, status=422)
    own = vocabulary.host_of(instance.urls.base)
    host = vocabulary.host_of(target) if "://" in target else target
    if blocks.covers(frozenset({host}), "", own):
        return await _show(request, problem="own", written=written, status=422)

    async def work(session: AsyncSession, here: Here) -> None:
        await moderate.block(session, target, reason, now=here.now)
        if with_all:
            await moderate.forsake(session, target, now=here.now)

    await frame.change(request, work, deed="block.all" if with_all else "block.add", about=_shown(target))
    return frame.done(PATH, "blocked")


@routes.post(PATH + "/remove")
@frame.staff("moderate")
async def remove(request: web.Request) -> web.Response:
    """Listens again."""
    only = frame.text(request, "only", 2100)
    chosen = [only] if only else ticked.words(request, "target", 2100)
    if not chosen:
        return frame.done(PATH, "none")
    await frame.change(
        request,
        lambda session, _here: moderate.unblock_all(session, chosen),
        deed="block.remove",
        about=", ".join(_shown(target) for target in chosen[:10]) + (", …" if len(chosen) > 10 else ""),
    )
    return frame.done(PATH, "unblocked")


def _shown(target: str) -> str:
    """A target for the audit log: of an account only its server, for it may be somebody's name."""
    return f"… @ {vocabulary.host_of(target)}" if "://" in target else target


async def _show(
    request: web.Request,
    *,
    problem: str = "",
    written: dict[str, object] | None = None,
    status: int = 200,
) -> web.Response:
    holding = request.query.get("q", "")[:200].replace("\x00", "").encode(errors="replace").decode().strip()
    number = request.query.get("page", "1")
    if not _PAGE.fullmatch(number):
        raise gather.Missing("page")
    page = int(number)
    async with request.app[INSTANCE].database.reading() as session:
        listed, total = await blocks.some(
            session, holding=holding, offset=(page - 1) * PER_PAGE, limit=PER_PAGE
        )
    return await frame.render_admin(
        request,
        "admin/blocks.html",
        status=status,
        tab="blocks",
        listed=listed,
        total=total,
        holding=holding,
        number=page,
        is_last=page * PER_PAGE >= total,
        problem=problem,
        written=written or {"who": "", "reason": "", "all": False},
    )

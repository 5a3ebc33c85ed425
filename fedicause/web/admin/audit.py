"""The audit log: who of the staff did what, and when."""

import re
from typing import Final

from aiohttp import web

from fedicause.web import gather
from fedicause.web.admin import frame
from fedicause.web.keys import INSTANCE
from storage import audit, users

PER_PAGE: Final = 50
_KEY: Final = re.compile(r"[0-9]{1,18}")

routes = web.RouteTableDef()


@routes.get("/admin/audit")
@frame.staff("staff")
async def show(request: web.Request) -> web.Response:
    """A page of it: the newest, or those `before` or `after` a row; of one `user`, or of all."""
    before, after, user = (_key(request, name) for name in ("before", "after", "user"))
    async with request.app[INSTANCE].database.reading() as session:
        page = await audit.page(session, limit=PER_PAGE, before=before, after=after, user_id=user)
        listed = await users.every(session)
    return await frame.render_admin(request, "admin/audit.html", page=page, of=user, listed=listed)


def _key(request: web.Request, name: str) -> int | None:
    """A row key in the query; raises gather.Missing for what is none."""
    value = request.query.get(name, "")
    if not value:
        return None
    if not _KEY.fullmatch(value):
        raise gather.Missing(name)
    return int(value)

"""Somebody wants no more news: a button in the browser, or one press in their mail program (RFC 8058)."""

from typing import Final

from aiohttp import web

from fedicause.here import Here
from fedicause.letters import mailing
from fedicause.web import guard, posted, sign, transactions
from fedicause.web.keys import INSTANCE

_MOST: Final = 4096
_LINK: Final = r"{token:\d{1,18}\.[A-Za-z0-9_-]{8,64}}"

routes = web.RouteTableDef()


@routes.get(f"/unsubscribe/{_LINK}")
async def asking(request: web.Request) -> web.Response:
    """A button. Nothing changes by looking."""
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        is_known = await mailing.is_known(session, Here.at(instance), request.match_info["token"])
    return await sign.leaf(request, "unsubscribe.html", 200 if is_known else 404, is_known=is_known)


@routes.post(f"/unsubscribe/{_LINK}")
async def end(request: web.Request) -> web.Response:
    """Takes the consent back; without a redirect, which mail programs don't follow."""
    if request.content_type not in posted.FORMS and request.can_read_body:
        raise web.HTTPUnsupportedMediaType
    sent = await posted.read(request, _MOST)
    # A mail program says so itself, from wherever it is; that it knows the link is enough.
    if sent.get("List-Unsubscribe") != "One-Click" and not guard.is_from_here(request):
        raise web.HTTPForbidden
    token = request.match_info["token"]
    ended = await transactions.change(
        request.app[INSTANCE], lambda session, here: mailing.end(session, here, token)
    )
    template = "unsubscribed.html" if ended else "unsubscribe.html"
    return await sign.leaf(request, template, 200 if ended else 404, is_known=False)

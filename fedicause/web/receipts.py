"""Receipts: somebody has one checked, or downloads one that a page shows."""

from typing import Final

from aiohttp import web

from fedicause.here import Here
from fedicause.people import receipt
from fedicause.people.receipt import Checked
from fedicause.web import guard, me, posted, sign
from fedicause.web.keys import INSTANCE

PATH: Final = "/receipts"
# White space that a form adds, and a boundary.
_MORE: Final = 16 * 1024

routes = web.RouteTableDef()


@routes.get(PATH)
async def form(request: web.Request) -> web.Response:
    """The form that a receipt is pasted or uploaded into."""
    return await sign.leaf(request, "receipts.html", checked=None, text="")


@routes.post(PATH)
async def check(request: web.Request) -> web.Response:
    """Whether our organisation signed it."""
    text = await _given(request)
    checked = await _check(request, text)
    status = 200 if checked.verdict == "signed" else 422
    return await sign.leaf(request, "receipts.html", status, checked=checked, text=text)


@routes.post(f"{PATH}/file")
async def download(request: web.Request) -> web.Response:
    """The same receipt as a file, for a page that is shown only once; of ours alone."""
    text = await _given(request)
    checked = await _check(request, text)
    if checked.verdict != "signed" or checked.document is None:
        return await sign.leaf(request, "receipts.html", 422, path=PATH, checked=checked, text=text)
    name = f"receipt-{checked.document['event']}-{str(checked.document['at'])[:10]}.json"
    return me.file(receipt.text(checked.document), name)


async def _check(request: web.Request, text: str) -> Checked:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        return await receipt.check(session, Here.at(instance), text)


async def _given(request: web.Request) -> str:
    """What was uploaded, or else pasted."""
    if not guard.is_from_here(request):
        raise web.HTTPForbidden
    if request.content_type not in posted.FORMS:
        raise web.HTTPUnsupportedMediaType
    sent = await posted.read(request, 3 * receipt.LARGEST + _MORE)
    uploaded = sent.get("file")
    if isinstance(uploaded, web.FileField):
        with uploaded.file as file:
            body = file.read(receipt.LARGEST + 1)
        if body.strip():
            return body.decode(errors="replace")
    return str(sent.get("receipt", ""))[: receipt.LARGEST + 1]

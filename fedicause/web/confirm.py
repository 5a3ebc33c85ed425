"""What a letter's links lead to: a button that makes a signature count, another for who did not sign."""

from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.web_request import FileField

from fedicause.campaigning import pictures
from fedicause.here import Here
from fedicause.signing import options, pledge
from fedicause.signing.cosign import Logo
from fedicause.signing.pledge import Waiting
from fedicause.signing.pursue import NOTHING, Said
from fedicause.web import guard, posted, sign, translations
from fedicause.web.keys import INSTANCE

MOST_BYTES: Final = 3 * 1024 * 1024
LOGO: Final = (480, 240)
"""Pixels within which a logo is drawn."""
_PIXELS: Final = 12_000_000
_DIGITS: Final = 2

routes = web.RouteTableDef()


class Unusable(Exception):
    """The file is no logo that can be shown."""


@routes.get("/confirm/{token}")
async def confirmation(request: web.Request) -> web.Response:
    """A button. Nothing changes by looking: scanners of mail follow every link."""
    return await _show(request, _usable(await _waiting(request)))


@routes.post("/confirm/{token}")
async def confirm(request: web.Request) -> web.Response:
    """Makes the signature count; 303 to the page that thanks for it."""
    sent, said = await _read(request), NOTHING
    # Mostly there is nothing to choose: then the link alone is enough, and many are taken together.
    if sent:
        waiting = _usable(await _waiting(request))
        if waiting is None:
            return await _show(request, None)
        try:
            said = await _said(sent, waiting)
        except Unusable:
            return await _show(request, waiting, status=422)
    confirmed = await (await sign.clerk(request.app)).confirm(request.match_info["token"], said)
    if confirmed is None:
        return await _show(request, None)
    lang = translations.choose(request.query.get("lang"), None, "").asked
    return sign.see_other(f"/signed/{confirmed.share}" + (f"?lang={lang}" if lang else ""))


@routes.get("/decline/{token}")
async def objection(request: web.Request) -> web.Response:
    """A button for whoever did not sign."""
    waiting = await _waiting(request)
    return await sign.leaf(request, "decline.html", 200 if waiting else 404, waiting=waiting)


@routes.post("/decline/{token}")
async def decline(request: web.Request) -> web.Response:
    """Forgets what somebody else wrote, and sends no more letters."""
    withdraw = (await sign.read_form(request)).get("withdraw") == "yes"
    await (await sign.clerk(request.app)).decline(request.match_info["token"], withdraw=withdraw)
    # Whoever presses twice sees the same.
    return await sign.leaf(request, "declined.html", waiting=None)


async def _waiting(request: web.Request) -> Waiting | None:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        return await pledge.look(session, Here.at(instance), request.match_info["token"])


def _usable(waiting: Waiting | None) -> Waiting | None:
    """What can be confirmed, or was."""
    if waiting is None:
        return None
    is_usable = waiting.state == "confirmed" or (waiting.state == "pending" and waiting.is_open)
    return waiting if is_usable else None


async def _show(request: web.Request, waiting: Waiting | None, *, status: int = 200) -> web.Response:
    return await sign.leaf(
        request,
        "confirm.html",
        status if waiting else 404,
        waiting=waiting,
        chosen=options.first(waiting.ticked) if waiting else None,
        is_wrong=status != 200,
    )


async def _read(request: web.Request) -> sign.Sent:
    """The form of the button, with a logo in it or none."""
    if not guard.is_from_here(request):
        raise web.HTTPForbidden
    if request.content_type not in posted.FORMS and request.can_read_body:
        raise web.HTTPUnsupportedMediaType
    return await posted.read(request, MOST_BYTES)


async def _said(sent: sign.Sent, waiting: Waiting) -> Said:
    """What was chosen beside the button; raises Unusable."""
    logo, number = None, str(sent.get("choice", ""))
    file = sent.get("logo")
    if isinstance(file, FileField):
        with file.file as opened:
            data = opened.read(MOST_BYTES)
        if data and waiting.organisation is not None and waiting.is_open:
            logo = await pictures.in_thread(_drawn, data)
    is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS
    return Said(
        logo,
        choice=int(number) - 1 if is_number and waiting.is_open else None,
        targets=frozenset(
            each.id
            for each in (waiting.draft.targets if waiting.draft else ())
            if sent.get(f"target-{each.id}") == "yes"
        ),
        answers=sent.get("answers") == "yes",
    )


def _drawn(data: bytes) -> Logo:
    try:
        drawn, picture = pictures.draw(data, Path("logo"), pixels=_PIXELS, within=LOGO)
    except pictures.Unusable as error:
        raise Unusable from error
    return Logo(drawn, picture.media_type, picture.width, picture.height)

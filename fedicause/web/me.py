"""Somebody's own page: the form that asks for its link, and what is behind that.

The link is all that it takes, so nobody but its owner may learn it: such pages are kept by no cache, found by
no search engine, and say nowhere else where they are. Looking changes nothing.
"""

import json
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Struct

from federation import sketches
from fedicause.here import Here
from fedicause.meter import TooMany
from fedicause.people import person, receipt
from fedicause.people.person import NoDoor, NotSigned
from fedicause.web import forms, guard, headers, network, served, sign, transactions, translations
from fedicause.web.guard import TooSoon, Unproven
from fedicause.web.keys import INSTANCE
from fedicause.web.sign import Sent
from fedicause.web.transactions import Verb

PATH: Final = "/me"
DONE: Final = ("changed", "withdrawn")
_LINK: Final = r"{token:[A-Za-z0-9_-]{16,64}}"
_SIGNATURE: Final = r"{signature:[1-9]\d{0,17}}"

routes = web.RouteTableDef()


class Asking(Struct, frozen=True):
    """The form that asks for a link, as it was filled in. `problem` as in forms, or `slow`.

    `is_late`: it is shown instead of a page whose link no longer works.
    """

    address: str = ""
    problem: str = ""
    is_late: bool = False


@routes.get(PATH)
async def form(request: web.Request) -> web.Response:
    """The form, for everybody."""
    return await sign.leaf(request, "me_form.html", asking=Asking())


@routes.get(f"{PATH}/challenge")
async def challenge(request: web.Request) -> web.Response:
    """Work for the script of the form."""
    made = guard.at(request.app).challenge(PATH)
    return web.Response(body=served.json_bytes(made), headers={**headers.JSON, "Cache-Control": "no-store"})


@routes.post(PATH)
async def ask(request: web.Request) -> web.Response:
    """303 to one page for every address, known or not; else the form again."""
    sent = await sign.read_form(request)
    address, problem = forms.address(sent)
    if problem:
        return await _form_again(request, Asking(address, problem), 422)
    try:
        proof = await sign.proof_of(guard.at(request.app), sent, PATH)
    except TooSoon:
        return await _once_more(request, address, str(sent.get("stamp", "")))
    except Unproven:
        return await _once_more(request, address)
    domain = sketches.canonical(address).rpartition("@")[2]
    try:
        limits = guard.at(request.app).limits(network.network_of(request), domain, by_hand=proof.by_hand)
        asked = person.Asked(address, await _language(request), proof.fingerprint, proof.until, limits)
        is_taken = await transactions.change(
            request.app[INSTANCE], lambda session, here: person.ask(session, here, asked)
        )
    except TooMany as error:
        guard.at(request.app).refused(error)
        answer = await _form_again(request, Asking(address, "slow"), 429)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    if not is_taken:
        return await _once_more(request, address)
    return _see(request, f"{PATH}/sent")


@routes.get(f"{PATH}/sent")
async def sent(request: web.Request) -> web.Response:
    """What everybody sees who has sent the form."""
    return await sign.leaf(request, "me_sent.html")


@routes.get(f"{PATH}/{_LINK}")
async def page(request: web.Request) -> web.Response:
    """What somebody signed, with forms to change it or to take it back."""
    try:
        return await _page(request)
    except NoDoor:
        return await _no_door(request)


@routes.post(f"{PATH}/{_LINK}/withdraw")
async def withdraw(request: web.Request) -> web.Response:
    """Takes a signature back."""
    sent = await sign.read_form(request)
    signature_id = _number(sent)

    async def verb(session: Any, here: Here) -> None:
        await person.withdraw(session, here, request.match_info["token"], signature_id)

    answer = await _change(request, verb, "withdrawn")
    request.app[INSTANCE].hints.ring("tallies")
    return answer


@routes.post(f"{PATH}/{_LINK}/change")
async def change(request: web.Request) -> web.Response:
    """Changes how a name is shown, why somebody signed, and who may write."""
    sent = await sign.read_form(request)
    signature_id = _number(sent)
    reason, problem = forms.reason(sent)
    shown = str(sent.get("shown", ""))
    if problem or shown not in forms.SHOWN:
        return await _page_or_form(request, wrong=signature_id, status=422)
    may_write = {str(each) for each in sent.getall("may_write", [])}

    async def verb(session: Any, here: Here) -> None:
        token = request.match_info["token"]
        await person.change(
            session, here, token, signature_id, shown=shown, reason=reason, may_write=may_write
        )

    return await _change(request, verb, "changed")


@routes.get(f"{PATH}/{_LINK}/export")
async def export(request: web.Request) -> web.Response:
    """Everything held about somebody, to take along."""
    instance = request.app[INSTANCE]
    try:
        async with instance.database.reading() as session:
            found = await person.export(session, Here.at(instance), request.match_info["token"])
    except NoDoor:
        return await _no_door(request)
    text = json.dumps(found, ensure_ascii=False, indent=2)
    return file(text, f"{instance.settings.host.partition(':')[0]}.json")


@routes.get(f"{PATH}/{_LINK}/receipts/{_SIGNATURE}")
async def receipt_page(request: web.Request) -> web.Response:
    """The receipt of one signature."""
    found = await _receipt(request)
    if found is None:
        return await _no_door(request)
    return await sign.leaf(
        request,
        "receipt.html",
        back=f"{PATH}/{request.match_info['token']}",
        checked=receipt.Checked("signed", found),
        text=receipt.text(found),
    )


@routes.get(f"{PATH}/{_LINK}/erase")
async def erasing(request: web.Request) -> web.Response:
    """A page with a button."""
    try:
        return await _page(request, template="me_erase.html")
    except NoDoor:
        return await _no_door(request)


@routes.post(f"{PATH}/{_LINK}/erase")
async def erase(request: web.Request) -> web.Response:
    """Removes somebody everywhere; answers with the receipt, which is nowhere else."""
    await sign.read_form(request)
    instance = request.app[INSTANCE]
    token = request.match_info["token"]
    try:
        found = await transactions.change(instance, lambda session, here: person.erase(session, here, token))
    except NoDoor:
        return await _no_door(request)
    instance.hints.ring("tallies")
    return await sign.leaf(
        request,
        "me_erased.html",
        path=PATH,
        checked=receipt.Checked("signed", found),
        text=receipt.text(found),
    )


def file(text: str, name: str) -> web.Response:
    """A JSON file for one reader to keep."""
    return web.Response(
        body=text.encode(),
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
            "Referrer-Policy": "no-referrer",
        },
    )


async def _page(
    request: web.Request, *, template: str = "me.html", wrong: int = 0, status: int = 200
) -> web.Response:
    """Raises NoDoor. `wrong`: the signature whose form can't be taken as it is."""
    instance = request.app[INSTANCE]
    token = request.match_info["token"]
    async with instance.database.reading() as session:
        found = await person.look(session, Here.at(instance), token)
    done = request.query.get("done", "")
    own = f"{PATH}/{token}"
    return await sign.leaf(
        request,
        template,
        status,
        path=own if template == "me.html" else None,
        own=own,
        page=found,
        done=done if done in DONE else "",
        wrong=wrong,
    )


async def _page_or_form(request: web.Request, *, wrong: int, status: int) -> web.Response:
    try:
        return await _page(request, wrong=wrong, status=status)
    except NoDoor:
        return await _no_door(request)


async def _receipt(request: web.Request) -> dict[str, Any] | None:
    instance = request.app[INSTANCE]
    token, number = request.match_info["token"], int(request.match_info["signature"])
    async with instance.database.reading() as session:
        try:
            return await person.receipt_of(session, Here.at(instance), token, number)
        except (NoDoor, NotSigned):
            return None


async def _change(request: web.Request, verb: Verb[None], done: str) -> web.Response:
    """Does it, and shows the page anew; what is done already is shown as it is now."""
    try:
        await transactions.change(request.app[INSTANCE], verb)
    except NoDoor:
        return await _no_door(request)
    except NotSigned:
        done = ""
    return _see(request, f"{PATH}/{request.match_info['token']}", done)


async def _no_door(request: web.Request) -> web.Response:
    return await sign.leaf(request, "me_form.html", 404, path=PATH, asking=Asking(is_late=True))


async def _form_again(request: web.Request, asking: Asking, status: int) -> web.Response:
    return await sign.leaf(request, "me_form.html", status, asking=asking)


async def _once_more(request: web.Request, address: str, stamp: str | None = None) -> web.Response:
    """A page with one button, for browsers without a script. `stamp` is one that came back too soon."""
    return await sign.leaf(
        request,
        "me_again.html",
        address=address,
        stamp=stamp or guard.at(request.app).stamp(PATH),
        too_soon=stamp is not None,
    )


async def _language(request: web.Request) -> str:
    _, choice = await sign.reader(request)
    return choice.language


def _number(sent: Sent) -> int:
    """The signature that a form is about; 0 for none, which nobody has."""
    text = str(sent.get("signature", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _see(request: web.Request, path: str, done: str = "") -> web.Response:
    lang = translations.choose(request.query.get("lang"), None, "").asked
    query = urlencode({**({"lang": lang} if lang else {}), **({"done": done} if done else {})})
    return web.Response(
        status=303,
        headers={
            "Location": path + (f"?{query}" if query else ""),
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
        },
    )

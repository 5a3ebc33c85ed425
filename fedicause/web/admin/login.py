"""The door: password, second step, and the way out."""

import json
import secrets
from typing import Final
from urllib.parse import quote

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.seal import Seal, WrongSecret
from fedicause.staffing import login as verbs
from fedicause.staffing import second
from fedicause.staffing.login import Entrance, Staff, Wait, Wrong
from fedicause.web import network, transactions
from fedicause.web.admin import admission, checker, cookies, frame
from fedicause.web.keys import INSTANCE
from storage import audit, sessions, users

# What a browser is known by that somebody came in with: as long as a season of campaigning.
_DEVICE_DAYS: Final = 180

routes = web.RouteTableDef()


@routes.get("/admin/login")
async def ask(request: web.Request) -> web.Response:
    user = await admission.whose(request)
    if user is not None and not user.is_half:
        raise web.HTTPSeeOther(local(request.query.get("next", "")))
    return await _ask(request, next_=request.query.get("next", ""))


@routes.post("/admin/login")
async def enter(request: web.Request) -> web.Response:
    """A session for who knows a password. There is none before: nobody can have laid one out for them."""
    if not admission.is_own(request):
        return await frame.failure(request, 403)
    await admission.read_form(request)
    instance = request.app[INSTANCE]
    email, next_ = frame.text(request, "email", 254), frame.text(request, "next", 500)
    try:
        entrance = await _enter(request, email)
    except Wrong:
        return await _ask(request, problem="wrong", email=email, next_=next_, status=422)
    except Wait as wait:
        return await _ask(request, problem="wait", email=email, next_=next_, wait=wait)
    if entrance.is_half:
        suffix = f"?next={quote(local(next_), safe='/')}" if next_ else ""
        response = frame.see(f"/admin/login/code{suffix}")
    else:
        response = frame.see(local(next_))
    _hand_over(request, response, entrance, instance.seal, email)
    return response


@routes.get("/admin/login/code")
async def ask_code(request: web.Request) -> web.Response:
    user = await admission.whose(request)
    if user is None:
        raise web.HTTPSeeOther("/admin/login")
    if not user.is_half:
        raise web.HTTPSeeOther("/admin")
    return await _ask_code(request, user, next_=request.query.get("next", ""))


@routes.post("/admin/login/code")
async def enter_code(request: web.Request) -> web.Response:
    """The whole session for half of one; under a new token, like every step up."""
    if not admission.is_own(request):
        return await frame.failure(request, 403)
    user = await admission.whose(request)
    await admission.read_form(request)
    next_ = frame.text(request, "next", 500)
    if user is None or not user.is_half:
        return await _ask(request, problem="late", next_=next_, status=422)
    if not admission.holds_token(request, user):
        return await frame.failure(request, 403)
    try:
        entrance = await _complete(request, user)
    except Wrong:
        return await _ask_code(request, user, problem="wrong", next_=next_, status=422)
    except Wait as wait:
        return await _ask_code(request, user, problem="wait", next_=next_, wait=wait)
    response = frame.see(local(next_))
    _hand_over(request, response, entrance, request.app[INSTANCE].seal, user.email)
    return response


@routes.post("/admin/logout")
@frame.staff("read")
async def leave(request: web.Request) -> web.Response:
    """Ends the session here, whoever else may have its token."""
    user = request[frame.USER]
    await transactions.change(
        request.app[INSTANCE], lambda session, _here: sessions.end(session, user.session)
    )
    response = frame.done("/admin/login", "out")
    cookies.drop(request, response, "session")
    return response


def local(path: str) -> str:
    """Where somebody is led after coming in: a page of the administration, never elsewhere."""
    inside = path == "/admin" or path.startswith(("/admin/", "/admin?"))
    if not inside or "\\" in path or not path.isprintable() or path.startswith("/admin/log"):
        return "/admin"
    return path


async def _enter(request: web.Request, email: str) -> Entrance:
    """Raises Wrong and Wait, in the same way and time for known and unknown addresses."""
    instance = request.app[INSTANCE]
    counted = verbs.keys(
        Here.at(instance),
        email=email,
        network=network.network_of(request),
        device=_device(instance, cookies.get(request, "device"), email),
    )
    await transactions.change(instance, lambda session, here: verbs.attempt(session, here, counted))
    async with instance.database.reading() as session:
        user = await users.by_email(session, email)
    known = user if user is not None and user.disabled_at is None else None
    # As it is: a password may begin with a space.
    password = str(request[frame.FORM].get("password", ""))
    fits = await checker.at(request.app).fits(password, known.password_hash if known else None)
    if not fits or known is None:
        raise Wrong
    return await transactions.change(
        instance,
        lambda session, here: verbs.admit(
            session,
            here,
            known.id,
            counted=counted,
            password_hash=known.password_hash,
            replaces=cookies.get(request, "session"),
        ),
    )


async def _complete(request: web.Request, user: Staff) -> Entrance:
    instance = request.app[INSTANCE]
    code = frame.text(request, "code", 40)
    await transactions.change(
        instance, lambda session, here: verbs.attempt(session, here, verbs.own_key(here, user.id))
    )

    async def verb(session: AsyncSession, here: Here) -> Entrance:
        if await second.check(session, here, user.id, code):
            await audit.add(session, user_id=user.id, deed="login.recovery", now=here.now)
        return await verbs.complete(session, here, user.id, replaces=user.session)

    return await transactions.change(instance, verb)


async def _ask(
    request: web.Request,
    *,
    problem: str = "",
    email: str = "",
    next_: str = "",
    status: int = 200,
    wait: Wait | None = None,
) -> web.Response:
    shown: dict[str, object] = {"problem": problem, "email": email, "next": next_[:500]}
    return await _at_the_door(request, "admin/login.html", shown, status, wait)


async def _ask_code(
    request: web.Request,
    half: Staff,
    *,
    problem: str = "",
    next_: str = "",
    status: int = 200,
    wait: Wait | None = None,
) -> web.Response:
    shown = {"problem": problem, "half": half, "next": next_[:500]}
    return await _at_the_door(request, "admin/code.html", shown, status, wait)


async def _at_the_door(
    request: web.Request, template: str, shown: dict[str, object], status: int, wait: Wait | None
) -> web.Response:
    minutes = -(-wait.seconds // 60) if wait else 0
    response = await frame.render_admin(
        request, template, status=429 if wait else status, minutes=minutes, **shown
    )
    if wait:
        response.headers["Retry-After"] = str(wait.seconds)
    return response


def _hand_over(
    request: web.Request, response: web.Response, entrance: Entrance, seal: Seal, email: str
) -> None:
    cookies.put(request, response, "session", entrance.token, days=verbs.LONGEST.days)
    if not entrance.is_half:
        sealed = seal.close(json.dumps([email.lower(), secrets.token_hex(16)]).encode()).decode()
        cookies.put(request, response, "device", sealed, days=_DEVICE_DAYS)


def _device(instance: Instance, sealed: str | None, email: str) -> bytes | None:
    """What this browser is known by, if somebody came in with it under this address."""
    if not sealed or len(sealed) > 1000:
        return None
    try:
        owner, mark = json.loads(instance.seal.open(sealed.encode(errors="replace")))
    except (WrongSecret, ValueError):
        return None
    return bytes.fromhex(mark) if owner == email.lower() else None

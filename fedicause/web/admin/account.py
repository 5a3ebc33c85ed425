"""One's own account: password, second step, and where one is logged in."""

from io import BytesIO

from aiohttp import web
from markupsafe import Markup
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.staffing import login, second
from fedicause.staffing.login import Entrance, Wait, WeakPassword, Wrong
from fedicause.web import gather, transactions
from fedicause.web.admin import checker, cookies, frame
from fedicause.web.keys import INSTANCE
from storage import sessions, users
from storage.staff_models import User

routes = web.RouteTableDef()


@routes.get("/admin/me")
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post("/admin/me/password")
@frame.staff("read")
async def change_password(request: web.Request) -> web.Response:
    user = request[frame.USER]
    try:
        before = await _confirm(request)
        password_hash = await checker.at(request.app).hashed(_password(request, "new"))
        entrance = await frame.change(
            request,
            lambda session, here: login.change_password(
                session, here, user.id, before=before, password_hash=password_hash
            ),
            deed="account.password",
        )
    except WeakPassword:
        return await _show(request, problem="weak", of="password", status=422)
    except (Wrong, Wait) as error:
        return await _refuse(request, error, "password")
    return _with(request, entrance, frame.done("/admin/me", "password"))


@routes.get("/admin/me/second")
@frame.staff("read")
async def offer_second(request: web.Request) -> web.Response:
    """A secret for an app, as a picture and as text; kept once its code comes back."""
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        user = await _user(session, request)
        site = await gather.site_of(session, instance)
    return await _offer(request, second.offer(Here.at(instance), user, site.name))


@routes.post("/admin/me/second")
@frame.staff("read")
async def take_second(request: web.Request) -> web.Response:
    """The recovery codes, shown once, for who proves to have the secret and the password."""
    staff = request[frame.USER]
    sealed = frame.text(request, "sealed", 1000)
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        user = await _user(session, request)
        site = await gather.site_of(session, instance)
    try:
        offer = second.again(Here.at(instance), user, site.name, sealed)
    except Wrong:
        return frame.done("/admin/me/second", "late")
    try:
        await _confirm(request)
    except (Wrong, Wait) as error:
        return await _offer(request, offer, problem=_name(error), of="password")

    async def verb(session: AsyncSession, here: Here) -> tuple[list[str], Entrance]:
        codes = await second.enable(
            session, here, staff.id, sealed=sealed, code=frame.text(request, "code", 40)
        )
        return codes, await login.alone(session, here, staff.id)

    try:
        codes, entrance = await frame.change(request, verb, deed="account.second_on")
    except Wrong:
        return await _offer(request, offer, problem="wrong", of="code")
    request[frame.USER] = replace(staff, csrf=login.csrf(entrance.token))
    return _with(request, entrance, await frame.render_admin(request, "admin/codes.html", codes=codes))


@routes.post("/admin/me/second/codes")
@frame.staff("read")
async def renew_codes(request: web.Request) -> web.Response:
    staff = request[frame.USER]
    try:
        await _confirm(request)
        codes = await frame.change(
            request,
            lambda session, here: second.renew_codes(session, here, staff.id),
            deed="account.codes",
        )
    except (Wrong, Wait) as error:
        return await _refuse(request, error, "second")
    return await frame.render_admin(request, "admin/codes.html", codes=codes)


@routes.post("/admin/me/second/off")
@frame.staff("read")
async def drop_second(request: web.Request) -> web.Response:
    staff = request[frame.USER]

    async def verb(session: AsyncSession, _here: Here) -> None:
        user = await users.locked(session, staff.id)
        if user is not None:
            second.disable(user)

    try:
        await _confirm(request)
        await frame.change(request, verb, deed="account.second_off")
    except (Wrong, Wait) as error:
        return await _refuse(request, error, "second")
    return frame.done("/admin/me", "second-off")


@routes.post("/admin/me/sessions")
@frame.staff("read")
async def end_sessions(request: web.Request) -> web.Response:
    """Logs out everywhere else: for who left a browser open, or had one stolen."""
    staff = request[frame.USER]
    entrance = await frame.change(
        request, lambda session, here: login.alone(session, here, staff.id), deed="account.sessions"
    )
    return _with(request, entrance, frame.done("/admin/me", "sessions"))


async def _show(request: web.Request, *, problem: str = "", of: str = "", status: int = 200) -> web.Response:
    instance = request.app[INSTANCE]
    now = instance.now()
    staff = request[frame.USER]
    async with instance.database.reading() as session:
        user = await _user(session, request)
        rows = await sessions.of_user(session, user.id, now=now, seen_after=now - login.IDLE)
    return await frame.render_admin(
        request,
        "admin/me.html",
        status=status,
        me=user,
        codes_left=second.codes_left(instance.seal, user),
        open_sessions=[(row, row.token == staff.session) for row in rows],
        shortest=login.SHORTEST_PASSWORD,
        problem=problem,
        of=of,
    )


async def _offer(
    request: web.Request, offer: second.Offer, *, problem: str = "", of: str = ""
) -> web.Response:
    return await frame.render_admin(
        request,
        "admin/second.html",
        status={"": 200, "wait": 429}.get(problem, 422),
        offer=offer,
        picture=_picture(offer.address),
        problem=problem,
        of=of,
    )


async def _refuse(request: web.Request, error: Wrong | Wait, of: str) -> web.Response:
    return await _show(request, problem=_name(error), of=of, status=429 if isinstance(error, Wait) else 422)


def _with(request: web.Request, entrance: Entrance, response: web.Response) -> web.Response:
    """The answer, with the token of the session that has just begun."""
    cookies.put(request, response, "session", entrance.token, days=login.LONGEST.days)
    return response


def _name(error: Wrong | Wait) -> str:
    return "wait" if isinstance(error, Wait) else "wrong"


async def _confirm(request: web.Request) -> str:
    """The hash of the password, which who asks must know too: a session left open is not enough.

    Raises Wrong, and Wait: an open session is no place to guess it either.
    """
    staff = request[frame.USER]
    instance = request.app[INSTANCE]
    counted = login.own_key(Here.at(instance), staff.id)
    await transactions.change(instance, lambda session, here: login.attempt(session, here, counted))
    async with instance.database.reading() as session:
        user = await _user(session, request)
    if not await checker.at(request.app).fits(_password(request, "password"), user.password_hash):
        raise Wrong
    await transactions.change(instance, lambda session, here: login.succeed(session, here, counted))
    return user.password_hash


async def _user(session: AsyncSession, request: web.Request) -> User:
    user = await users.by_id(session, request[frame.USER].id)
    if user is None:
        raise gather.Missing("user")
    return user


def _password(request: web.Request, name: str) -> str:
    """As it is: a password may begin with a space."""
    return str(request[frame.FORM].get(name, ""))


def _picture(address: str) -> Markup:
    """The QR code of an address, for the page itself: the secret travels no further."""
    import segno  # noqa: PLC0415 - seldom needed

    drawn = BytesIO()
    segno.make(address, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=3, svgclass="qr", lineclass=None
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - segno's own

"""Who may run the instance: owners take people in, and show them out."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from fedicause.fields import Unusable
from fedicause.staffing import passwords, staff
from fedicause.web import gather
from fedicause.web.admin import checker, frame
from fedicause.web.keys import INSTANCE
from fedicause.web.transactions import Verb
from storage import users
from storage.staff_models import User

PATH: Final = "/admin/staff"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("staff")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH)
@frame.staff("staff")
async def add(request: web.Request) -> web.Response:
    """A new user, whose password is shown once; a letter tells them where to log in."""
    email, role = frame.text(request, "email", 300), frame.text(request, "role", 20)
    language = frame.text(request, "language", 20)
    password = passwords.new()
    password_hash = await checker.at(request.app).hashed(password)
    try:
        user = await frame.change(
            request,
            lambda session, here: staff.add(
                session, here, email=email, role=role, password_hash=password_hash, language=language
            ),
            deed="user.add",
            about=lambda user: f"{user.email}: {user.role}",
        )
    except Unusable:
        return await _show(request, problem="unusable", written={"email": email, "role": role}, status=422)
    except users.Taken:
        return await _show(request, problem="taken", written={"email": email, "role": role}, status=422)
    return await _show(request, fresh=(user.email, password))


@routes.post(PATH + r"/{user:[1-9]\d{0,17}}/role")
@frame.staff("staff")
async def give_role(request: web.Request) -> web.Response:
    role = frame.text(request, "role", 20)
    user_id = _other(request)
    return await _change(
        request,
        lambda session, _here: staff.give_role(session, user_id, role),
        deed="user.role",
        code="role",
    )


@routes.post(PATH + r"/{user:[1-9]\d{0,17}}/disable")
@frame.staff("staff")
async def disable(request: web.Request) -> web.Response:
    user_id = _other(request)
    return await _change(
        request,
        lambda session, here: staff.disable(session, here, user_id),
        deed="user.disable",
        code="disabled",
    )


@routes.post(PATH + r"/{user:[1-9]\d{0,17}}/enable")
@frame.staff("staff")
async def enable(request: web.Request) -> web.Response:
    user_id = _other(request)
    return await _change(
        request, lambda session, _here: staff.enable(session, user_id), deed="user.enable", code="enabled"
    )


@routes.post(PATH + r"/{user:[1-9]\d{0,17}}/second")
@frame.staff("staff")
async def reset_second_step(request: web.Request) -> web.Response:
    user_id = _other(request)
    return await _change(
        request,
        lambda session, _here: staff.reset_second_step(session, user_id),
        deed="user.second_off",
        code="second",
    )


@routes.post(PATH + r"/{user:[1-9]\d{0,17}}/password")
@frame.staff("staff")
async def give_password(request: web.Request) -> web.Response:
    """A new password for who has forgotten theirs, shown once."""
    user_id = _other(request)
    password = passwords.new()
    password_hash = await checker.at(request.app).hashed(password)
    user = await frame.change(
        request,
        lambda session, _here: staff.give_password(session, user_id, password_hash),
        deed="user.password",
        about=lambda user: user.email,
    )
    return await _show(request, fresh=(user.email, password))


async def _change(request: web.Request, verb: Verb[User], *, deed: str, code: str) -> web.Response:
    try:
        await frame.change(request, verb, deed=deed, about=lambda user: f"{user.email}: {user.role}")
    except Unusable as error:
        raise web.HTTPBadRequest from error
    except staff.LastOwner:
        return await _show(request, problem="last", status=409)
    return frame.done(PATH, code)


def _other(request: web.Request) -> int:
    """The user whom it is about: nobody does that to themselves. Raises gather.Missing."""
    user_id = int(request.match_info["user"])
    if user_id == request[frame.USER].id:
        raise gather.Missing("user")
    return user_id


async def _show(
    request: web.Request,
    *,
    problem: str = "",
    written: Mapping[str, str] | None = None,
    fresh: tuple[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    """The page; `fresh` is an address and a password that is shown only now."""
    async with request.app[INSTANCE].database.reading() as session:
        listed = await users.every(session)
    return await frame.render_admin(
        request,
        "admin/users.html",
        status=status,
        listed=listed,
        roles=users.ROLES,
        problem=problem,
        written=written or {"email": "", "role": "campaigner"},
        fresh=fresh,
    )

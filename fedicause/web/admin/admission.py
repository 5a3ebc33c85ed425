"""Who is at the door, and whether what they bring is a form of ours."""

import hmac
from typing import Any, Final

from aiohttp import web
from multidict import MultiDictProxy

from fedicause.staffing import login
from fedicause.staffing.login import Staff
from fedicause.web import posted
from fedicause.web.admin import cookies
from fedicause.web.keys import INSTANCE

USER = web.RequestKey("user", Staff)
FORM = web.RequestKey("form", MultiDictProxy[Any])
MOST_BYTES: Final = 1 << 20


def is_own(request: web.Request) -> bool:
    """Whether a form was sent by a page of ours: browsers say so, and nothing else has business here."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin == request.app[INSTANCE].settings.url
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


async def whose(request: web.Request) -> Staff | None:
    """Who of the staff is asking; half a session counts too."""
    token = cookies.get(request, "session")
    if not token or len(token) > 100:
        return None
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        return await login.who(session, token, instance.now())


async def read_form(request: web.Request, most_bytes: int = MOST_BYTES) -> None:
    """Puts the fields into request[FORM]; raises 413 for too many, 400 and 415 for what is no form."""
    request[FORM] = await posted.read(request, most_bytes)


def holds_token(request: web.Request, user: Staff) -> bool:
    """Whether the form was made for this session."""
    return hmac.compare_digest(text(request, "csrf", 100).encode(), user.csrf.encode())


def text(request: web.Request, name: str, most: int = 10_000) -> str:
    """A field of the form as text, without what databases refuse; empty if it is missing or a file."""
    value = request[FORM].get(name, "")
    if not isinstance(value, str):
        return ""
    printable = value.replace("\r\n", "\n").replace("\x00", "").encode(errors="replace").decode()
    return printable.strip()[:most]


def close_files(request: web.Request) -> None:
    """What was uploaded is in temporary files: whoever wants to keep it has read it by now."""
    for value in request.get(FORM, {}).values():
        if isinstance(value, web.FileField):
            value.file.close()

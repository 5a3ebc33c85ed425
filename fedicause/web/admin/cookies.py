"""The cookies of the staff; readers of the public pages get none."""

from aiohttp import web

from fedicause.web.keys import INSTANCE


def get(request: web.Request, name: str) -> str | None:
    """A cookie of ours. Under its `__Host-` name nobody else can have set it, no subdomain either."""
    return request.cookies.get(_name(request, name))


def put(
    request: web.Request, response: web.StreamResponse, name: str, value: str, *, days: int | None = None
) -> None:
    """For this host alone, unseen by scripts, never sent from elsewhere; no `days`: till the browser ends."""
    response.set_cookie(
        _name(request, name),
        value,
        max_age=None if days is None else days * 86_400,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="Strict",
    )


def drop(request: web.Request, response: web.StreamResponse, name: str) -> None:
    response.set_cookie(
        _name(request, name),
        "",
        max_age=0,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="Strict",
    )


def _is_secure(request: web.Request) -> bool:
    return request.app[INSTANCE].settings.url.startswith("https:")


def _name(request: web.Request, name: str) -> str:
    return f"__Host-{name}" if _is_secure(request) else name

"""What went wrong, told to whoever asked: a page, JSON or a line of text; and which status it has."""

import json
import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from fedicause.watching import logs
from fedicause.web import cached, headers, measure, negotiate, nothing
from storage import absence

log = logging.getLogger(__name__)

# What of an HTTPException's headers is worth keeping.
_KEPT: Final = ("Allow", "Retry-After")
_WORDS: Final = {
    404: "There is nothing at this address.",
    405: "This address does not take such a request.",
    410: "This was deleted.",
    429: "Too many requests. Try again later.",
    500: "Something broke on our side.",
    503: "That is not possible just now. Try again in a minute.",
}
COME_AGAIN: Final = {"Retry-After": "10"}
"""In seconds, where the database is away or a disk is full."""
_PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except nothing.Missing:
        return await explain(request, 404)
    except nothing.Gone:
        return await explain(request, 410)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kept = {name: error.headers[name] for name in _KEPT if name in error.headers}
        return await explain(request, error.status, kept)
    except Exception as error:
        if isinstance(error, ConnectionError) and request.transport is None:
            # Whoever sent it went away in the middle: nothing broke here, and nobody reads an answer.
            return web.Response(status=400)
        if absence.is_away(error) or absence.is_full(error):
            log.warning(
                "%s %s is not possible now: %s", request.method, measure.route_of(request)[1], _fact(error)
            )
            return await explain(request, 503, COME_AGAIN)
        log.exception("%s %s failed", request.method, measure.route_of(request)[1])
        return await explain(request, 500)


async def explain(
    request: web.Request, status: int, more: dict[str, str] | None = None
) -> web.StreamResponse:
    """The answer to a request that came to nothing, as its sender can read it."""
    sent = {"Cache-Control": "no-store" if status >= 429 else "public, max-age=1", **(more or {})}
    # So that whoever asked can tell the admin, who finds it in the log.
    number = logs.REQUEST.get() if status >= 500 else ""
    plain = _words(status) + (f" Request: {number}" if number else "") + "\n"
    if request.path.startswith("/api/"):
        told = {"error": _words(status)} | ({"request": number} if number else {})
        return web.Response(body=json.dumps(told).encode(), status=status, headers={**headers.JSON, **sent})
    # One address says it to people in their language, and to programs in a line.
    sent["Vary"] = "Accept, Accept-Language"
    if request.method not in {"GET", "HEAD"} or not negotiate.wants_page(request):
        return web.Response(text=plain, status=status, headers={**_PLAIN, **sent})
    from fedicause.web import failure  # noqa: PLC0415 - a server without readers does without

    shown = await failure.page(request, status, number)
    if shown is None:
        return web.Response(text=plain, status=status, headers={**_PLAIN, **sent})
    return web.Response(body=shown.body, status=status, headers={**_without_etag(shown.headers), **sent})


def _fact(error: BaseException) -> str:
    return "no room on the disk" if absence.is_full(error) else type(error).__name__


def _without_etag(sent: "cached.Headers") -> dict[str, str]:
    return {name: value for name, value in sent.items() if name != "ETag"}


def _words(status: int) -> str:
    return _WORDS.get(status) or _WORDS[500 if status >= 500 else 405]

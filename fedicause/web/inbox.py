"""The inboxes: a request comes in, a status goes out; what happens in between is `receive`."""

import logging
from functools import lru_cache

from aiohttp import hdrs, web

from federation import httpsig
from federation.vocabulary import Malformed
from fedicause.group_commit import Overloaded
from fedicause.receive import Blocked, Receiver, Refused, Replayed
from fedicause.web.keys import INSTANCE
from fedicause.web.taken import taken
from storage import absence

log = logging.getLogger(__name__)

RECEIVER = web.AppKey("receiver", Receiver)
MOST_BYTES = 1024 * 1024
COME_AGAIN = 30
"""Seconds, when there is more than can be taken, or nothing can be written."""

routes = web.RouteTableDef()


@routes.post("/inbox")
@routes.post("/actor/inbox")
@routes.post("/actors/{name}/inbox")
async def inbox(request: web.Request) -> web.StreamResponse:
    """202 taken, or else why not. Every inbox takes everything: the object says what it is about."""
    app, headers, content = request.app, request.headers, request.content
    meter = app[INSTANCE].meter
    if not _is_json(headers.get(hdrs.CONTENT_TYPE, "")):
        meter.count("inbox", "media_type")
        return _answer(415, "Send application/activity+json.")
    if headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        meter.count("inbox", "media_type")
        return _answer(415, "Send the body without Content-Encoding.")
    if (request.content_length or 0) > MOST_BYTES:
        meter.count("inbox", "too_large")
        return _answer(413, "The most is 1 MiB.")
    # What came with its head is there already, unless somebody has read it.
    body = content.read_nowait() if content.is_eof() and not content.at_eof() else await request.read()
    raw = httpsig.Request(request.method, request.raw_path, tuple(headers.items()), body)
    try:
        meter.count("inbox", await _accept(app[RECEIVER], raw))
    except Malformed as error:
        meter.count("inbox", "malformed")
        return _answer(400, f"Not an activity: {error}.")
    except httpsig.Forged as error:
        meter.count("inbox", "replayed" if isinstance(error, Replayed) else "forged")
        return _answer(401, f"The signature is not accepted: {error}.")
    except Refused as error:
        meter.count("inbox", "blocked" if isinstance(error, Blocked) else "not_the_signer")
        return _answer(403, f"Refused: {error}.")
    except Overloaded:
        meter.count("inbox", "overloaded")
        return _answer(429, "More is coming in than can be taken.", {"Retry-After": str(COME_AGAIN)})
    except Exception as error:
        if not absence.is_away(error) and not absence.is_full(error):
            raise
        # No 5xx: some servers take that for delivered, and what they sent would be lost.
        meter.count("inbox", "unwritable")
        log.warning("a request could not be taken: %s", type(error).__name__)
        return _answer(429, "Nothing can be written just now.", {"Retry-After": str(COME_AGAIN)})
    return taken(request)


async def _accept(receiver: Receiver, raw: httpsig.Request) -> str:
    """Once more, where the database was lost while something was read; then it is waited for."""
    try:
        return await receiver.accept(raw)
    except Exception as error:
        if not absence.is_away(error) or isinstance(error, absence.Away):
            raise
        return await receiver.accept(raw)


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    """By a header as it came, with or without parameters."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _answer(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers=headers)

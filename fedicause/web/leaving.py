"""How connections end once the process is to stop: each with an answer that says so."""

import asyncio
from typing import Final

from aiohttp import web

STOPPING: Final = web.AppKey("stopping", asyncio.Event)


def prepare(app: web.Application) -> None:
    """Lets the application close its connections, answer by answer, once it is to stop."""
    app[STOPPING] = asyncio.Event()
    app.on_response_prepare.append(_last_of_its_connection)


def stays(request: web.BaseRequest) -> bool:
    """Whether the connection of this request is open for another one, as far as we have a say."""
    return request.keep_alive and not (isinstance(request, web.Request) and request.app[STOPPING].is_set())


async def _last_of_its_connection(request: web.Request, response: web.StreamResponse) -> None:
    if request.app[STOPPING].is_set():
        response.force_close()
        # aiohttp has written its own by now, for a connection that was to stay.
        response.headers["Connection"] = "close"

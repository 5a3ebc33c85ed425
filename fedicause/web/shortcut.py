"""The way of what comes most often: past routing, and past what is there for pages."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import hdrs, web

from fedicause.web import errors, inbox, measure
from fedicause.web.keys import INSTANCE

REMEMBERED: Final = 1024
"""Paths of inboxes; a campaign's actor has one."""
_LONGEST: Final = 200

_Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Runner(web.AppRunner):
    """Runs the whole application, with the shortcut to its inboxes.

    Around an inbox there is only what measures and what explains failures: no other middleware hears of it.
    """

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # Its requests are those that the application makes.
        server.request_handler = cast("Any", _shortened(self.app, cast("_Handle", server.request_handler)))
        return server


def _shortened(app: web.Application, otherwise: _Handle) -> _Handle:
    """Requests to an inbox go where one at the same path was led by `otherwise` before."""
    measured = measure.measured(app[INSTANCE])
    take = partial(errors.middleware, handler=inbox.inbox)
    led: dict[str, tuple[web.UrlMappingMatchInfo, measure.Route]] = {}

    async def handle(request: web.Request) -> web.StreamResponse:
        known = led.get(request.raw_path)
        if known is not None and request.method == hdrs.METH_POST and hdrs.EXPECT not in request.headers:
            request._match_info, route = known
            return await measured(request, take, route)
        response = await otherwise(request)
        # Nobody fills it who may not say anything.
        if (
            response.status == HTTPStatus.ACCEPTED
            and request.match_info.handler is inbox.inbox
            and len(request.raw_path) <= _LONGEST
        ):
            if len(led) >= REMEMBERED:
                del led[next(iter(led))]
            led[request.raw_path] = request.match_info, measure.route_of(request)
        return response

    return handle

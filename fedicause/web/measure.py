"""Around every request: its number, how long it took, and what it came to."""

import logging
from time import perf_counter
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import istr

from fedicause.instance import Instance
from fedicause.watching import logs
from fedicause.web import network
from fedicause.web.taken import WRITTEN

HEADER: Final = istr("X-Request-Id")
UNKNOWN: Final = "an unknown address"

log = logging.getLogger(__name__)

Route = tuple[str, str]
"""A method, and the template of an address."""


class Measured(Protocol):
    async def __call__(
        self, request: web.Request, handler: Handler, route: Route | None = None
    ) -> web.StreamResponse:
        """A middleware; `route` is where the request leads, if the caller knows."""


def measured(instance: Instance) -> Measured:
    """The outermost layer: what it does costs every request some microseconds."""
    meter, slow = instance.meter, instance.settings.slow

    @web.middleware
    async def middleware(
        request: web.Request, handler: Handler, route: Route | None = None
    ) -> web.StreamResponse:
        given = request.headers.get(HEADER)
        number = given if given is not None and _is_believed(given, request) else logs.new_number()
        token = logs.REQUEST.set(number)
        status = 500
        began = perf_counter()
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            answer.headers[HEADER] = number
            raise
        finally:
            seconds = perf_counter() - began
            route = route or route_of(request)
            meter.answered(route, status, seconds)
            if seconds > slow:
                method, template = route
                meter.slow(method, template, status, seconds, number=number, at=instance.now())
                log.warning(
                    "%s %s took %.2f s",
                    method,
                    template,
                    seconds,
                    extra={
                        "fields": {"method": method, "route": template, "status": status}
                        | {"seconds": round(seconds, 3)}
                    },
                )
            logs.REQUEST.reset(token)
        # What other servers get most often is sent as it is, and nobody looks at it.
        if response is not WRITTEN and not response.prepared:
            response.headers[HEADER] = number
        return response

    return middleware


def route_of(request: web.Request) -> Route:
    """What was asked for, without what only its sender may know: an address may hold a letter's token."""
    route = request.match_info.route
    resource = route.resource
    if resource is None:
        # A method that nobody knows is the sender's own word.
        return "", UNKNOWN
    return route.method, resource.canonical


def _is_believed(given: str, request: web.Request) -> bool:
    """A number comes from a proxy of ours, and is one."""
    return logs.well_formed(given) and network.is_proxy(request)

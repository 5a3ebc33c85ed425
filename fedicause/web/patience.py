"""Clients that take their time: how long a request may be under way, an answer unread, and how many they are.

aiohttp bounds how long the head of a request may take (the keep-alive time), and nothing else.
"""

import asyncio
import logging
import resource
from typing import Final

from aiohttp import web

log = logging.getLogger(__name__)

BODY_WITHIN: Final = 30.0
"""Seconds for the body of a request, if it is not long."""
SLOWEST: Final = 16 * 1024
"""Bytes of a long body that have to come in a second."""
TAKEN_WITHIN: Final = 60.0
"""Seconds for somebody to take anything more of an answer."""
EVERY: Final = 1.0
# For the database, other servers, files.
_OTHER_FILES: Final = 512
_FEWEST: Final = 256


def allow_files() -> int:
    """Lets this process open as many files as it may; for how many connections of clients that is room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(max(most, soft) - _OTHER_FILES, _FEWEST)


class Doorkeeper:
    """Ends the connections of one server that take too long, and the idlest where there are too many."""

    def __init__(
        self,
        server: web.Server,
        *,
        most: int,
        body_within: float = BODY_WITHIN,
        taken_within: float = TAKEN_WITHIN,
        every: float = EVERY,
    ) -> None:
        self._server = server
        self._most = most
        self._body_within = body_within
        self._taken_within = taken_within
        self._every = every
        self._time = asyncio.get_running_loop().time
        self._coming: dict[int, tuple[web.BaseRequest, float]] = {}
        self._unread: dict[int, tuple[asyncio.Transport, int, float]] = {}

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            self.look()

    def look(self) -> None:
        """Looks at every connection once."""
        now = self._time()
        coming, unread = self._coming, self._unread
        self._coming, self._unread = {}, {}
        connections = list(self._server.connections)
        idle = []
        for each in connections:
            transport = each.transport
            if transport is None:
                continue
            request = each._current_request
            left = transport.get_write_buffer_size()
            if left:
                known, size, since = unread.get(id(each), (transport, left, now))
                if known is not transport or size != left:
                    since = now
                if now - since >= self._taken_within:
                    _end(transport, "does not take its answer")
                    continue
                self._unread[id(each)] = (transport, left, since)
            if request is None:
                idle.append(transport)
            elif not request.content.is_eof():
                known_request, since = coming.get(id(each), (request, now))
                since = since if known_request is request else now
                if now - since >= self._body_within + (request.content_length or 0) / SLOWEST:
                    _end(transport, "is too slow")
                    continue
                self._coming[id(each)] = (request, since)
        # The oldest first: whoever has just come is about to ask.
        for transport in idle[: max(0, len(connections) - self._most)]:
            _end(transport, "has nothing to say, and others wait")


def _end(transport: asyncio.Transport, why: str) -> None:
    log.info("a client %s: its connection ends", why)
    transport.abort()

"""Where a web process listens, and how it goes without losing a request."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from fedicause import systemd
from fedicause.web import patience
from fedicause.web.leaving import STOPPING
from fedicause.web.patience import Doorkeeper
from fedicause.web.shortcut import Runner

log = logging.getLogger(__name__)

HOLD: Final = 3.0
"""Seconds that a connection without a request is kept when the server stops: longer than the proxies of
deploy/ keep an idle one, so that none is closed in the moment in which a request comes over it."""
GRACE: Final = 10.0
"""Seconds that requests under way are given when the server stops."""
KEPT: Final = 75.0
"""Seconds that a connection is kept open for its next request."""
BACKLOG: Final = 1024
_LOOK: Final = 0.02


@asynccontextmanager
async def opened(
    app: web.Application, host: str, port: int, *, stop: asyncio.Event
) -> AsyncIterator[list[str]]:
    """The application behind systemd's sockets, else at this host and port; gives the addresses.

    From `stop` on every answer is the last one of its connection. At the end of the context every request
    that was sent is answered, as far as GRACE allows. Raises OSError where something else listens.
    """
    app[STOPPING] = stop
    runner = Runner(
        app, access_log=None, handle_signals=False, shutdown_timeout=GRACE, keepalive_timeout=KEPT
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - it is set up
    doorkeeper = Doorkeeper(runner.server, most=patience.allow_files())
    watch = asyncio.create_task(doorkeeper.watch(), name="doorkeeper")
    try:
        sockets = systemd.sockets()
        sites: list[web.BaseSite] = [web.SockSite(runner, each, backlog=BACKLOG) for each in sockets]
        if not sockets:
            sites.append(web.TCPSite(runner, host, port, backlog=BACKLOG))
        for each in sites:
            await each.start()
        systemd.tell("READY=1")
        yield [_address(each) for each in sockets] or [f"{host}:{port}"]
        systemd.tell("STOPPING=1")
        stop.set()
        log.info("Stopping: answering those who are here")
        await _leave(runner, sites)
    finally:
        watch.cancel()
        await runner.cleanup()


async def _leave(runner: web.AppRunner, sites: list[web.BaseSite]) -> None:
    """Lets go of the connections that there are, then of the door, then of who came in last."""
    server = runner.server
    if server is None:
        return
    await _until_gone(server, set(server.connections))
    for each in sites:
        await each.stop()
    # What was accepted before the door closed may not have said yet what it wants.
    await asyncio.sleep(_LOOK)
    await _until_gone(server, set(server.connections))


async def _until_gone(server: web.Server, known: set[web.RequestHandler]) -> None:
    """Until each of these connections is closed; HOLD seconds at most."""
    for _ in range(round(HOLD / _LOOK)):
        if not known.intersection(server.connections):
            return
        await asyncio.sleep(_LOOK)


def _address(listening: socket.socket) -> str:
    name = listening.getsockname()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)

"""Whether the server lives, whether it can do its work, and its numbers: for whoever watches it."""

import hmac
import os
from typing import Final

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from fedicause import running
from fedicause.settings import Settings
from fedicause.web import network
from fedicause.web.keys import INSTANCE, SHELF

LEAST_ROOM: Final = 2 * 1024 * 1024
"""Bytes without which no transaction is sure to find its place."""

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """200 once the database answers and there is room to write, else 503."""
    settings = request.app[INSTANCE].settings
    if not has_room(settings):
        return web.Response(status=503, text="There is no room on the disk.\n", headers={"Retry-After": "60"})
    try:
        async with request.app[INSTANCE].database.reading() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        return web.Response(status=503, text="The database does not answer.\n", headers={"Retry-After": "5"})
    return web.Response(text="ok\n")


@routes.get("/metrics")
async def numbers(request: web.Request) -> web.Response:
    """For Prometheus. Whoever knows the token; without one programs on this machine, not behind a proxy."""
    instance = request.app[INSTANCE]
    token = instance.settings.metrics_token
    if token is not None and not _shows(request, token):
        told = {"WWW-Authenticate": 'Bearer realm="metrics"', "Cache-Control": "no-store"}
        return web.Response(status=401, text="Show the token of FEDICAUSE_METRICS_TOKEN.\n", headers=told)
    if token is None and not network.is_from_here(request):
        said = "Ask on this machine and not through the proxy, or set FEDICAUSE_METRICS_TOKEN.\n"
        return web.Response(status=403, text=said, headers={"Cache-Control": "no-store"})
    # Many an instance is asked for them by nobody.
    from fedicause.watching import exposition, metrics, state  # noqa: PLC0415

    found: state.State | None
    try:
        found = (await request.app[SHELF].look("metrics", lambda: state.read(instance))).view
    except (SQLAlchemyError, OSError):
        found = None
    headers = {"Content-Type": exposition.CONTENT_TYPE, "Cache-Control": "no-store"}
    return web.Response(body=metrics.render(instance, found).encode(), headers=headers)


def _shows(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def has_room(settings: Settings) -> bool:
    """Whether there is room where our own files are, the database's too if it is one."""
    file = running.database_file(settings)
    for place in {settings.data} if file is None else {settings.data, file.parent}:
        if place.is_dir():
            found = os.statvfs(place)
            if found.f_bavail * found.f_frsize < LEAST_ROOM:
                return False
    return True

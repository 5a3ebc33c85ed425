"""Whether the server lives, and whether it can do its work: for whoever watches it."""

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from fedicause.web.keys import INSTANCE

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """200 once the database answers, else 503."""
    try:
        async with request.app[INSTANCE].database.reading() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        return web.Response(status=503, text="The database does not answer.\n", headers={"Retry-After": "5"})
    return web.Response(text="ok\n")

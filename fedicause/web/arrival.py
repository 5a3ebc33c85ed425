"""How a request arrived here, told to nobody but `fedicause doctor`: what stands in front may change it."""

from aiohttp import web

from fedicause import __version__, looking_glass
from fedicause.web import network, nothing
from fedicause.web.keys import INSTANCE

routes = web.RouteTableDef()


@routes.get(looking_glass.PATH)
async def arrival(request: web.Request) -> web.Response:
    """What came of the caller's own request; without the secret there is nothing at this address."""
    instance = request.app[INSTANCE]
    now = instance.now()
    if not looking_glass.is_ours(instance.seal, request.headers.get(looking_glass.HEADER, ""), now):
        raise nothing.Missing("arrival")
    return web.json_response(
        {
            "version": __version__,
            "dev": instance.settings.dev,
            "host": request.headers.get("Host", ""),
            "target": request.raw_path,
            "accept": request.headers.get("Accept", ""),
            "forwarded": ",".join(request.headers.getall("X-Forwarded-For", ())),
            "proto": request.headers.get("X-Forwarded-Proto", ""),
            "peer": request.remote or "",
            "is_believed": network.is_proxy(request),
        },
        headers={"Cache-Control": "no-store"},
    )

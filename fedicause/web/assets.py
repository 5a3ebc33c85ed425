"""The files that pages are made with: served under names that change with their content, so kept for ever."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web
from msgspec import Struct

from fedicause.web import art, headers
from fedicause.web.keys import INSTANCE

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
MEDIA_TYPES: Final = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}

_STATIC: Final = Path(__file__).parent / "static"
_REFERENCE: Final = re.compile(r'url\("([\w.-]+)"\)')
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_A_DAY: Final = "public, max-age=86400"
_AN_HOUR: Final = "public, max-age=3600"

routes = web.RouteTableDef()


class Asset(Struct, frozen=True):
    """A file as it is sent: `gzipped` is None where that would save nothing."""

    name: str
    type: str
    body: bytes
    gzipped: bytes | None


@cache
def _assets() -> dict[str, Asset]:
    """Every file of `static/`, by its plain name; style sheets come last, as they name the others."""
    files = [path for path in _STATIC.rglob("*") if path.suffix in TYPES]
    found: dict[str, Asset] = {}
    for path in sorted(files, key=lambda file: (file.suffix == ".css", file.name)):
        body = path.read_bytes()
        if path.suffix == ".css":
            body = _REFERENCE.sub(lambda match: f'url("{found[match[1]].name}")', body.decode()).encode()
        digest = hashlib.sha256(body).hexdigest()[:12]
        packed = gzip.compress(body, mtime=0) if path.suffix in {".css", ".js", ".svg"} else None
        found[path.name] = Asset(f"{path.stem}.{digest}{path.suffix}", TYPES[path.suffix], body, packed)
    return found


def static(name: str) -> str:
    """The path of a file of `static/`, with the digest of its content; KeyError for an unknown one."""
    return f"/static/{_assets()[name].name}"


@cache
def _by_served_name() -> dict[str, tuple[Asset, str]]:
    """The name with its digest is kept for ever; the plain one, which other servers know, for a day."""
    assets = _assets()
    return {asset.name: (asset, _FOR_EVER) for asset in assets.values()} | {
        plain: (asset, _A_DAY) for plain, asset in assets.items()
    }


@routes.get("/static/{name}")
async def file(request: web.Request) -> web.Response:
    found = _by_served_name().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return _answer(request, *found)


@routes.get("/favicon.ico")
async def favicon(request: web.Request) -> web.Response:
    return _answer(request, _assets()["icon.png"], _A_DAY)


@routes.get("/embed.js")
async def embedding(request: web.Request) -> web.Response:
    """What other sites load: its address stays, so what is mended in it is everywhere within the hour."""
    return _answer(request, _assets()["embed.js"], _AN_HOUR)


@routes.get("/robots.txt")
async def robots(request: web.Request) -> web.Response:
    return _answer(request, _assets()["robots.txt"], _A_DAY)


@routes.get("/art/{slug}.svg")
async def drawing(request: web.Request) -> web.Response:
    """The picture of a campaign that has none; it depends on nothing but the slug."""
    body = art.svg(request.match_info["slug"][:100])
    return web.Response(
        body=body, headers={**headers.FILE, "Content-Type": TYPES[".svg"], "Cache-Control": _A_DAY}
    )


@routes.get("/media/{name}")
async def media(request: web.Request) -> web.FileResponse:
    """A campaign's picture. The type is the one that we say: what was uploaded is never sniffed, nor run."""
    name = request.match_info["name"]
    path = request.app[INSTANCE].settings.media / name
    type_ = MEDIA_TYPES.get(path.suffix)
    if type_ is None or name != path.name or name.startswith(".") or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(
        path, headers={**headers.FILE, "Content-Type": type_, "Cache-Control": "public, max-age=604800"}
    )


def _answer(request: web.Request, asset: Asset, cache_control: str) -> web.Response:
    sent = {**headers.FILE, "Content-Type": asset.type, "Cache-Control": cache_control}
    body = asset.body
    if asset.gzipped is not None:
        sent["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            sent["Content-Encoding"] = "gzip"
            body = asset.gzipped
    return web.Response(body=body, headers=sent)

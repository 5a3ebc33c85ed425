"""Pictures that come with a form: drawn anew, and kept aside until what they belong to is saved."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from aiohttp import web
from msgspec import Struct

from fedicause.campaigning import pictures
from fedicause.campaigning.pictures import Picture, Unusable
from fedicause.instance import Instance
from fedicause.web import gather
from fedicause.web.admin import campaign_head, frame
from fedicause.web.keys import INSTANCE

MOST_BYTES: Final = 12 << 20
WAITING: Final = campaign_head.PATH + "/new/pictures/"
KEPT_FOR: Final = timedelta(days=1)
_NAME: Final = re.compile(r"[0-9a-f]{24}\.(?:jpg|png)")
# A large one takes hundreds of megabytes while it is drawn.
_turn: Final = threading.Lock()

routes = web.RouteTableDef()


class Upload(Struct, frozen=True):
    """What came for a picture: `picture` is kept aside; `problem` says why what was sent is none."""

    picture: Picture | None = None
    problem: str = ""


@routes.get(WAITING + "{name}")
@frame.staff("campaigns")
async def show(request: web.Request) -> web.StreamResponse:
    """A picture that isn't saved yet, for those who write."""
    name = request.match_info["name"]
    path = aside(request.app[INSTANCE]) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise gather.Missing(name)
    kind = "image/png" if name.endswith("png") else "image/jpeg"
    return web.FileResponse(path, headers={**frame.page_headers(request.app[INSTANCE]), "Content-Type": kind})


async def take(request: web.Request) -> Upload:
    """The picture of a form: a file of now, or one that came with the form before and was kept aside."""
    instance = request.app[INSTANCE]
    given = request[frame.FORM].get("picture")
    if isinstance(given, web.FileField) and given.filename:
        return await pictures.in_thread(_draw, given, instance)
    name = frame.text(request, "picture_kept", 100)
    if not _NAME.fullmatch(name):
        return Upload()
    try:
        return Upload(await pictures.in_thread(pictures.look, name, aside(instance)))
    except Unusable:
        return Upload(problem="lost")


@asynccontextmanager
async def adopted(instance: Instance, picture: Picture | None) -> AsyncIterator[None]:
    """The picture is where everybody sees it, unless what it belongs to comes to nothing."""
    if picture is None:
        yield
        return
    media = instance.settings.media
    is_new = await asyncio.to_thread(pictures.adopt, picture.name, aside(instance), media)
    try:
        yield
    except BaseException:
        if is_new:
            pictures.remove(picture.name, media)
        raise
    await asyncio.to_thread(pictures.remove, picture.name, aside(instance))


def aside(instance: Instance) -> Path:
    """Where pictures wait, which nobody is shown."""
    return instance.settings.data / "waiting"


def _draw(given: web.FileField, instance: Instance) -> Upload:
    pictures.sweep(aside(instance), before=(instance.now() - KEPT_FOR).timestamp())
    try:
        with _turn:
            return Upload(pictures.keep(given.file.read(), Path(given.filename), aside(instance)))
    except Unusable:
        return Upload(problem="wrong")

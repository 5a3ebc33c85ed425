"""How ActivityPub documents are answered: read once a second at most, 410 when their campaign is deleted."""

import json
import re
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final

from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import documents, vocabulary
from fedicause.instance import Instance
from fedicause.web import cached, gather, headers
from fedicause.web.cached import Rendered
from fedicause.web.keys import INSTANCE, SHELF
from storage import campaigns

Read = Callable[[AsyncSession], Awaitable[dict[str, Any]]]

VARY: Final = "Accept, Accept-Encoding"
# Long enough for the many servers that hear of a Note at once; an edit is not asked for in vain after that.
CACHE_CONTROL: Final = "public, max-age=5"
_HEADERS: Final = {
    **headers.JSON,
    "Content-Type": vocabulary.ACTIVITY_JSON,
    "Cache-Control": CACHE_CONTROL,
    "Vary": VARY,
}
# PostgreSQL takes no NUL in a text: what can't be a name is not looked up.
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,300}")


class _Found(Struct, frozen=True):
    document: dict[str, Any]
    is_gone: bool


async def answer(request: web.Request, read: Read, *, was: str, page: Hashable = None) -> web.Response:
    """What `read` gives; for a deleted campaign's (gather.Gone) a Tombstone of what it `was`, a type.

    `page` tells apart what is read at one path. Raises gather.Missing.
    """
    instance, shelf = request.app[INSTANCE], request.app[SHELF]
    shown = await shelf.look(
        ("activity", request.path, page), lambda: _look(instance, request.path, read, was)
    )
    rendered = shelf.rendered(shown, None, lambda found: Rendered(json_bytes(found.document), _HEADERS))
    if not shown.view.is_gone:
        return cached.answer(request, rendered)
    return web.Response(status=410, body=rendered.plain.body, headers=_HEADERS)


def name_of(request: web.Request, field: str) -> str:
    """The name in the path, in lower case; raises gather.Missing for what can't be one."""
    name = request.match_info[field]
    if not _NAME.fullmatch(name):
        raise gather.Missing(name)
    return name.lower()


def address_of(request: web.Request) -> tuple[str, str]:
    """The slug and the origin (an authority) in a path as `{slug}@{origin}`; else as `name_of`."""
    origin = request.match_info["origin"]
    if not _AUTHORITY.fullmatch(origin):
        raise gather.Missing(origin)
    return name_of(request, "slug"), origin.lower()


def split_address(address: str) -> tuple[str, str | None]:
    """The slug and the origin (an authority) of `slug@origin`, or a slug alone; raises gather.Missing."""
    slug, at, origin = address.partition("@")
    if not _NAME.fullmatch(slug) or (at and not _AUTHORITY.fullmatch(origin)):
        raise gather.Missing(address)
    return slug.lower(), origin.lower() if at else None


def json_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def _look(instance: Instance, path: str, read: Read, was: str) -> _Found:
    async with instance.database.reading() as session:
        try:
            return _Found(await read(session), is_gone=False)
        except gather.Gone as gone:
            campaign = await campaigns.by_slug(session, str(gone))
    if campaign is None or campaign.deleted_at is None:
        raise gather.Missing(path)
    # Names are written in lower case, whoever asked in another.
    uri = instance.urls.base + path.lower()
    return _Found(documents.tombstone(id=uri, deleted=campaign.deleted_at, former_type=was), is_gone=True)

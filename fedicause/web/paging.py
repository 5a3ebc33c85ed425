"""Collections whose items come in pages: which one a request means, and what leads to the others."""

import re
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from federation import documents
from fedicause.web import gather
from storage.listings import Slice

PER_PAGE: Final = 20
# A row key fits in 63 bits.
_KEY: Final = re.compile(r"[0-9]{1,18}")


class Page(Struct, frozen=True):
    """One page: the newest items, or those `before` or `after` a row key."""

    before: int | None = None
    after: int | None = None

    @property
    def query(self) -> str:
        if self.before is not None:
            return f"before={self.before}"
        return "page=1" if self.after is None else f"after={self.after}"


def page_of(request: web.Request) -> Page | None:
    """The page that is asked for; None for the collection itself. Raises gather.Missing for no page."""
    query = request.query
    for name in ("before", "after"):
        if name in query:
            if not _KEY.fullmatch(query[name]):
                raise gather.Missing(name)
            return Page(**{name: int(query[name])})
    if "page" not in query:
        return None
    if query["page"] not in ("1", "true"):
        raise gather.Missing("page")
    return Page()


def document(
    uri: str, page: Page | None, listed: Slice, items: Sequence[str | dict[str, Any]], *, ordered: bool
) -> dict[str, Any]:
    """The collection, or a page of it with these `items` of the slice."""
    if page is None:
        return documents.collection(
            id=uri, total=listed.total, ordered=ordered, first=f"{uri}?{Page().query}"
        )
    return documents.collection_page(
        id=f"{uri}?{page.query}",
        part_of=uri,
        items=items,
        ordered=ordered,
        total=listed.total,
        next=older(uri, listed),
        prev=None if listed.newer is None else f"{uri}?{Page(after=listed.newer).query}",
    )


def older(uri: str, listed: Slice) -> str | None:
    """The URL of the page after this slice, where there is one."""
    return None if listed.older is None else f"{uri}?{Page(before=listed.older).query}"

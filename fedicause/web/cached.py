"""Pages as rendered, once for each change and not for each reader."""

import asyncio
import gzip
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

from aiohttp import web
from msgspec import Struct, field
from multidict import CIMultiDict

from storage import absence

T = TypeVar("T")
Headers = CIMultiDict[str]

FRESH: Final = 1.0
"""Seconds for which nobody looks whether something has changed."""
ENTRIES: Final = 256
BYTES: Final = 8 * 1024 * 1024
# Seconds between two looks whether the database that is to answer has gone.
_PATIENCE: Final = 0.5
# Below one packet there is nothing to gain.
_WORTH_PACKING: Final = 1400
_REFUSED: Final = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


class Sent(Struct, frozen=True):
    """A body with all its headers, ready."""

    body: bytes
    etag: str
    headers: Headers


class Rendered:
    """One rendering, as it is sent plain and packed; a picture is packed `already`."""

    __slots__ = ("_already", "_headers", "_packed", "plain")

    def __init__(self, body: bytes, headers: Mapping[str, str], *, already: bool = False) -> None:
        self._headers = headers
        self._already = already
        self._packed: Sent | None = None
        self.plain = self._sent(body, hashlib.blake2b(body, digest_size=12).hexdigest(), {})

    def best(self, accept_encoding: str) -> Sent:
        if self._already or len(self.plain.body) < _WORTH_PACKING or not _takes_gzip(accept_encoding):
            return self.plain
        if self._packed is None:
            # Another representation, another strong ETag (RFC 9110, 8.8.3).
            tag = self.plain.etag.strip('"') + "-gzip"
            body = gzip.compress(self.plain.body, compresslevel=6, mtime=0)
            self._packed = self._sent(body, tag, {"Content-Encoding": "gzip"})
        return self._packed

    def _sent(self, body: bytes, tag: str, more: Mapping[str, str]) -> Sent:
        etag = f'"{tag}"'
        return Sent(body, etag, CIMultiDict({**self._headers, **more, "ETag": etag}))


class Shown(Struct, Generic[T]):
    """What an address shows until `fresh_until`, and its renderings (by language) so far."""

    view: T
    fresh_until: float
    renderings: dict[Hashable, Rendered] = field(default_factory=dict)
    size: int = 0


class Shelf:
    """What was read and rendered lately, bounded by entries and bytes: what nobody asks for goes first."""

    def __init__(
        self,
        *,
        fresh: float = FRESH,
        entries: int = ENTRIES,
        size: int = BYTES,
        clock: Callable[[], float] = time.monotonic,
        is_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._fresh = fresh
        self._is_away = is_away
        self._most_entries = entries
        self._most_bytes = size
        self._clock = clock
        self._shown: OrderedDict[Hashable, Shown[object]] = OrderedDict()
        self._looking: dict[Hashable, asyncio.Task[Shown[object]]] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._shown)

    def fresh(self, key: Hashable) -> Shown[object] | None:
        """What is shown at `key`, if somebody looked within the last second."""
        found = self._shown.get(key)
        if found is None or found.fresh_until <= self._clock():
            return None
        self._shown.move_to_end(key)
        return found

    async def look(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> Shown[T]:
        """What `read` gives, read at most once a second: who asks meanwhile waits for the same answer.

        The renderings stay as long as the view is equal to the one before. Whatever `read` raises is raised
        for everybody who waits, and not kept. While the database is away, what was shown last is shown on.
        """
        found = self.fresh(key)
        if found is None:
            task = self._looking.get(key)
            if task is None:
                task = asyncio.create_task(self._look(key, read))
                self._looking[key] = task
                task.add_done_callback(lambda done: self._done(key, done))
            before = self._shown.get(key)
            while before is not None and not task.done():
                if self._is_away():
                    return before  # type: ignore[return-value]
                await asyncio.wait({task}, timeout=_PATIENCE)
            try:
                # A reader who goes away does not take the answer from the others.
                found = await asyncio.shield(task)
            except Exception as error:
                if before is None or not absence.is_away(error):
                    raise
                found = before
        return found  # type: ignore[return-value]

    def rendered(self, shown: Shown[T], variant: Hashable, render: Callable[[T], Rendered]) -> Rendered:
        """The rendering of what is shown, made when it is first asked for."""
        rendering = shown.renderings.get(variant)
        if rendering is None:
            rendering = shown.renderings[variant] = render(shown.view)
            # Twice: the packed one comes with the first browser.
            grown = 2 * len(rendering.plain.body)
            shown.size += grown
            self.size += grown
            self._shrink()
        return rendering

    async def _look(self, key: Hashable, read: Callable[[], Awaitable[object]]) -> Shown[object]:
        # From before reading: what changes meanwhile is seen when this second is over.
        until = self._clock() + self._fresh
        view = await read()
        found = self._shown.get(key)
        if found is not None and found.view == view:
            found.fresh_until = until
            return found
        self._forget(key)
        found = self._shown[key] = Shown(view, until)
        self._shrink()
        return found

    def _done(self, key: Hashable, task: asyncio.Task[Shown[object]]) -> None:
        del self._looking[key]
        if not task.cancelled():
            task.exception()  # seen, even if every reader went away

    def _forget(self, key: Hashable) -> None:
        found = self._shown.pop(key, None)
        if found is not None:
            self.size -= found.size

    def _shrink(self) -> None:
        while len(self._shown) > self._most_entries or self.size > self._most_bytes:
            self._forget(next(iter(self._shown)))


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether the packed one may be sent: named, and not as what is refused (RFC 9110, 12.5.3)."""
    return "gzip" in accept_encoding and _REFUSED.search(accept_encoding) is None


def answer(request: web.Request, rendered: Rendered) -> web.Response:
    """The response, or 304 for who has it already."""
    sent = rendered.best(request.headers.get("Accept-Encoding", ""))
    known = request.headers.get("If-None-Match")
    if known is not None and (sent.etag in known or known.strip() == "*"):
        headers = sent.headers.copy()
        headers.pop("Content-Type", None)
        headers.pop("Content-Encoding", None)
        return web.Response(status=304, headers=headers)
    return web.Response(body=sent.body, headers=sent.headers)

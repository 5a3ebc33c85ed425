"""What is loaded once somebody asks for it, in a thread, as it takes a while: idle servers do without."""

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from aiohttp import web
from yarl import URL

from federation import lazily

T = TypeVar("T")


class Loading(Generic[T]):
    """What `load` gives; it is called by the first who waits, and again only where that broke."""

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._task: asyncio.Task[T] | None = None
        self.is_over = False

    async def wait(self) -> T:
        if self._task is None or (self._task.done() and not self.is_over):
            self._task = asyncio.create_task(lazily.alone(self._load), name="loading")
        # Who goes away does not take it from the others.
        loaded = await asyncio.shield(self._task)
        self.is_over = True
        return loaded


class Later(web.AbstractResource):
    """Routes: everything at `path` and below it is what `load` gives."""

    def __init__(self, path: str, load: Callable[[], web.UrlDispatcher]) -> None:
        super().__init__()
        self._path = path
        self._load = functools.cache(load)
        self._loading = Loading(self._load)
        self._router: web.UrlDispatcher | None = None

    @property
    def canonical(self) -> str:
        return self._path

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        if self._router is None:
            self._router = await self._loading.wait()
        found = await self._router.resolve(request)
        if found.http_exception is None:
            return found, set()
        refused = found.http_exception
        return None, refused.allowed_methods if isinstance(refused, web.HTTPMethodNotAllowed) else set()

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(self._load().routes())

    def __len__(self) -> int:
        return len(list(iter(self)))

    def url_for(self, **_: str) -> URL:
        raise RuntimeError("its routes have addresses, and the whole has none")

    def add_prefix(self, prefix: str) -> None:
        raise RuntimeError("it stays where it is")

    def get_info(self) -> dict[str, str]:  # type: ignore[override]
        return {"prefix": self._path}

    def raw_match(self, path: str) -> bool:
        return path == self._path

"""What pages keep as long as the application lives, made by the first who needs it.

The pages are loaded late, and an application that runs takes nothing more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")
Opened = TypeVar("Opened", bound=AbstractAsyncContextManager[Any])


class Kept:
    """One of a kind of each."""

    def __init__(self) -> None:
        self._made: dict[type[Any], Any] = {}
        self._opening = asyncio.Lock()
        self._open = AsyncExitStack()

    def one(self, kind: type[T], make: Callable[[], T]) -> T:
        if kind not in self._made:
            self._made[kind] = make()
        made: T = self._made[kind]
        return made

    async def opened(self, kind: type[Opened], make: Callable[[], Opened]) -> Opened:
        """The same, entered: it is left when the application ends."""
        async with self._opening:
            if kind not in self._made:
                self._made[kind] = await self._open.enter_async_context(make())
        made: Opened = self._made[kind]
        return made

    async def close(self) -> None:
        await self._open.aclose()


KEPT = web.AppKey("kept", Kept)


def prepare(app: web.Application) -> None:
    app[KEPT] = Kept()
    app.cleanup_ctx.append(_kept)


async def _kept(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[KEPT].close()

"""When the demo ends: what everything that goes on in it looks at between one thing and the next."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

LOOKING_EVERY: Final = 0.1


class Ending:
    """Has not come yet. `event` is set when it has."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    @property
    def has_come(self) -> bool:
        return self.event.is_set()

    async def within(self, seconds: float) -> bool:
        """Waits so long, or until the end; whether it has come."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.event.wait(), seconds)
        return self.event.is_set()

    async def every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while not await self.within(seconds):
            await step()

    async def until(self, asked: Callable[[], Awaitable[bool]], *, within: float) -> bool:
        """Asks until the answer is yes, or the seconds are over, or the end has come; the last answer."""
        patience = asyncio.get_running_loop().time() + within
        while not (answer := await asked()):
            if asyncio.get_running_loop().time() > patience or await self.within(LOOKING_EVERY):
                break
        return answer

"""Wake-ups between the parts of a process: hints only, a sweep finds what a lost one left."""

import asyncio


class Hints:
    """Named bells. Ringing wakes whoever waits, or the next who comes; rings don't add up."""

    def __init__(self) -> None:
        self._bells: dict[str, asyncio.Event] = {}

    def ring(self, name: str) -> None:
        self._bells.setdefault(name, asyncio.Event()).set()

    async def wait(self, name: str, seconds: float) -> None:
        """Returns at the next ring of this bell, or after so many seconds."""
        bell = self._bells.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
        bell.clear()

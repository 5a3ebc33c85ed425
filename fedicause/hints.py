"""Wake-ups between the parts of a process, and from other processes: a sweep finds what a lost one left."""

import asyncio
from collections.abc import Callable

Forget = Callable[[str], None]


class Hints:
    """Named bells. Ringing wakes whoever waits, or the next who comes; rings don't add up.

    Who keeps in memory what the database says listens for the bell that means that it has changed.
    """

    def __init__(self) -> None:
        self._bells: dict[str, asyncio.Event] = {}
        self._listeners: dict[str, list[Forget]] = {}

    def listen(self, name: str, forget: Forget) -> None:
        """Calls `forget` at every ring of this bell with what the ring is about; empty: anything may be."""
        self._listeners.setdefault(name, []).append(forget)

    def ring(self, name: str, about: str = "") -> None:
        for forget in self._listeners.get(name, ()):
            forget(about)
        bell = self._bells.get(name)
        if bell is None:
            bell = self._bells[name] = asyncio.Event()
        bell.set()

    def ring_all(self) -> None:
        """Rings every bell, for whatever may have been missed."""
        for name in {*self._bells, *self._listeners}:
            self.ring(name)

    async def wait(self, name: str, seconds: float) -> None:
        """Returns at the next ring of this bell, or after so many seconds."""
        bell = self._bells.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
        bell.clear()

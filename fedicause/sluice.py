"""A crowd is let in little by little: in between, the event loop looks at everything else."""

import asyncio
from collections import deque


class Sluice:
    """Lets so many through in one turn of the event loop; whoever comes then waits for a later one."""

    def __init__(self, at_once: int) -> None:
        self._at_once = self._left = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_running = False

    def enter(self) -> asyncio.Future[None] | None:
        """What to wait for before going on; None: nothing."""
        loop = asyncio.get_running_loop()
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._run)
        if self._left:
            self._left -= 1
            return None
        future = loop.create_future()
        self._waiting.append(future)
        return future

    def _run(self) -> None:
        left = self._at_once
        while left and self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                left -= 1
        self._is_running = left < self._at_once
        self._left = left
        if self._is_running:
            asyncio.get_running_loop().call_soon(self._run)

"""Notices that the clock was put forward or back while the server runs."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from storage.columns import EPOCH

log = logging.getLogger(__name__)

SLIGHT: Final = timedelta(seconds=30)
"""By so much a clock is set right now and then without anybody having to know."""


class Timekeeper:
    """Compares the clock on the wall with one that only ever runs."""

    def __init__(self, now: Callable[[], datetime], *, steady: Callable[[], float] | None = None) -> None:
        self._now = now
        self._steady = steady or asyncio.get_running_loop().time
        self._before = self._offset()

    def step(self) -> timedelta | None:
        """By how much the clock was put forward (or back: negative) since the last look, if it was."""
        offset = self._offset()
        step, self._before = offset - self._before, offset
        if abs(step) <= SLIGHT:
            return None
        log.warning("the clock was put %s by %s", "forward" if step > timedelta(0) else "back", abs(step))
        return step

    def _offset(self) -> timedelta:
        return self._now() - EPOCH - timedelta(seconds=self._steady())

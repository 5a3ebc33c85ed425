"""A database that is away for a while, or has no room: how that is told from other errors, and waited for."""

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

log = logging.getLogger(__name__)

PATIENCE: Final = 8.0
"""Seconds that a transaction waits to begin: a restart takes less, and senders wait for ten."""
_ASKED_EVERY: Final = 0.25

# PostgreSQL's (appendix A of its manual): connections, too many of them; stopping, crashed, starting.
_AWAY: Final = ("08", "53300", "57P01", "57P02", "57P03")
# No room on its disk; nor in its memory.
_FULL: Final = ("53100", "53200")
_SQLITE_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)


class Away(ConnectionError):
    """The database did not come back in the time that anybody waits for it."""


def is_away(error: BaseException | None) -> bool:
    """Whether this says that the database can't be reached, or was lost on the way; it may be back soon."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_away(each) for each in error.exceptions)
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _state(error).startswith(_AWAY)
    return isinstance(error, (ConnectionError, NoConnectionLeft)) or (
        isinstance(error, OSError) and error.errno in {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
    )


def keeps_out(error: BaseException) -> bool:
    """Whether this, from somebody who wanted a connection, says that the database is away."""
    if isinstance(error, NoConnectionLeft):
        return False
    # A name that is not found, a connection that takes too long: what else would it be?
    return isinstance(error, OSError) or is_away(error)


def is_full(error: BaseException | None) -> bool:
    """Whether this says that there is no room on a disk, the database's or ours."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlite_errorcode", None)
        return _state(error).startswith(_FULL) or code in _SQLITE_FULL
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


class Watch:
    """Whether a database is away. Whoever meets its absence waits here, and one alone knocks for all."""

    def __init__(self, knock: Callable[[], Awaitable[Any]]) -> None:
        self._knock = knock
        self._back = asyncio.Event()
        self._back.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_away(self) -> bool:
        return not self._back.is_set()

    def missed(self, error: BaseException) -> None:
        """Somebody could not reach it."""
        if self._back.is_set():
            log.warning("the database is away: %s", type(error).__name__)
            self._back.clear()
            self._task = asyncio.create_task(self._look_out(), name="database watch")

    async def wait(self, seconds: float) -> None:
        """Returns as soon as the database answers; raises Away when it does not within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._back.wait()
        except TimeoutError:
            raise Away("the database does not answer") from None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _look_out(self) -> None:
        while True:
            try:
                await self._knock()
            except Exception as error:
                if not keeps_out(error):
                    # It answers, with another error: whoever asks next is told.
                    break
            else:
                break
            await asyncio.sleep(_ASKED_EVERY)
        self._back.set()
        log.warning("the database is back")

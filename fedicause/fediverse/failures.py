"""Keys that could not be had lately, and hosts with many of those: nobody asks for them again so soon."""

import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from federation import httpsig
from fedicause.group_commit import Overloaded
from storage import key_failures
from storage.database import Database
from storage.key_failures import Failure

log = logging.getLogger(__name__)

OF_A_HOST: Final = 50
_HOSTS: Final = 10_000
_KEYS: Final = 50_000


class Known(Exception):
    """Another process has found out how asking ends: with `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(*error.args)
        self.error = error


class Failures:
    """What failed, in memory; with PostgreSQL shared by all processes, of which there may be any number.

    They may ask about a host once more each than OF_A_HOST, for what they have under way.
    """

    def __init__(
        self,
        database: Database,
        remember: Callable[[Failure], Awaitable[object]],
        now: Callable[[], datetime],
        *,
        not_again_for: timedelta,
    ) -> None:
        self._database = database
        self._remember = remember
        self._now = now
        self._not_again_for = not_again_for
        self._is_shared = database.dialect == "postgresql"
        self._failed: OrderedDict[str, tuple[datetime, Exception]] = OrderedDict()
        self._hosts: OrderedDict[str, deque[datetime]] = OrderedDict()

    def check(self, key_id: str, host: str) -> None:
        """Raises what asking for this key ended with, by what this process knows."""
        self.check_key(key_id)
        times = self._hosts.get(host)
        if times and len(times) == OF_A_HOST and abs(self._now() - times[0]) < self._not_again_for:
            raise httpsig.Forged("too many keys of this host could not be had")

    def check_key(self, key_id: str) -> None:
        """The same of the key alone."""
        failed = self._failed.get(key_id)
        # Not longer than that, even if the clock was put back meanwhile.
        if failed and timedelta(0) < failed[0] - self._now() <= self._not_again_for:
            raise type(failed[1])(*failed[1].args)

    async def ask_others(self, key_id: str, host: str) -> None:
        """Raises Known for what other processes know."""
        if not self._is_shared:
            return
        now = self._now()
        async with self._database.reading() as session:
            failed = await key_failures.of_key(session, key_id, now)
            oldest = await key_failures.nth_latest(session, host, OF_A_HOST, now - self._not_again_for)
        if failed is not None:
            until, is_final = failed
            error = (httpsig.Forged if is_final else httpsig.KeyPending)("another process could not have it")
            self._keep(key_id, until, error)
            raise Known(error)
        if oldest is not None:
            self._of(host).extend([oldest] * OF_A_HOST)
            raise Known(httpsig.Forged("too many keys of this host could not be had"))

    async def note(self, key_id: str, host: str, error: Exception) -> Exception:
        """Remembers how asking for this key ended; returns that."""
        now = self._now()
        until = now + self._not_again_for
        self._keep(key_id, until, error)
        self._of(host).append(now)
        if self._is_shared:
            try:
                await self._remember(Failure(key_id, host, now, until, isinstance(error, httpsig.Forged)))
            except Overloaded:
                log.info("that a key of %s failed is known to this process alone", host)
        return error

    def _keep(self, key_id: str, until: datetime, error: Exception) -> None:
        # Without its traceback, which would keep the request that met it.
        self._failed[key_id] = (until, type(error)(*error.args))
        while len(self._failed) > _KEYS:
            self._failed.popitem(last=False)

    def _of(self, host: str) -> "deque[datetime]":
        times = self._hosts.setdefault(host, deque[datetime](maxlen=OF_A_HOST))
        self._hosts.move_to_end(host)
        while len(self._hosts) > _HOSTS:
            self._hosts.popitem(last=False)
        return times

"""The system's resolver without its queue: a name that is slow to be found keeps no other one waiting.

The event loop has two threads for look-ups, and a dead name server holds each for as long as the system is
patient: half a minute for one name.
"""

import asyncio
import socket
import threading
from collections import OrderedDict
from typing import Any, Final

from aiohttp import abc

FOUND_WITHIN: Final = 5.0
"""Seconds that anybody waits for a name."""
AT_ONCE: Final = 64
FORGOTTEN_AFTER: Final = 10.0
"""Seconds for which a name that was not found is not asked for again."""
_REMEMBERED: Final = 4096

_NUMBERS: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Names(abc.AbstractResolver):
    """Looks names up in threads that end with the process, so many at once; made inside a running loop.

    What was not found is not asked for again for some seconds.
    """

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        found_within: float = FOUND_WITHIN,
        forgotten_after: float = FORGOTTEN_AFTER,
    ) -> None:
        self._found_within = found_within
        self._forgotten_after = forgotten_after
        self._turn = asyncio.Semaphore(at_once)
        self._loop = asyncio.get_running_loop()
        self._missing: OrderedDict[tuple[str, int], tuple[float, str]] = OrderedDict()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        """All addresses of a host; raises OSError."""
        key = (host, family)
        until, error = self._missing.get(key, (0.0, ""))
        if self._loop.time() < until:
            raise OSError(None, error)
        try:
            async with asyncio.timeout(self._found_within):
                found = await self._look_up(host, port, family)
        except TimeoutError:
            raise self._miss(key, "the name is slow to be found") from None
        except (socket.gaierror, UnicodeError) as failure:
            raise self._miss(key, str(failure.args[-1])) from failure
        return [
            abc.ResolveResult(
                hostname=host,
                host=_numeric(address),
                port=address[1],
                family=family,
                proto=protocol,
                flags=_NUMBERS,
            )
            for family, _, protocol, _, address in found
            # An interpreter without IPv6 has other tuples there.
            if isinstance(address[0], str)
        ]

    async def close(self) -> None:
        """Nothing is held: threads under way end by themselves."""

    def _miss(self, key: tuple[str, int], error: str) -> OSError:
        self._missing[key] = (self._loop.time() + self._forgotten_after, error)
        self._missing.move_to_end(key)
        while len(self._missing) > _REMEMBERED:
            self._missing.popitem(last=False)
        return OSError(None, error)

    async def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[Any]:
        await self._turn.acquire()
        future: asyncio.Future[list[Any]] = self._loop.create_future()

        def done(found: list[Any] | None, error: Exception | None) -> None:
            self._turn.release()
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(found or [])

        def look() -> None:
            found, failure = None, None
            try:
                found = socket.getaddrinfo(
                    host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            except Exception as error:  # told to whoever waits, in another thread
                failure = error
            try:
                self._loop.call_soon_threadsafe(done, found, failure)
            except RuntimeError:
                return  # the loop is over, and so is the wait

        # Not from a pool: those are waited for when the process ends.
        threading.Thread(target=look, name="name", daemon=True).start()
        return await future


def _numeric(address: Any) -> str:
    """The address with the network card that a link-local one needs, though none of those is ever dialled."""
    if len(address) == 4 and address[3]:
        return f"{address[0]}%{address[3]}"
    return str(address[0])

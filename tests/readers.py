"""People who read all the time, and what became of each of their requests."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

READERS: Final = 6
POSTING: Final = (4, 5)
PATHS: Final = ("/campaigns/forest", "/api/campaigns/forest/support", "/", "/about")
PROXY_KEEPS: Final = 2.0
"""Seconds for which the proxies of deploy/ keep an idle connection."""


@dataclass
class Readers:
    """People who look at pages and counts, through a proxy that keeps connections, or each over a new one."""

    url: str
    poster: str
    """Where some of them POST something that nobody takes: such a request is never sent twice by itself."""
    connector: Callable[..., aiohttp.TCPConnector] = aiohttp.TCPConnector
    answers: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    is_over: bool = False

    async def live(self) -> None:
        kept = self.connector(limit=0, keepalive_timeout=PROXY_KEEPS)
        async with (
            aiohttp.ClientSession(connector=kept) as through_proxy,
            aiohttp.ClientSession(connector=self.connector(force_close=True)) as anew,
            asyncio.TaskGroup() as group,
        ):
            for number in range(READERS):
                group.create_task(self._read(through_proxy if number % 2 else anew, number))

    async def _read(self, session: aiohttp.ClientSession, number: int) -> None:
        path = self.poster if number in POSTING else PATHS[number % len(PATHS)]
        while not self.is_over:
            began = time.monotonic()
            ask = session.post if number in POSTING else session.get
            try:
                async with ask(self.url + path) as answer:
                    await answer.read()
                    self.answers[answer.status] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failures.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.01)

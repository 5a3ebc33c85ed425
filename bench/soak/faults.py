"""What goes wrong: one thing every so many seconds, drawn by lot, and put right again."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from bench.soak.peers import Mood, Peers, Post
from bench.soak.site import Site

EVERY: Final = 20.0
ILL_FOR: Final = (4.0, 12.0)
STOPPED_FOR: Final = (2.0, 8.0)
AWAY_FOR: Final = (0.5, 8.0)


@dataclass
class Faults:
    """`happened` counts them by name; `disturbances` are those after which something may be done twice."""

    site: Site
    peers: Peers
    post: Post
    chance: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, str]] = field(default_factory=list)
    is_over: bool = False

    async def strike(self, until: float) -> None:
        """A fault every `EVERY` seconds, as long as there is time for it to pass."""
        drawn: list[str] = []
        while time.monotonic() + EVERY < until:
            await asyncio.sleep(EVERY)
            # Each kind before any comes again, in an order of chance.
            if not drawn:
                drawn = self.chance.sample(sorted(self.kinds), len(self.kinds))
            name = drawn.pop()
            self.happened[name] += 1
            self.times.append((time.monotonic(), name))
            await self.kinds[name]()

    @property
    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        found: dict[str, Callable[[], Awaitable[None]]] = {
            "kill -9": self._kill,
            "stopped for a while": self._freeze,
            "connections cut": self._cut,
            "peer down": lambda: self._make_ill("down"),
            "peer slow": lambda: self._make_ill("slow"),
            "peer silent": lambda: self._make_ill("silent"),
            "mail server busy": self._mail,
        }
        if self.site.server is not None:
            found["database restarted"] = lambda: self._restart(signal.SIGINT)
            found["database crashed"] = lambda: self._restart(signal.SIGQUIT)
        return found

    async def _kill(self) -> None:
        self.chance.choice(self.site.processes).signal(signal.SIGKILL)

    async def _freeze(self) -> None:
        process = self.chance.choice(self.site.processes)
        process.signal(signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(*STOPPED_FOR))
        process.signal(signal.SIGCONT)

    async def _cut(self) -> None:
        self.site.cut()

    async def _make_ill(self, mood: Mood) -> None:
        port = self.chance.choice(self.peers.ports)
        self.peers.moods[port] = mood
        await asyncio.sleep(self.chance.uniform(*ILL_FOR))
        self.peers.moods[port] = "well"

    async def _mail(self) -> None:
        self.post.is_busy = True
        await asyncio.sleep(self.chance.uniform(*ILL_FOR))
        self.post.is_busy = False

    async def _restart(self, number: int) -> None:
        await self.site.restart_database(number, self.chance.uniform(*AWAY_FOR))

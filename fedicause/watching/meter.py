"""What one process has counted since it began: numbers only, of nobody in particular."""

import os
import secrets
import socket
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

Counted = Literal["inbox", "deliveries", "letters", "webhooks"]
Timed = Literal["group_size", "group_wait", "group_write", "loop_lag"]

Role = Literal["serve", "web", "work"]
"""What a process does: answer and work, or one of the two."""

SECONDS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0)
_BOUNDS: Final[dict[Timed, tuple[float, ...]]] = {
    "group_size": (1, 4, 16, 64, 256),
    "group_wait": SECONDS,
    "group_write": SECONDS,
    "loop_lag": SECONDS,
}
SLOW_ONES: Final = 20
"""Slow requests that are remembered."""


class Histogram:
    """How many values were at most each bound, and more than all of them; and their sum."""

    __slots__ = ("bounds", "numbers", "total")

    def __init__(self, bounds: tuple[float, ...], numbers: Sequence[int] = (), total: float = 0.0) -> None:
        self.bounds = bounds
        self.numbers = list(numbers) or [0] * (len(bounds) + 1)
        self.total = total

    def add(self, value: float) -> None:
        self.numbers[bisect_left(self.bounds, value)] += 1
        self.total += value


class Route:
    """The answers of one method and template of addresses: how many of each status, how long they took."""

    __slots__ = ("statuses", "took")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.took = Histogram(SECONDS)


class Meter:
    """Counts in plain integers, for it is on the path of every request; `report` is what others see of it."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.name = f"{socket.gethostname()[:200]}:{os.getpid()}"
        """Machine and number of the process."""
        self.role: Role = "serve"
        self.started_at = datetime.now(UTC)
        self._routes: dict[tuple[str, str], Route] = {}
        self._counters: Counter[tuple[Counted, str]] = Counter()
        self._histograms: dict[tuple[Timed, str], Histogram] = {}
        self._slow: deque[dict[str, Any]] = deque(maxlen=SLOW_ONES)

    def answered(self, route: tuple[str, str], status: int, seconds: float) -> None:
        """A request; `route` is its method and the template of its address, never the address."""
        found = self._routes.get(route)
        if found is None:
            found = self._routes[route] = Route()
        found.statuses[status] = found.statuses.get(status, 0) + 1
        found.took.add(seconds)

    def slow(
        self, method: str, route: str, status: int, seconds: float, *, number: str, at: datetime
    ) -> None:
        """One that took long; `number` is what the log knows it by."""
        self._slow.append(
            {
                "at": int(at.timestamp() * 1000),
                "method": method,
                "route": route,
                "status": status,
                "seconds": round(seconds, 3),
                "request": number,
            }
        )

    def count(self, what: Counted, outcome: str, number: int = 1) -> None:
        self._counters[what, outcome] += number

    def time(self, what: Timed, of: str = "") -> Histogram:
        """Where such values are added."""
        found = self._histograms.get((what, of))
        if found is None:
            found = self._histograms[what, of] = Histogram(_BOUNDS[what])
        return found

    def report(self) -> dict[str, Any]:
        """All of it, fit for JSON; `slow`: the newest first, `at` in milliseconds since 1970."""
        return {
            "requests": [
                [method, route, _texts(each.statuses), each.took.numbers, each.took.total]
                for (method, route), each in self._routes.items()
            ],
            "counters": [[what, outcome, number] for (what, outcome), number in self._counters.items()],
            "histograms": [
                [what, of, list(each.bounds), each.numbers, each.total]
                for (what, of), each in self._histograms.items()
            ],
            "slow": list(self._slow)[::-1],
        }


def _texts(statuses: Mapping[int, int]) -> dict[str, int]:
    return {str(status): number for status, number in statuses.items()}

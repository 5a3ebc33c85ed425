"""How much of something is too much: so many an hour of each key, counted by this process alone."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fedicause.people import providers

# So much of an hour's may come at once: the fourth part.
_AT_ONCE: Final = 4
_ENTRIES: Final = 16_384


class TooMany(Exception):
    """More than a network or a mail domain may send; `seconds` until there is room again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Throttle:
    """Buckets that refill: one for each key, the least used forgotten when there are too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, an_hour: int) -> None:
        """Takes one of so many an hour, of which a part may go at once; raises TooMany."""
        now = self._clock()
        room = max(1.0, an_hour / _AT_ONCE)
        left, at = self._buckets.pop(key, (room, now))
        left = min(room, left + (now - at) * an_hour / 3600)
        self._buckets[key] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > _ENTRIES:
            self._buckets.popitem(last=False)
        if left < 1:
            raise TooMany(max(1, round((1 - left) * 3600 / an_hour)))


def is_large(domain: str) -> bool:
    """Whether it is a mail domain of people who have nothing else in common."""
    return domain in providers.LARGE

"""How much of something is too much: so many an hour of each key, whichever process it comes to.

A meter is used up until some time: each taken moves that on by its share of an hour, and the part of an hour
that may come at once is how far it may be ahead (the generic cell rate algorithm, ITU-T I.371).
"""

from collections import OrderedDict
from collections.abc import Collection, MutableMapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.seal import Seal
from storage import meters
from storage.columns import to_milliseconds

# So much of an hour's may come at once: the fourth part.
_AT_ONCE: Final = 4
_HOUR: Final = 3_600_000
_ENTRIES: Final = 16_384


class TooMany(Exception):
    """More than one key may have; `seconds` until there is room again, and whose it is."""

    def __init__(self, seconds: int, key: str = "") -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.key = key


class Limit(Struct, frozen=True):
    """So many an hour for a key, of which `at_once` may come together."""

    key: str
    an_hour: int
    at_once: float


def limit(seal: Seal, about: str, an_hour: int, at_once: float | None = None) -> Limit:
    """A limit of what is `about` something, of which only a keyed hash is kept."""
    key = seal.blind("meter", about.encode(errors="replace"))[:16].hex()
    return Limit(key, an_hour, max(1.0, an_hour / _AT_ONCE) if at_once is None else at_once)


def charge(used_until: MutableMapping[str, int], limits: Collection[Limit], now: int) -> TooMany | None:
    """Takes one of each of these, or nothing where one has none left: then says which.

    `used_until` by key, and `now`, are milliseconds since 1970.
    """
    moved: dict[str, int] = {}
    for each in limits:
        share = _HOUR / each.an_hour
        used = used_until.get(each.key, 0)
        if used > now + share * each.at_once + 1:
            used = 0  # nobody is ever let that far ahead: a clock was, and has been put back
        then = max(used, now) + share
        over = then - now - share * each.at_once
        # Times are whole milliseconds.
        if over > 1:
            return TooMany(max(1, round(over / 1000)), each.key)
        moved[each.key] = round(then)
    used_until.update(moved)
    return None


async def take(
    session: AsyncSession, wanted: Sequence[Collection[Limit]], now: datetime
) -> list[TooMany | None]:
    """Takes one of each of these limits, or says for which there was no room; in two statements.

    The meters are locked until the transaction ends: begin with this.
    """
    keys = {each.key for limits in wanted for each in limits}
    if not keys:
        return [None] * len(wanted)
    used_until = await meters.locked(session, keys)
    before = dict(used_until)
    full = [charge(used_until, limits, to_milliseconds(now)) for limits in wanted]
    moved = {key: value for key, value in sorted(used_until.items()) if value != before[key]}
    if moved:
        await meters.put(session, moved)
    return full


async def pay(session: AsyncSession, limits: Collection[Limit], now: datetime) -> None:
    """Takes one of each of these; raises TooMany."""
    [full] = await take(session, [limits], now)
    if full is not None:
        raise full


class Full:
    """What one process knows to be used up, so that a flood of the same costs no transactions."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, int] = OrderedDict()

    def check(self, limits: Collection[Limit], now: datetime) -> None:
        """Raises TooMany for what is remembered."""
        for each in limits:
            left = self._until.get(each.key, 0) - to_milliseconds(now)
            if 0 < left <= _HOUR:
                raise TooMany(max(1, round(left / 1000)), each.key)

    def remember(self, full: TooMany, now: datetime) -> None:
        """Until it has room again nobody need look."""
        self._until[full.key] = to_milliseconds(now) + full.seconds * 1000
        while len(self._until) > _ENTRIES:
            self._until.popitem(last=False)

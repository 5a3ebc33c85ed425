"""What stands out among the signatures of late: reckoned, for a moderator to judge."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Final, Literal

from storage.trends import Group, Numbers, Slot

Mark = Literal["share", "unconfirmed", "burst", "new"]

WAIT: Final = timedelta(hours=1)
"""Whoever means to confirm mostly has by then."""
ENOUGH: Final = 20
"""Of fewer signatures nothing is told."""
LARGE_SHARE: Final = 0.1
"""Of all: no network of a street or a company signs so much."""
UNCONFIRMED: Final = 0.6
BURST: Final = 30
"""Within an hour, from one network or mail domain."""
TIMES: Final = 5
"""As many as usual."""
KNOWN: Final = 200
"""People whom an instance must know to tell a new mail domain from an old one."""


def of_network(group: Group, total: Numbers, hours: int) -> list[Mark]:
    """The marks of a network, of `total` signatures in so many hours."""
    marks: list[Mark] = []
    if group.numbers.asked >= ENOUGH and group.numbers.asked >= LARGE_SHARE * total.asked:
        marks.append("share")
    return marks + _common(group, hours)


def of_domain(
    group: Group, total: Numbers, hours: int, *, known: Mapping[str, int], people: int
) -> list[Mark]:
    """The marks of a mail domain. `known` people by domain, and `people` in all, were here before.

    A large domain is no wonder; one of which hardly anybody was known is.
    """
    marks: list[Mark] = []
    asked = group.numbers.asked
    is_unknown = known.get(str(group.key), 0) < asked
    if people >= KNOWN and asked >= max(ENOUGH, LARGE_SHARE / 2 * total.asked) and is_unknown:
        marks.append("new")
    return marks + [mark for mark in _common(group, hours) if mark != "burst" or is_unknown]


def of_campaign(numbers: Numbers) -> list[Mark]:
    """The marks of a campaign."""
    return ["unconfirmed"] if _is_unconfirmed(numbers) else []


def slots(found: Sequence[Slot], number: int) -> set[int]:
    """Which of these stretches, by place, stand out among so many (those that are missing had none)."""
    asked = sorted([slot.asked for slot in found] + [0] * (number - len(found)))
    usual = median(asked) if asked else 0
    return {
        place
        for place, slot in enumerate(found)
        if slot.asked >= BURST and slot.asked >= TIMES * max(usual, 1)
    }


def _common(group: Group, hours: int) -> list[Mark]:
    marks: list[Mark] = []
    if _is_unconfirmed(group.numbers):
        marks.append("unconfirmed")
    others = (group.numbers.asked - group.peak) / max(hours - 1, 1)
    if group.peak >= BURST and group.peak >= TIMES * max(others, 1):
        marks.append("burst")
    return marks


def _is_unconfirmed(numbers: Numbers) -> bool:
    return numbers.waited >= ENOUGH and numbers.unconfirmed >= UNCONFIRMED * numbers.waited

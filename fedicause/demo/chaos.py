"""What happens while one of the organisations is cut off from the others, and when it is back."""

import time
from collections.abc import Sequence
from typing import Final

from fedicause.demo.alliance import Alliance
from fedicause.demo.ending import Ending
from fedicause.demo.gauge import Gauge
from fedicause.demo.organisation import Organisation
from fedicause.demo.screen import Screen

FIRST_AFTER: Final = 4.0
"""Seconds of peace from the first time that all pages agree."""
CUT_FOR: Final = 14.0
EVERY: Final = 40.0
# Until those who are left must agree, and all of them again.
PATIENCE: Final = 60.0


async def reign(
    homes: Sequence[Organisation], alliance: Alliance, gauge: Gauge, screen: Screen, ending: Ending
) -> None:
    """Cuts off one after the other, the origin last, until the demo ends."""

    async def agree() -> bool:
        return gauge.latest.agrees and bool(gauge.latest.totals[0])

    while not await ending.until(agree, within=PATIENCE) and not ending.has_come:
        pass
    pause = FIRST_AFTER
    while True:
        for home in (*homes[1:], homes[0]):
            if await ending.within(pause):
                return
            alliance.is_quiet = True
            await _cut_off(home, homes, gauge, screen, ending)
            alliance.is_quiet = False
            pause = EVERY


async def _cut_off(
    home: Organisation, homes: Sequence[Organisation], gauge: Gauge, screen: Screen, ending: Ending
) -> None:
    name = home.role.name
    before = gauge.latest.total_of(name)
    _part(home, homes)
    screen.say(f"  {name} is cut off from the others. Its page goes on collecting.")

    async def others_go_on() -> bool:
        others = gauge.latest.without(name)
        have_moved = others.agrees and others.totals[0] != before
        return have_moved and gauge.latest.total_of(name) not in (None, others.totals[0])

    await ending.within(CUT_FOR)
    if await ending.until(others_go_on, within=PATIENCE):
        rest, alone = gauge.latest.without(name).totals[0], gauge.latest.total_of(name)
        screen.say(
            f"  The other two pages show {rest:,}, with the last tally of {name}; its own shows {alone:,}."
        )
    _heal(homes)
    if ending.has_come:
        return
    screen.say(f"  {name} is back.")
    began = time.monotonic()

    async def agree() -> bool:
        return gauge.latest.agrees

    if await ending.until(agree, within=PATIENCE):
        took = time.monotonic() - began
        screen.say(f"  {gauge.latest} again, after {took:.1f} seconds.")


def _part(home: Organisation, homes: Sequence[Organisation]) -> None:
    """Neither this one nor the others hear each other any more."""
    for other in homes:
        if other is not home:
            other.deaf_to.add(home.url)
            home.deaf_to.add(other.url)


def _heal(homes: Sequence[Organisation]) -> None:
    for home in homes:
        home.deaf_to.clear()

"""The coalition of the demo: how it comes about, who signs for it, and whether its pages agree."""

import asyncio
from collections.abc import Sequence
from typing import Final

from federation import sketches
from fedicause.commands.desk import Refused
from fedicause.demo.ending import Ending
from fedicause.demo.gauge import Gauge
from fedicause.demo.organisation import Organisation
from fedicause.demo.players import Players
from fedicause.demo.screen import Screen
from fedicause.demo.signers import Signers

FORMING: Final = 60.0
"""Seconds until everybody must be in: far more than it takes."""
# Time for the tallies to get everywhere, and for a look at three pages that agree.
WAVE_EVERY: Final = 8.0
READING_EVERY: Final = 0.5
REPORT_EVERY: Final = 20.0


class Alliance:
    """The first of these organisations has a campaign that the others join."""

    def __init__(  # noqa: PLR0917 - everybody who takes part
        self,
        homes: Sequence[Organisation],
        slug: str,
        gauge: Gauge,
        signers: Signers,
        screen: Screen,
        ending: Ending,
    ) -> None:
        self._homes = homes
        self._origin = homes[0]
        self._slug = slug
        self._actor = self._origin.actor(slug)
        self._gauge = gauge
        self._signers = signers
        self._screen = screen
        self._ending = ending
        self.is_quiet = False
        """While the pages can't agree, and somebody else says what they show."""

    async def form(self, title: str) -> None:
        """The others follow and join; raises Refused when that takes too long."""
        for home in self._homes:
            for handle in home.role.follows:
                other = next(each for each in self._homes if each.role.handle == handle)
                await home.follow(f"@{handle}@{other.host}")
                self._screen.say(f"{home.role.name} follows {other.role.name}.")
        for home in self._homes[1:]:
            await home.join(self._origin.note(self._slug))
            self._screen.say(f"{home.role.name} asks to join “{title}” of {self._origin.role.name}.")
        are_in = await self._ending.until(self._are_all_in, within=FORMING)
        if not are_in and not self._ending.has_come:
            raise Refused("The organisations did not get together")

    async def sign(self, players: Players) -> None:
        """People sign on every page, in waves in which those on the fediverse join."""
        while not self._ending.has_come:
            players.tell("wave")
            given = zip(self._homes, self._signers.wave(), strict=True)
            await asyncio.gather(*(home.sign(self._actor, some) for home, some in given))
            await self._ending.within(WAVE_EVERY)
            if not self.is_quiet:
                # A busy machine needs longer.
                await self._ending.until(self._agree, within=WAVE_EVERY)

    async def report(self) -> None:
        """Says what the pages show: as soon as they agree, then now and then."""
        while not await self._ending.until(self._agree, within=WAVE_EVERY) and not self._ending.has_come:
            pass
        while not self._ending.has_come:
            if not self.is_quiet:
                self._screen.say(f"  {self._gauge.latest}{self._parts()}.")
            await self._ending.within(REPORT_EVERY)
            await self._ending.until(self._agree, within=WAVE_EVERY)

    async def _are_all_in(self) -> bool:
        for name in await self._origin.let_in():
            self._screen.say(f"{self._origin.role.name} lets {name} in.")
        return all([await home.takes_signatures(self._actor) for home in self._homes])

    async def _agree(self) -> bool:
        """Whether the pages show one total, of somebody already."""
        return self._gauge.latest.agrees and bool(self._gauge.latest.totals[0])

    def _parts(self) -> str:
        """What a total is made of, where there is one."""
        reading = self._gauge.latest
        shown = reading.support[0]
        if not reading.agrees or shown is None:
            return ""
        said = f": {shown['signatures']:,} signatures, {shown['endorsements']:,} ☆"
        people, least = shown["people"], min(host["signatures"] for host in shown["hosts"])
        # Before each organisation has its sketch, those of the others alone tell who signed twice.
        if people["estimate"] is None or least < 2 * sketches.FROM:
            return said
        truth = self._signers.people + shown["endorsements"]
        return (
            f"{said}, from about {people['estimate']:,} people by their sketches "
            f"(± {people['error']:.1%}; it was {truth:,})"
        )

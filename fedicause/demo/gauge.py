"""What the pages of the shared campaign show, read from their public addresses as anybody can."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from msgspec import Struct

from fedicause.campaigning import goals
from fedicause.demo.organisation import Organisation

PATIENCE: Final = aiohttp.ClientTimeout(total=20)
NUMBERS: Final = {2: "two", 3: "three"}


class Reading(Struct, frozen=True):
    """The support that each organisation's page showed at one moment; None where there was none."""

    names: tuple[str, ...]
    support: tuple[dict[str, Any] | None, ...]

    @property
    def totals(self) -> list[int | None]:
        return [each["total"] if each else None for each in self.support]

    @property
    def agrees(self) -> bool:
        """Whether all show the same, down to the parts."""
        parts = {(each["total"], each["signatures"], each["endorsements"]) for each in self.support if each}
        return None not in self.support and len(parts) == 1

    def without(self, name: str) -> "Reading":
        """The same of the others."""
        kept = [place for place, each in enumerate(self.names) if each != name]
        return Reading(tuple(self.names[at] for at in kept), tuple(self.support[at] for at in kept))

    def total_of(self, name: str) -> int | None:
        return self.totals[self.names.index(name)]

    def __str__(self) -> str:
        """In one line."""
        if self.agrees:
            return f"All {NUMBERS[len(self.names)]} pages show {self.totals[0]:,}"
        most = max(filter(None, self.totals), default=0)
        return ", ".join(_said(*each, most) for each in zip(self.names, self.totals, strict=True))


class Gauge:
    """Reads the pages; `latest` is what they showed last."""

    def __init__(self, session: aiohttp.ClientSession, homes: Sequence[Organisation], slug: str) -> None:
        origin = homes[0]
        self._session = session
        self._names = tuple(home.role.name for home in homes)
        self._campaign = f"{origin.url}/api/campaigns/{slug}"
        self._addresses = [
            f"{home.url}/api/campaigns/{slug if home is origin else f'{slug}@{origin.host}'}/support"
            for home in homes
        ]
        self.latest = Reading(self._names, tuple(None for _ in homes))

    async def read(self) -> Reading:
        found = await asyncio.gather(*map(self._get, self._addresses))
        self.latest = Reading(self._names, tuple(found))
        return self.latest

    async def thresholds(self) -> dict[str, int]:
        """What the campaign must reach by country, as its page says."""
        shown = await self._get(self._campaign) or {}
        registered = date.fromisoformat(shown["registered"])
        return dict(goals.thresholds(shown["thresholds"], registered).by_country)

    async def _get(self, url: str) -> dict[str, Any] | None:
        try:
            async with self._session.get(url, timeout=PATIENCE, headers={hdrs.ACCEPT: "*/*"}) as answer:
                answer.raise_for_status()
                found: dict[str, Any] = json.loads(await answer.read())
                return found
        except (aiohttp.ClientError, TimeoutError):
            return None


def _said(name: str, total: int | None, most: int) -> str:
    if total is None:
        return f"{name} shows nothing yet"
    return f"{name} {total:,}" + (f" ({most - total:,} behind)" if total < most else "")

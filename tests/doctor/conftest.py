"""An instance at https://ours.test as others see it: names, a certificate, a proxy, a mail server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from fedicause.doctor import examine
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.instance import Instance
from fedicause.settings import Settings
from tests.clock import Clock
from tests.doctor.dns import Zone, open_zone
from tests.doctor.front import Doors, Front
from tests.federation.peers import Authority
from tests.web.reading import Client

ADDRESS = "93.184.216.34"


@dataclass
class Patient:
    """All that the doctor looks at; a test spoils one thing of it."""

    settings: Settings
    clock: Clock
    front: Front
    zone: Zone
    authority: Authority
    directory: Path
    doors: Doors = field(default_factory=Doors)

    @property
    def through(self) -> Surroundings:
        return Surroundings(
            lookup=self.zone.lookup(), doors=self.doors, ssl=self.authority.client(), now=self.clock.now
        )

    async def examine(self, *, offline: bool = False) -> dict[str, Finding]:
        """What is found, by its name; the clocks of findings that come twice are the same."""
        found = await examine.everything(self.settings, self.through, has_database=True, offline=offline)
        return {each.name: each for each in found}

    async def wrong(self) -> dict[str, str]:
        """The names of what is not well, and what is to be done."""
        return {
            name: each.advice
            for name, each in (await self.examine()).items()
            if each.state != "ok" and each.group not in {"machine", "database", "mail"}
        }

    async def certify(self, name: str = "ours.test", days: tuple[int, int] = (-1, 90)) -> None:
        """The proxy begins again with this certificate."""
        await self.front.close()
        context = await asyncio.to_thread(self.authority.server, name, self.directory, days=days)
        await self.front.start(context)
        self.doors.ports[443] = self.front.port

    def at(self, **settings: object) -> None:
        self.settings = replace(self.settings, **settings)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    """The doctor and the certificates go by the real time."""
    return Clock(datetime.now(UTC))


@pytest.fixture
async def patient(instance: Instance, client: Client, clock: Clock, tmp_path: Path) -> AsyncIterator[Patient]:
    """An instance with which all is well."""
    front = Front(str(client.make_url("")).rstrip("/"))
    plain = Front(front.behind)
    async with open_zone({("ours.test", "A"): [ADDRESS]}) as zone:
        patient = Patient(instance.settings, clock, front, zone, Authority(), tmp_path)
        await patient.certify()
        patient.doors.ports[80] = (await plain.start(None)).port
        plain.own["/healthz"] = web.Response(status=301, headers={"Location": "https://ours.test/healthz"})
        try:
            yield patient
        finally:
            await front.close()
            await plain.close()

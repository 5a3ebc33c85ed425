"""Six instances in one coalition, each a process with a database of its own, and the network between them."""

import asyncio
import json
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

from tests import ours, process
from tests.coalitions import CAST
from tests.faults.network import Network
from tests.faults.nursery import Forked, until

COUNTRIES: Final = ("DE", "FR", "IT", "PL", "SE")
MOST_AT_ONCE: Final = 30
"""Signatures that one command records."""
PAUSE: Final = (1.0, 2.5)
"""Seconds between two commands that sign."""
PATIENCE: Final = 120.0
"""Seconds after which a machine is not slow but stuck."""
SHOWN_FOR: Final = 1.1
"""Seconds for which a page may be shown as it was."""


class Ally(Forked):
    """One organisation. `address` is how others call its instance; `url` is where it is found directly."""

    def __init__(self, directory: Path, place: int, port: int, address: str) -> None:
        super().__init__(directory, port=port)
        self.name, self.handle = CAST[place]
        self.address = address
        self.host = address.removeprefix("http://")
        self.environment["FEDICAUSE_URL"] = address
        self.desk = asyncio.Lock()
        """Held by whoever works on the database beside the server."""
        self.path = directory / "data" / "fedicause.db"

    async def found(self) -> None:
        mail = f"alice@{self.handle}.test"
        await self.command("init", "--name", self.name, "--handle", self.handle, "--admin-email", mail)

    def held(self) -> int:
        """The signatures in the database."""
        return int(self.ask("SELECT count(*) FROM signatures WHERE state = 'confirmed'"))

    def ask(self, question: str, *values: str) -> Any:
        """The first value of the answer."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(question, values).fetchone()[0]

    def back_up(self, path: Path) -> None:
        _copy(self.path, path)

    def restore(self, path: Path) -> None:
        """Puts a backup in the place of the database, which nobody has open."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        _copy(path, self.path)


class Alliance:
    """All of them; the first is the origin of the campaign. Those in `signing` are being signed at."""

    def __init__(self, allies: list[Ally], network: Network, chance: random.Random) -> None:
        self.allies = allies
        self.network = network
        self.signing: set[Ally] = set()
        self._chance = chance
        self._is_over = False

    @property
    def origin(self) -> Ally:
        return self.allies[0]

    @property
    def partners(self) -> list[Ally]:
        return self.allies[1:]

    def campaign(self, ally: Ally) -> str:
        """The campaign's name there."""
        return "forest" if ally is self.origin else f"forest@{self.origin.host}"

    async def supports(self, allies: Iterable[Ally]) -> list[dict[str, Any]]:
        """What each of them shows."""
        return await asyncio.gather(*(ally.support(self.campaign(ally)) for ally in allies))

    async def stop_signing(self, allies: Iterable[Ally]) -> None:
        """Returns when the last signature is in the database."""
        for ally in list(allies):
            self.signing.discard(ally)
            async with ally.desk:
                pass

    async def agree(self, allies: list[Ally], rounds: int) -> int | None:
        """After how many rounds all of these show what each of them holds; None: not within so many.

        Counted are whole rounds, of whoever is slowest; the first that ends may have begun before.
        """
        seen = {ally: [_compared_at(ally)] for ally in allies}
        held = {ally.host: ally.held() for ally in allies}
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE
        while True:
            whole = max(0, min(map(len, seen.values())) - 2)
            is_last = whole >= rounds or clock() > deadline
            if is_last:
                await asyncio.sleep(SHOWN_FOR)
            shown = await self.supports(allies)
            if all(held.items() <= by_host(each).items() for each in shown) and _are_alike(shown):
                return whole
            if is_last:
                return None
            await asyncio.sleep(0.25)
            for ally, times in seen.items():
                if times[-1] != (at := _compared_at(ally)):
                    times.append(at)

    async def live(self) -> None:
        """People sign everywhere, all the time, until it `is_over`."""
        async with asyncio.TaskGroup() as group:
            for ally in self.allies:
                group.create_task(self._people_of(ally), name=f"people of {ally.handle}")

    def end(self) -> None:
        self._is_over = True

    async def kill(self, ally: Ally, *, after: float) -> None:
        """kill -9 after so many seconds, and a new start a little later."""
        await asyncio.sleep(after)
        await ally.kill()
        await asyncio.sleep(self._chance.uniform(0, 1))
        await ally.start()

    async def lose_everything_since(self, ally: Ally, backup: Path) -> int:
        """Has a backup restored; how many signatures are lost with what came later."""
        async with ally.desk:
            await ally.kill()
            before = ally.held()
            ally.restore(backup)
            # No request of its earlier life is still on its way when it asks what others know of it.
            await self.network.forget(ally.address)
            await ally.start()
            return before - ally.held()

    async def _people_of(self, ally: Ally) -> None:
        while not self._is_over:
            if ally in self.signing:
                number, country = self._chance.randint(1, MOST_AT_ONCE), self._chance.choice(COUNTRIES)
                async with ally.desk:
                    await ally.command(
                        "sign", self.campaign(ally), "--count", str(number), "--country", country
                    )
            await asyncio.sleep(self._chance.uniform(*PAUSE))


@asynccontextmanager
async def formed(directory: Path, network: Network, chance: random.Random) -> AsyncIterator[Alliance]:
    """All six run and are partners; in the end they run no more."""
    allies = []
    for place, (_, handle) in enumerate(CAST):
        own = directory / handle
        await asyncio.to_thread(own.mkdir)
        port = process.free_port()
        allies.append(Ally(own, place, port, await network.lead_to(port)))
    alliance = Alliance(allies, network, chance)
    await asyncio.gather(*(ally.found() for ally in allies))
    await publish(alliance.origin)
    try:
        await asyncio.gather(*(ally.start() for ally in allies))
        await join(alliance)
        yield alliance
        assert await asyncio.gather(*(ally.stop() for ally in allies)) == [0] * len(allies)
    finally:
        await asyncio.gather(*(ally.stop(signal.SIGKILL) for ally in allies))


def by_host(support: dict[str, Any]) -> dict[str, int]:
    """The signatures that are shown; nothing where the campaign is not shown yet."""
    return {each["host"]: each["signatures"] for each in support.get("hosts", ())}


async def publish(origin: Ally) -> None:
    """The campaign that all of them are to collect for."""
    path = origin.directory / "forest.md"
    await asyncio.to_thread(path.write_text, ours.FOREST)
    await origin.command("campaign", "new", str(path))
    await origin.command("campaign", "publish", "forest")


async def join(alliance: Alliance) -> None:
    """All others become partners of the origin's."""
    origin = alliance.origin
    page = f"{origin.address}/campaigns/forest"
    await asyncio.gather(*(ally.command("partner", "join", page) for ally in alliance.partners))

    async def all_have_asked() -> bool:
        return int(origin.ask("SELECT count(*) FROM members")) == len(alliance.partners)

    assert await until(all_have_asked, within=PATIENCE)
    for request in json.loads(await origin.command("partner", "requests", "--json")):
        await origin.command("partner", "accept", str(request["id"]))
    assert await alliance.agree(alliance.allies, rounds=3) is not None


def _are_alike(shown: list[dict[str, Any]]) -> bool:
    first = shown[0]
    return all(
        (each["total"], each["countries"], by_host(each))
        == (first["total"], first["countries"], by_host(first))
        for each in shown
    )


def _compared_at(ally: Ally) -> int | None:
    at: int | None = ally.ask("SELECT max(compared_at) FROM coalitions")
    return at


def _copy(path: Path, to: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)

"""Instances in networks of their own that are cut: by silence, and by a cable that is pulled out."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import pytest

from tests import ours
from tests.faults import alliance, audience, crowd, namespaces, nursery
from tests.faults.alliance import Alliance, Ally
from tests.faults.namespaces import ip
from tests.faults.network import Network
from tests.faults.nursery import FORKS, until
from tests.inboxes import Listener

ROUNDS: Final = 3
PORT: Final = 8000
FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")


class Island(Ally):
    """An instance whose processes are in a network of their own; the test is the router between these."""

    def __init__(self, directory: Path, place: int) -> None:
        self.net = f"10.77.{place + 1}"
        super().__init__(directory, place, PORT, f"http://{self.net}.2:{PORT}")
        self.url = self.address
        self.namespace = f"fedicause-{os.getpid()}-{place}"
        self.cable = f"to{place}"

    def connect(self) -> None:
        """Lays the cable, from the network that this thread is in."""
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "out", "netns", self.namespace)
        ip("address", "add", f"{self.net}.1/24", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        there = ("-n", self.namespace)
        ip(*there, "address", "add", f"{self.net}.2/24", "dev", "out")
        for device in ("lo", "out"):
            ip(*there, "link", "set", device, "up")
        ip(*there, "route", "add", "default", "via", f"{self.net}.1")

    def _fork(self, arguments: Sequence[str], output: Path) -> ForkServerProcess:
        if arguments[0] == "serve":
            arguments = ("serve", "--host", f"{self.net}.2", *arguments[3:])
        process = FORKS.Process(
            target=_within,
            args=(self.namespace, arguments, self.directory, self.environment, output),
            daemon=True,
        )
        process.start()
        return process

    async def news(self, number: int) -> None:
        path = self.directory / "news.md"
        await asyncio.to_thread(path.write_text, f"---\ntitle: News {number}\n---\nThe forest stands.\n")
        await self.command("campaign", "update", "forest", str(path))


@pytest.fixture
def islands(tmp_path: Path) -> Iterator[list[Island]]:
    namespaces.expect_networks()
    # Whoever forks it takes its network along.
    forkserver.ensure_running()
    made = []
    for place in range(2):
        (tmp_path / str(place)).mkdir()
        made.append(Island(tmp_path / str(place), place))
    with networks([each.namespace for each in made]):
        yield made


@contextmanager
def networks(names: Sequence[str]) -> Iterator[None]:
    try:
        for name in names:
            ip("netns", "add", name)
        yield
    finally:
        for name in names:
            if namespaces.place(name).exists():
                ip("netns", "delete", name)


@pytest.mark.timeout(150)
def test_whoever_was_cut_off_hears_everything_when_the_way_is_free(islands: list[Island]) -> None:
    def prepare() -> None:
        ip("link", "set", "lo", "up")
        for each in islands:
            each.connect()
        FORWARDING.write_text("1")

    async def scenario() -> None:
        origin, partner = islands
        async with listening(f"{origin.net}.1") as follower, allied(islands, follower) as both:
            # Given a way between the two on which everything vanishes, in the middle of what they say
            await asyncio.to_thread(FORWARDING.write_text, "0")
            await sign(origin, partner, both, 10)
            await origin.news(1)
            assert await until(lambda: failed(partner, origin.host), within=30)
            assert {each["total"] for each in await both.supports(islands)} == {10}
            # The follower is on another way
            assert await until(lambda: len(told(follower)) == 1, within=20)
            # When it is free again, then both count alike
            await asyncio.to_thread(FORWARDING.write_text, "1")
            assert await both.agree(islands, ROUNDS) is not None
            # Given that the origin's cable is pulled out
            await asyncio.to_thread(ip, "link", "set", origin.cable, "down")
            await sign(origin, partner, both, 20)
            await origin.news(2)
            assert await until(lambda: waits(origin, follower.host), within=40)
            assert len(told(follower)) == 1
            # When it is put in again, then both count alike, and the follower has heard all of it
            await asyncio.to_thread(ip, "link", "set", origin.cable, "up")
            assert await both.agree(islands, ROUNDS) is not None
            assert {each["total"] for each in await both.supports(islands)} == {60}
            assert await until(lambda: len(told(follower)) == 2, within=30)
            # What was being said over an old connection may come late, beside what was said again.
            assert max(told(follower).values()) <= 2
            assert [each.ask("SELECT count(*) FROM evidence") for each in islands] == [0, 0]

    namespaces.apart(scenario, kinds=namespaces.NETWORK, prepare=prepare)
    for each in islands:
        assert [line for line in each.log.splitlines() if " ERROR " in line or "Traceback" in line] == []


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[Listener]:
    listener = Listener(address=address)
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


@asynccontextmanager
async def allied(islands: Sequence[Island], follower: Listener) -> AsyncIterator[Alliance]:
    """Both run and are partners; somebody follows the campaign."""
    chance = random.Random(1)
    both = Alliance([*islands], Network(chance), chance)
    await asyncio.gather(*(each.found() for each in islands))
    origin = islands[0]
    await alliance.publish(origin)
    given = ours.settings_for(
        f"sqlite:///{origin.path}",
        origin.directory,
        url=origin.address,
        secret=origin.directory / "data" / "secret",
    )
    await audience.follow(given, [follower.inbox("users/bob/inbox")], now=crowd.now())
    try:
        await asyncio.gather(*(each.start() for each in islands))
        await alliance.join(both)
        yield both
        assert await asyncio.gather(*(each.stop() for each in islands)) == [0, 0]
    finally:
        await asyncio.gather(*(each.stop(signal.SIGKILL) for each in islands))


async def sign(origin: Island, partner: Island, both: Alliance, number: int) -> None:
    for each in (origin, partner):
        await each.command("sign", both.campaign(each), "--count", str(number), "--country", "DE")


def failed(island: Island, host: str) -> bool:
    """Whether it knows that a host does not answer."""
    return bool(island.ask("SELECT coalesce(max(failures), 0) FROM hosts WHERE name = ?", host))


def waits(island: Island, host: str) -> bool:
    """Whether news for a host were tried in vain, and wait for the next time."""
    question = (
        "SELECT count(*) FROM deliveries JOIN activities ON activities.id = activity_id"
        " WHERE host = ? AND attempts > 0 AND ended_at IS NULL AND document LIKE '%\"Create\"%'"
    )
    return bool(island.ask(question, host))


def told(follower: Listener) -> Counter[str]:
    """How often which news were heard."""
    return Counter(each["id"] for each in follower.documents if each["type"] == "Create")


def _within(
    namespace: str, arguments: Sequence[str], directory: Path, environment: dict[str, str], output: Path
) -> None:
    namespaces.enter(namespaces.place(namespace))
    nursery.run(arguments, directory, environment, output)

"""The demo, run as whoever tries it runs it: three pages that agree, and nothing left when it ends."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from fedicause.campaigning import manuscript
from fedicause.demo import crowd, dialects, people, programme, servers
from fedicause.demo.signers import Signers
from tests import process

SLUG = "reclaim-your-face"
NAMES = ("Open Square", "Liberties", "Access Now")
EVERYTHING = {slug: appeal for role in programme.ORGANISATIONS for slug, appeal in role.programme.items()}


class Demo:
    """A running demo; whatever it writes to disk is below `directory`. `urls` are those it has printed."""

    def __init__(self, running: asyncio.subprocess.Process, directory: Path) -> None:
        self.running = running
        self.directory = directory
        self.urls: list[str] = []
        self.session = aiohttp.ClientSession()

    @property
    def url(self) -> str:
        """Of the organisation that the others join."""
        return self.urls[0]

    async def open(self) -> None:
        """Reads the addresses, which come first."""
        for name in NAMES:
            address, _, said = (await self.line()).partition("  ")
            assert said == name
            self.urls.append(address.rstrip("/"))

    async def line(self, holding: str = "") -> str:
        """The next line that it prints with these words in it."""
        assert self.running.stdout is not None
        async with asyncio.timeout(60):
            while line := (await self.running.stdout.readline()).decode():
                if holding in line:
                    return line.strip()
        raise AssertionError(f"it ended without printing {holding}")

    async def get(self, url: str) -> dict[str, Any]:
        async with self.session.get(url) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    async def support(self) -> list[dict[str, Any]]:
        """What the three pages show; fewer before the others have joined."""
        addresses = [f"{self.url}/api/campaigns/{SLUG}/support"] + [
            f"{url}/api/campaigns/{SLUG}@{self.url.removeprefix('http://')}/support" for url in self.urls[1:]
        ]
        found = await asyncio.gather(*map(self.get, addresses), return_exceptions=True)
        return [each for each in found if not isinstance(each, BaseException)]

    async def totals(self) -> list[int]:
        return [each["total"] for each in await self.support()]

    async def common_total(self) -> int:
        """What all three pages show; 0 while they differ."""
        totals = await self.totals()
        return totals[0] if len(totals) == 3 and len({*totals}) == 1 else 0

    async def campaigns(self, url: str) -> dict[str, str]:
        """The directory of an organisation: who runs each campaign, by slug."""
        listed = (await self.get(f"{url}/api/campaigns"))["campaigns"]
        return {each["slug"]: each["organisation"]["name"] for each in listed}

    def processes(self) -> list[int]:
        """Those that belong to it: the directory is among their arguments, or in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                told = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            except OSError:
                continue
            if str(self.directory).encode() in told:
                found.append(int(path.name))
        return found

    async def is_gone(self) -> bool:
        are_free = all(map(_is_free, self.urls))
        return not self.processes() and not [*self.directory.iterdir()] and are_free


def _is_free(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


@asynccontextmanager
async def demonstrating(directory: Path, *arguments: str, port: int = 0) -> AsyncIterator[Demo]:
    directory.mkdir()
    running = await asyncio.create_subprocess_exec(
        process.FEDICAUSE,
        *("demo", "--port", str(port or process.free_port()), *arguments),
        env=os.environ | {"TMPDIR": str(directory)},
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    demo = Demo(running, directory)
    try:
        await demo.open()
        yield demo
    finally:
        await demo.session.close()
        if running.returncode is None:
            running.kill()
        await running.communicate()


@pytest.mark.timeout(300)
async def test_three_pages_agree_part_and_agree_again_and_nothing_is_left_behind(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo", "--chaos") as demo:
        # Before it is ready: whoever is quick with the browser waits, and is served.
        async with demo.session.get(f"{demo.url}/") as answer:
            assert answer.status == 200
            assert "Reclaim your face" in await answer.text()
        first = await process.eventually(demo.common_total, within=60)
        await demo.line("is cut off")

        async def are_parted() -> bool:
            origin, parted, other = await demo.totals()
            return origin == other != parted

        await process.eventually(are_parted, within=40)
        shown = await demo.support()
        assert [host["organisation"] for host in shown[0]["hosts"]] == [*NAMES]
        assert "The other two pages show" in await demo.line("with the last tally of Liberties")
        await demo.line("Liberties is back")
        assert await process.eventually(demo.common_total, within=40) > first
        await demo.line("again, after")
        endorsed, *others = [each["endorsements"] for each in await demo.support()]
        assert endorsed > 0
        assert others != [0, 0]
        demo.running.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(demo.running.wait(), 20) == 0
        assert await demo.is_gone()


async def test_directories_show_who_is_followed_and_what_was_joined(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo", "--people", "0") as demo:
        square, liberties, access = (role.programme.keys() for role in programme.ORGANISATIONS)
        expected = [{*square, *liberties}, {*liberties, SLUG}, {*access, *square}]

        async def are_shown() -> bool:
            return [set(await demo.campaigns(url)) for url in demo.urls] == expected

        await process.eventually(are_shown, within=60)
        assert (await demo.campaigns(demo.urls[2]))["save-security"] == "Open Square"


async def test_a_demo_that_is_killed_leaves_nothing_behind_either(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo", "--people", "10") as demo:
        await demo.line("Be one of them")
        assert len(demo.processes()) == 2
        demo.running.kill()
        await demo.running.wait()
        await process.eventually(demo.is_gone, within=10)


async def test_a_demo_whose_simulated_servers_die_says_so_and_ends(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo", "--people", "0") as demo:
        await demo.line("Be one of them")
        (players,) = set(demo.processes()) - {demo.running.pid}
        os.kill(players, signal.SIGKILL)
        assert await asyncio.wait_for(demo.running.wait(), 20) == 1
        assert await demo.is_gone()


async def test_ctrl_c_during_the_set_up_leaves_nothing_behind(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo") as demo:
        await demo.line("are being set up")
        demo.running.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(demo.running.wait(), 20) == 0
        assert await demo.is_gone()


async def test_a_visitor_endorses_from_a_simulated_server_and_all_three_pages_count_it(
    tmp_path: Path,
) -> None:
    # Nobody else is there.
    async with demonstrating(tmp_path / "demo", "--people", "0") as demo:
        handle = (await demo.line("Be one of them")).partition("@")[2].partition(" ")[0]
        await demo.line("lets Access Now in")
        endorse = f"{demo.url}/campaigns/{SLUG}/endorse?handle={quote(f'@{handle}')}"
        async with demo.session.get(endorse) as page:
            assert "☆ Endorse" in await page.text()
            home = page.url
        for shown, count in (("★ Endorsed", 1), ("☆ Endorse", 0)):
            async with demo.session.post(home) as pressed:
                assert shown in await pressed.text()

            async def counted(count: int = count) -> bool:
                return await demo.totals() == [count] * 3

            await process.eventually(counted, within=15)


async def test_a_demo_of_some_seconds_ends_by_itself(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo", "--people", "5", "--seconds", "1") as demo:
        assert await asyncio.wait_for(demo.running.wait(), 60) == 0
        assert await demo.is_gone()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = await asyncio.create_subprocess_exec(
            process.FEDICAUSE,
            *("demo", "--port", str(port)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await running.communicate()
    assert running.returncode == 1
    assert f"Port {port} can't be had" in told.decode()


async def test_the_others_are_at_the_next_free_ports(tmp_path: Path) -> None:
    with _neighbours() as (port, taken):
        async with demonstrating(tmp_path / "demo", port=port) as demo:
            ports = [int(url.rpartition(":")[2]) for url in demo.urls]
    assert ports[0] == port
    assert taken not in ports
    assert taken < ports[1] < ports[2]


@contextmanager
def _neighbours() -> Iterator[tuple[int, int]]:
    """Two ports side by side: a free one, and one that is in use."""
    while True:
        port = process.free_port()
        try:
            taken = socket.create_server(("127.0.0.1", port + 1))
        except OSError:
            continue
        with taken:
            yield port, port + 1
        return


def test_the_same_seed_makes_the_same_people_sign_and_some_of_them_twice() -> None:
    first, second = _signers(seed=3), _signers(seed=3)
    waves = [first.wave() for _ in range(20)]
    assert waves == [second.wave() for _ in range(20)]
    assert waves != [_signers(seed=4).wave() for _ in range(20)]
    signed = [{address for wave in waves for address in wave[place]} for place in range(3)]
    assert sum(map(len, signed)) > 1.05 * len(set.union(*signed))
    assert len(set.union(*signed)) == first.people
    countries = {country for wave in waves for page in wave for country in page.values()}
    assert {"DE", "FR", "MT", "CH"} <= countries


def _signers(seed: int) -> Signers:
    return Signers(programme.ORGANISATIONS, {"DE": 67680, "FR": 55695, "MT": 4230}, people=200, seed=seed)


async def test_the_same_seed_makes_the_same_people_do_the_same_things() -> None:
    assert await _deeds(seed=3) == await _deeds(seed=3)
    assert await _deeds(seed=3) != await _deeds(seed=4)


async def _deeds(*, seed: int) -> list[tuple[str, str, str]]:
    causes = [
        people.Cause(slug, f"/{slug}", f"/{slug}", "/inbox", "/inbox", appeal)
        for slug, appeal in EVERYTHING.items()
    ]
    async with aiohttp.ClientSession() as session:
        hosts = [servers.Server(dialect, 0, session) for dialect in dialects.DIALECTS]
        cast = people.populate(hosts, 200, random.Random(seed))
        assert len({person.user for person in cast}) == 200
        acts = list(islice(crowd.Crowd(cast, causes, seed), 3000))
        for host in hosts:
            host.listening.close()
    assert len(acts) == 3000, "they never run out of things to do"
    return [(act.person.user, act.deed, act.cause.slug) for act in acts]


@pytest.mark.parametrize("path", sorted(programme.CAMPAIGNS.rglob("*.md")), ids=lambda path: str(path.name))
def test_every_file_of_the_demo_can_be_published(path: Path) -> None:
    written = manuscript.read(path)
    written.needs("title", "slug")
    assert written.slug in EVERYTHING
    if "." in path.stem:
        assert written.language == path.stem.partition(".")[2]


def test_replies_are_about_campaigns_that_there_are() -> None:
    about = {saying["about"] for saying in people.CAST["sayings"] if "about" in saying}
    assert about <= set(EVERYTHING)
    assert {saying["language"] for saying in people.CAST["sayings"]} <= set(people.CAST["languages"])

"""The demo, run as whoever tries it runs it: counts that move, and nothing left when it ends."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from fedicause import manuscript
from fedicause.demo import crowd, dialects, organisation, people, servers
from tests import process

SLUG = "reclaim-your-face"


class Demo:
    """A running demo; whatever it writes to disk is below `directory`."""

    def __init__(self, running: asyncio.subprocess.Process, directory: Path, port: int) -> None:
        self.running = running
        self.directory = directory
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.session = aiohttp.ClientSession()

    async def line(self, holding: str = "") -> str:
        """The next line that it prints with these words in it."""
        assert self.running.stdout is not None
        async with asyncio.timeout(60):
            while line := (await self.running.stdout.readline()).decode():
                if holding in line:
                    return line.strip()
        raise AssertionError(f"it ended without printing {holding}")

    async def endorsements(self) -> int:
        """The count of one campaign, as its page shows it."""
        async with self.session.get(f"{self.url}/api/campaigns/{SLUG}/support") as answer:
            return int((await answer.json())["endorsements"])

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
        return not self.processes() and not [*self.directory.iterdir()] and self._is_free(self.port)

    def _is_free(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0


@asynccontextmanager
async def demonstrating(directory: Path, *arguments: str) -> AsyncIterator[Demo]:
    directory.mkdir()
    port = process.free_port()
    running = await asyncio.create_subprocess_exec(
        process.FEDICAUSE,
        *("demo", "--port", str(port), *arguments),
        env=os.environ | {"TMPDIR": str(directory)},
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    demo = Demo(running, directory, port)
    try:
        yield demo
    finally:
        await demo.session.close()
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def test_the_demo_shows_counts_that_move_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with demonstrating(tmp_path / "demo") as demo:
        assert await demo.line() == f"{demo.url}/"
        # Before it is ready: whoever is quick with the browser waits, and is served.
        async with demo.session.get(f"{demo.url}/") as answer:
            assert answer.status == 200
            assert "Reclaim your face" in await answer.text()
        for count in (1, 3, 5):

            async def moved(count: int = count) -> bool:
                return await demo.endorsements() >= count

            await process.eventually(moved, within=60)
        demo.running.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(demo.running.wait(), 20) == 0
        assert await demo.is_gone()


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
        await demo.line("is being set up")
        demo.running.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(demo.running.wait(), 20) == 0
        assert await demo.is_gone()


async def test_a_visitor_endorses_from_a_simulated_server_and_takes_it_back(tmp_path: Path) -> None:
    # Nobody else is there.
    async with demonstrating(tmp_path / "demo", "--people", "0") as demo:
        handle = (await demo.line("Be one of them")).partition("@")[2].partition(" ")[0]
        endorse = f"{demo.url}/campaigns/{SLUG}/endorse?handle={quote(f'@{handle}')}"
        async with demo.session.get(endorse) as page:
            assert "☆ Endorse" in await page.text()
            home = page.url
        for shown, count in (("★ Endorsed", 1), ("☆ Endorse", 0)):
            async with demo.session.post(home) as pressed:
                assert shown in await pressed.text()

            async def counted(count: int = count) -> bool:
                return await demo.endorsements() == count

            await process.eventually(counted, within=2)


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


async def test_the_same_seed_makes_the_same_people_do_the_same_things() -> None:
    assert await _deeds(seed=3) == await _deeds(seed=3)
    assert await _deeds(seed=3) != await _deeds(seed=4)


async def _deeds(*, seed: int) -> list[tuple[str, str, str]]:
    causes = [
        people.Cause(slug, f"/{slug}", f"/{slug}", "/inbox", "/inbox", appeal)
        for slug, appeal in organisation.PROGRAMME.items()
    ]
    async with aiohttp.ClientSession() as session:
        hosts = [servers.Server(dialect, 0, session) for dialect in dialects.DIALECTS]
        cast = people.populate(hosts, 200, random.Random(seed))
        assert len({person.user for person in cast}) == 200
        acts = list(islice(crowd.Crowd(cast, causes, seed), 3000))
        for host in hosts:
            await host.stop()
    assert len(acts) == 3000, "they never run out of things to do"
    return [(act.person.user, act.deed, act.cause.slug) for act in acts]


@pytest.mark.parametrize(
    "path", sorted(organisation.CAMPAIGNS.rglob("*.md")), ids=lambda path: str(path.name)
)
def test_every_file_of_the_demo_can_be_published(path: Path) -> None:
    written = manuscript.read(path)
    written.needs("title", "slug")
    assert written.slug in organisation.PROGRAMME
    if "." in path.stem:
        assert written.language == path.stem.partition(".")[2]


def test_replies_are_about_campaigns_that_there_are() -> None:
    about = {saying["about"] for saying in people.CAST["sayings"] if "about" in saying}
    assert about <= set(organisation.PROGRAMME)
    assert {saying["language"] for saying in people.CAST["sayings"]} <= set(people.CAST["languages"])

"""A new admin follows docs/operating.md word for word on a clean Debian."""

import asyncio
import io
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests import ours, postbox, signing
from tests.clock import Clock
from tests.components import ROOT
from tests.deploying import debian, document, outside
from tests.deploying.debian import Machine
from tests.deploying.outside import MACHINE, OUTSIDE, Outside, Sockets
from tests.federation.peers import Names
from tests.fediverse import Fediverse, authority
from tests.people import Answer
from tests.process import eventually
from tests.readers import Readers
from tests.web.staff import Browser

HOST: Final = "campaigns.friends.test"
URL_: Final = f"https://{HOST}"
ELSEWHERE: Final = "elsewhere.test"
ELSEWHERE_ADDRESS: Final = "93.184.216.10"
MAIL: Final = "mail.friends.test"
MAIL_ADDRESS: Final = "93.184.216.11"
ADMIN: Final = "alice@friends.test"
MIB: Final = 1024 * 1024
LIKE: Final = b'{"type":"Like","actor":"https://elsewhere.test/users/x","object":"'
# Nothing that systemd would complain about; at most 1.5 of its 10 points of exposure.
LOOK_AT_UNITS: Final = """
complaints=$(systemd-analyze verify /etc/systemd/system/fedicause*.{service,socket,timer} 2>&1)
echo "$complaints"; test -z "$complaints"
systemd-analyze security --threshold=15 --no-pager \
    fedicause.service fedicause-web@1.service fedicause-work@1.service fedicause-backup.service >/dev/null
"""


class Abroad(Fediverse):
    """Other servers, which reach ours by its name, through its proxy."""

    session: aiohttp.ClientSession

    async def send(self, request: signing.Request) -> Answer:
        async with self.session.request(
            request.method, URL(request.url, encoded=True), headers=request.headers, data=request.body
        ) as response:
            answer = Answer(response.status, dict(response.headers), await response.read())
        self.clock.advance(self.pace)
        return answer


@dataclass
class Story:
    """What there is: the machine, the world around it, and what its admin has typed before."""

    machine: Machine
    outside: Outside
    world: Abroad
    values: str
    directory: Path
    endorsers: int = 0

    async def follow(self, section: str, *which: int) -> str:
        """Types the blocks of a section, or these of them, in their order; what they print."""
        blocks = document.commands(section)
        return "".join([await self.type(blocks[number]) for number in which or range(len(blocks))])

    async def type(self, block: str) -> str:
        return await asyncio.to_thread(self.machine.run, f"{self.values}\n{block}")

    def connector(self, **how: Any) -> aiohttp.TCPConnector:
        """How somebody out there connects: by the machine's public address, believing our authority."""
        return aiohttp.TCPConnector(
            resolver=Names({HOST: [[MACHINE]]}),
            ssl=authority().client(),
            socket_factory=self.outside.dial,
            **how,
        )


@asynccontextmanager
async def rented(directory: Path) -> AsyncIterator[Story]:
    """A machine with a public address and a name, in a world with one other server."""
    repository = directory / "repository"
    hosts = {HOST: MACHINE, ELSEWHERE: ELSEWHERE_ADDRESS, MAIL: MAIL_ADDRESS}
    await asyncio.to_thread(publish, repository)
    async with AsyncExitStack() as stack:
        machine = stack.enter_context(
            debian.running(directory, hosts, authority=authority().pem, repository=repository)
        )
        around = Outside(machine.first)
        stack.callback(around.close)
        world = Abroad(Clock(datetime.now(UTC)))
        stack.push_async_callback(world.close)
        server = await world.server(ELSEWHERE)
        around.address(ELSEWHERE_ADDRESS)
        for listening, where in (
            (around.listening(OUTSIDE, outside.PROXY_PORT), None),
            (around.listening(ELSEWHERE_ADDRESS, 443), ("127.0.0.1", server.port)),
        ):
            await stack.enter_async_context(outside.led(listening, where))
        post = await stack.enter_async_context(
            postbox.open_postbox(starttls=authority().server(MAIL, directory), logins=True)
        )
        around.address(MAIL_ADDRESS)
        posting = around.listening(MAIL_ADDRESS, 587)
        await stack.enter_async_context(outside.led(posting, ("127.0.0.1", post.port)))
        values = document.with_values(
            document.commands("Set up")[0],
            {
                "REPOSITORY": str(repository),
                "HOST": HOST,
                "NAME": "Les amis de l'ancienne forêt",
                "HANDLE": "friends",
                "ADMIN": ADMIN,
                "SMTP": f"smtp://alice:{quote(postbox.PASSWORD, safe='')}@{MAIL}:587",
            },
        )
        story = Story(machine, around, world, values, directory)
        world.session = await stack.enter_async_context(
            aiohttp.ClientSession(
                skip_auto_headers=["User-Agent", "Content-Type", "Accept-Encoding"],
                connector=story.connector(),
            )
        )
        yield story


def publish(repository: Path) -> None:
    """What is here as a git repository, as an admin gets it."""
    unwanted = shutil.ignore_patterns(".git", ".venv*", "node_modules", "__pycache__", ".*_cache", "data")
    shutil.copytree(ROOT, repository, ignore=unwanted, symlinks=True)
    git(repository, "init", "--quiet", "--initial-branch", "main")
    release(repository, "The first version")


def release(repository: Path, message: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", message)


def git(repository: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Friends", "-c", f"user.email={ADMIN}", "-c", "commit.gpgsign=false")
    subprocess.run(["/usr/bin/git", *who, "-C", repository, *arguments], check=True, capture_output=True)


@pytest.mark.timeout(900)
async def test_a_new_admin_gets_a_running_instance(tmp_path: Path) -> None:
    async with rented(tmp_path) as story:
        # Given a machine that was just rented, and a certificate for its name
        put_certificate(story.machine, tmp_path)
        # When the admin sets it up as the document says, with Caddy
        printed = await story.follow("Set up", 1, 2, 3, 4, 5)
        password = re.search(r"^  password +(\S+)", printed, re.MULTILINE)
        assert password is not None
        await story.type(LOOK_AT_UNITS)
        await story.follow("With Caddy")
        await story.follow("Set up", 6)
        await write_campaign(story)
        # Then it is there, for people, servers and its admin
        await visit(story, password[1])
        await look_at_what_is_handed_on(story)
        # and restarting loses nothing.
        await stay_up(story, *document.commands("Starting again, and upgrades")[:1])
        assert "read again and found whole" in await story.follow("Backups", 0)
        await lose_everything_since(story)
        # nginx instead
        await story.type("systemctl disable --now caddy")
        await story.follow("With nginx", 1, 2)
        await visit(story, password[1])
        await look_at_what_is_handed_on(story)
        await upgrade(story)
        # several processes
        await story.follow("PostgreSQL, and several processes", 0, 1, 2)
        await visit(story, password[1])
        await stay_up(story, document.commands("PostgreSQL, and several processes")[3])
        assert await story.type("systemctl --failed --quiet") == ""


def put_certificate(machine: Machine, directory: Path) -> None:
    """The files that an organisation gives its admin, where the admin is."""
    authority().server(HOST, directory)
    for name in ("fullchain.pem", "privkey.pem"):
        machine.write(f"/root/{name}", (directory / f"{HOST}.pem").read_text())


async def write_campaign(story: Story) -> None:
    story.machine.write("/srv/forest.md", ours.FOREST)
    await story.type("fedicause campaign new /srv/forest.md\nfedicause campaign publish forest")


async def visit(story: Story, password: str) -> None:
    """A reader, a server, the admin: each by https, under the public name."""
    # A proxy that was told to reload says so before it has.
    assert await eventually(partial(counts, story), within=20)
    async with aiohttp.ClientSession(URL_, connector=story.connector()) as browser:
        async with browser.get("/campaigns/forest") as answer:
            assert answer.status == 200
            assert "Save the old forest" in await answer.text()
            assert "max-age" in answer.headers["Strict-Transport-Security"]
            tag = answer.headers["ETag"]
        async with browser.get("/campaigns/forest", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        # What it was before may still take a connection or two.
        assert await eventually(partial(redirects, browser), within=20)
        # What is as large as may be arrives; what is larger does not.
        for size, expected in ((MIB, 401), (MIB + 1, 413), (17 * MIB, 413)):
            body = io.BytesIO(LIKE + b" " * (size - len(LIKE) - 2) + b'"}')
            sent = {"Content-Type": signing.ACTIVITY}
            async with browser.post("/inbox", data=body, headers=sent) as answer:
                assert answer.status == expected, size
        alice = Browser(browser, origin=URL_)  # type: ignore[arg-type]
        await alice.get("/admin/login")
        assert (await alice.log_in(ADMIN, password)).place == "/admin"
        assert (await alice.get("/admin")).status == 200
    # A signature covers the name that was asked for, and its key is fetched over there.
    server = story.world._servers[0]
    bob = await server.person(f"bob{story.endorsers}")
    assert (await bob.like(f"{URL_}/campaigns/forest")).status == 202
    story.endorsers += 1
    assert await eventually(partial(counts, story), within=10)


async def counts(story: Story) -> bool:
    """Whether the proxy answers, and what was endorsed is counted."""
    try:
        async with story.world.session.get(f"{URL_}/api/campaigns/forest/support") as answer:
            return answer.status == 200 and (await answer.json())["endorsements"] == story.endorsers
    except aiohttp.ClientConnectorError:
        return False


async def redirects(browser: aiohttp.ClientSession) -> bool:
    """Whether plain HTTP leads to HTTPS, for good or for now."""
    async with browser.get(f"http://{HOST}/about", allow_redirects=False) as answer:
        return answer.status // 100 == 3 and answer.headers["Location"] == f"{URL_}/about"


async def look_at_what_is_handed_on(story: Story) -> None:
    """What the proxy says about a visitor who claims to be somebody else."""
    seen: list[web.BaseRequest] = []

    async def look(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        return web.Response()

    await story.type("systemctl stop fedicause.socket fedicause.service")
    inside = Sockets(story.machine.first)
    runner = web.ServerRunner(web.Server(look))
    await runner.setup()
    await web.SockSite(runner, inside.listening("127.0.0.1", 8000)).start()
    claimed = {"X-Forwarded-For": "127.0.0.1, 10.1.2.3", "X-Forwarded-Host": "mallory.test"}
    async with story.world.session.get(f"{URL_}/a%2Fb?c=%20d", headers=claimed) as answer:
        assert answer.status == 200
    await runner.cleanup()
    inside.close()
    await story.type("systemctl start fedicause.socket fedicause.service")
    assert [(each.headers["Host"], each.raw_path) for each in seen] == [(HOST, "/a%2Fb?c=%20d")]
    assert seen[0].headers.getall("X-Forwarded-For") == [OUTSIDE]


async def stay_up(story: Story, restart: str) -> None:
    """Readers notice nothing of a restart, or of three."""
    readers = Readers(URL_, poster="/actors/forest", connector=story.connector)
    async with asyncio.TaskGroup() as group:
        group.create_task(readers.live())
        for _ in range(2):
            await story.type(restart)
        readers.is_over = True
    assert readers.failures == []
    assert set(readers.answers) == {200, 405}


async def lose_everything_since(story: Story) -> None:
    await story.follow("Backups", 1)
    assert await eventually(partial(counts, story), within=10)


async def upgrade(story: Story) -> None:
    repository = story.directory / "repository"
    (repository / "CHANGELOG.md").write_text("A later version")
    release(repository, "A later version")
    await story.follow("Starting again, and upgrades", 1)
    assert (story.machine.disk / "srv/fedicause/CHANGELOG.md").read_text() == "A later version"
    assert await eventually(partial(counts, story), within=10)

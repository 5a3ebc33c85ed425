"""A server that is restarted among requests, behind a socket that somebody else keeps open for it."""

import asyncio
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.faults import nursery, ordeal
from tests.faults.crowd import Crowd
from tests.faults.nursery import FORKS, Forked

RESTARTS: Final = 5
READERS: Final = 6
PROXY_KEEPS: Final = 2.0
"""Seconds for which the proxies of deploy/ keep an idle connection."""


class Activated(Forked):
    """Started as systemd does it: descriptor 3 listens, and stays open while nobody serves."""

    def __init__(self, directory: Path, *, database: str) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        super().__init__(directory, database=database, port=self.listening.getsockname()[1])

    def _fork(self, arguments: Sequence[str], output: Path) -> ForkServerProcess:
        if arguments[0] != "serve":
            return super()._fork(arguments, output)
        process = FORKS.Process(
            target=_activate,
            # The port is what nobody may fall back on.
            args=(self.listening, ("serve", "--port", "1"), self.directory, self.environment, output),
            daemon=True,
        )
        process.start()
        return process


@dataclass
class Readers:
    """People who look at pages and counts, through a proxy that keeps connections, or each over a new one."""

    url: str
    answers: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    is_over: bool = False

    async def live(self) -> None:
        kept = aiohttp.TCPConnector(limit=0, keepalive_timeout=PROXY_KEEPS)
        async with (
            aiohttp.ClientSession(connector=kept) as through_proxy,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as anew,
            asyncio.TaskGroup() as group,
        ):
            for number in range(READERS):
                group.create_task(self._read(through_proxy if number % 2 else anew, number))

    async def _read(self, session: aiohttp.ClientSession, number: int) -> None:
        paths = ("/campaigns/forest", "/api/campaigns/forest/support", "/", "/actors/forest")
        while not self.is_over:
            began = time.monotonic()
            # A POST is never sent again behind our back; what it is answered does not matter.
            ask = session.post if number >= READERS - 2 else session.get
            try:
                async with ask(self.url + paths[number % len(paths)]) as answer:
                    await answer.read()
                    self.answers[answer.status] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failures.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_no_request_is_lost_by_a_restart(database_url: str, tmp_path: Path) -> None:
    subject = Activated(tmp_path, database=database_url)
    given = await ordeal.prepare(subject, database_url)
    with subject.listening:
        async with ordeal.elsewhere() as world, ordeal.running(subject):
            # Given people who sign, follow, take it back, and read, all the time
            servers = [await world.server(software=software) for software in ordeal.SOFTWARE]
            crowd = Crowd(subject, servers, random.Random(7))
            await crowd.introduce(given)
            readers = Readers(subject.url)
            async with asyncio.TaskGroup() as group:
                group.create_task(crowd.live())
                group.create_task(readers.live())
                # When the server is stopped and started again and again
                for _ in range(RESTARTS):
                    enough = crowd.answers + 40
                    assert await nursery.until(lambda: crowd.answers >= enough, within=30)  # noqa: B023
                    assert await subject.stop() == 0
                    await subject.start()
                crowd.is_over = readers.is_over = True
            # Those whose keys were slow to come are parked, and taken a little later.
            stands = [person for person in crowd.people if person.may_be("endorsement") == {True}]
            assert len(stands) > 50
            assert await nursery.until(lambda: _counts(subject, len(stands)), within=20)
    # Then everybody was answered, over however old a connection, and all that was answered counts.
    assert readers.failures == []
    assert set(readers.answers) <= {200, 405}
    assert crowd.unanswered == 0
    assert not crowd.other_answers
    assert " ERROR " not in subject.log


async def _counts(subject: Activated, endorsements: int) -> bool:
    return bool((await subject.support())["endorsements"] == endorsements)


def _activate(
    listening: socket.socket,
    arguments: Sequence[str],
    directory: Path,
    environment: dict[str, str],
    output: Path,
) -> None:
    os.dup2(listening.fileno(), 3)
    activated = environment | {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    nursery.run(arguments, directory, activated, output)

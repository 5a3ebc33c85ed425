"""A server that is restarted among requests, behind a socket that somebody else keeps open for it."""

import asyncio
import os
import random
import socket
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import pytest

from tests.faults import nursery, ordeal
from tests.faults.crowd import Crowd
from tests.faults.nursery import FORKS, Forked
from tests.readers import Readers

RESTARTS: Final = 5
ASKING: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


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
            args=(
                self.listening,
                ("serve", "--port", "1", *arguments[5:]),
                self.directory,
                self.environment,
                output,
            ),
            daemon=True,
        )
        process.start()
        return process


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
            readers = Readers(subject.url, poster="/actors/forest")
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
    assert set(readers.answers) == {200, 405}
    assert crowd.unanswered == 0
    assert not crowd.other_answers
    assert " ERROR " not in subject.log


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_who_is_speaking_when_it_stops_is_heard_out(database_url: str, tmp_path: Path) -> None:
    subject = Activated(tmp_path, database=database_url)
    await ordeal.prepare(subject, database_url)
    with subject.listening:
        try:
            await subject.start("--no-work")
            # Given somebody in the middle of a word, and a proxy with a connection that nobody uses
            slow, idle = await _connect(subject), await _connect(subject)
            slow[1].write(b"POST /inbox HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            slow[1].write(b"Content-Length: 4\r\n\r\nnu")
            idle[1].write(ASKING)
            assert b"connection: close" not in (await idle[0].readuntil(b"ok\n")).lower()
            # When the server is told to stop
            stopping = asyncio.create_task(subject.stop())
            assert await nursery.until(lambda: "Stopping:" in subject.log, within=20)
            # Then a little later both are still answered, for the last time over these connections,
            await asyncio.sleep(0.5)
            idle[1].write(ASKING)
            slow[1].write(b"ll")
            for (reader, writer), expected in ((slow, b"400 "), (idle, b"200 ")):
                answer = await reader.read()
                assert answer.startswith(b"HTTP/1.1 " + expected)
                assert b"connection: close" in answer.lower()
                writer.close()
            # and it is gone as soon as nobody is left.
            assert await asyncio.wait_for(stopping, 20) == 0
            # Who comes meanwhile waits for the next one.
            late = await _connect(subject)
            late[1].write(ASKING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await subject.start()
            assert (await late[0].read()).startswith(b"HTTP/1.1 200 ")
            late[1].close()
        finally:
            await subject.kill()


async def _connect(subject: Activated) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", subject.port)


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

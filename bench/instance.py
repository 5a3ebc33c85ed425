"""A real instance for one measurement: its own directory, its own server process."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import limits
from bench.crowd import Crowd
from fedicause import publish, seal, settings
from fedicause.campaigning import manuscript
from fedicause.campaigning.launch import launch
from fedicause.here import Here
from fedicause.urls import Urls
from storage import actors
from storage.columns import from_milliseconds
from storage.database import Database

COMMAND = str(Path(sys.executable).with_name("fedicause"))

CALL = """---
title: Keep the old forest
slug: {slug}
kind: petition
topic: Forests
goal: 100000
language: en
---
The council decides in spring. **Four hundred oaks** stand on the hill, and a road is planned through them.

Sign so that they stay.
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@dataclass
class Bench:
    """An initialised instance with campaigns `call0`, `call1`, … published.

    In development mode, as its neighbours are on this machine; or as it is when it is used, for what comes
    in: its looks around are then as far apart, and waves are counted.
    """

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    database: str = ""
    """SQLite in its directory, unless it has another one."""
    dev: bool = True

    @property
    def address(self) -> str:
        """Where it answers on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What it is called."""
        return self.address if self.dev else "https://campaigns.example"

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "FEDICAUSE_URL": self.url,
            "FEDICAUSE_DATA": str(self.data),
            "FEDICAUSE_DEV": "1" if self.dev else "",
            "FEDICAUSE_DATABASE": self.database_url,
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("FEDICAUSE_")} | ours

    def begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """A fedicause command that has begun: what it causes may be over before it ends."""
        return subprocess.Popen([COMMAND, *arguments], env=self.environment, stdout=subprocess.DEVNULL)  # noqa: S603

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'fedicause.db'}"

    def run(self, *arguments: str) -> str:
        """The output of a fedicause command."""
        command = [COMMAND, *arguments]
        return subprocess.run(  # noqa: S603
            command, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def know(self, crowd: Crowd) -> None:
        """Stores these people and their keys, as if each had been fetched."""

        async def store() -> None:
            database = Database(self.database_url)
            described = crowd.descriptions()
            for start in range(0, len(described), 5000):
                async with database.writing() as session:
                    await actors.remember(session, described[start : start + 5000], from_milliseconds(0))
            await database.close()

        asyncio.run(store())

    def publish(self, slugs: Sequence[str]) -> None:
        """What `campaign new` and `campaign publish` do, for each of these."""
        loaded = settings.load(self.environment, dotenv=self.data / "no.env")
        sealed = seal.load(loaded.secret_file)

        async def write() -> None:
            database = Database(self.database_url)
            for slug in slugs:
                written = manuscript.parse(CALL.format(slug=slug), self.data / "call.md")
                async with database.writing() as session:
                    now = datetime.now(UTC)
                    await publish.create(session, seal=sealed, manuscript=written, now=now)
                    await launch(session, Here(Urls(loaded.url), sealed, now), slug)
            await database.close()

        asyncio.run(write())

    @contextmanager
    def serving(self, *options: str) -> Iterator["Bench"]:
        """Runs `fedicause serve` meanwhile."""
        self.process = subprocess.Popen(  # noqa: S603
            [COMMAND, "serve", "--port", str(self.port), *options],
            env=self.environment,
            stderr=(self.data / "log").open("ab"),
        )
        try:
            limits.wait_for(self.port)
            yield self
        finally:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None

    @contextmanager
    def processes(self, serving: int = 0, working: int = 0) -> Iterator[list[int]]:
        """Runs so many processes that answer and so many that work meanwhile; the ports of the first ones."""
        ports = [self.port, *(free_port() for _ in range(serving - 1))][:serving]
        commands = [["serve", "--no-work", "--port", str(port)] for port in ports] + [["work"]] * working
        running = [
            subprocess.Popen(  # noqa: S603
                [COMMAND, *command], env=self.environment, stderr=(self.data / "log").open("ab")
            )
            for command in commands
        ]
        try:
            for port in ports:
                limits.wait_for(port, 120)
            yield ports
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                process.wait(30)

    def memory(self) -> float:
        """Megabytes (10⁶ bytes) that the server process holds: its resident set."""
        assert self.process
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise AssertionError("no VmRSS")


@contextmanager
def bench(slugs: Sequence[str] = ("call0",), database: str = "", *, dev: bool = True) -> Iterator[Bench]:
    data = Path(tempfile.mkdtemp(prefix="fedicause-bench-"))
    try:
        made = Bench(data, free_port(), database=database, dev=dev)
        made.run(
            "init", "--name", "Friends of the Old Forest", "--handle", "org", "--admin-email", "a@b.example"
        )
        made.publish(slugs)
        yield made
    finally:
        shutil.rmtree(data)

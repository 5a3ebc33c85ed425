"""The instance: its database, its processes, who starts them again, and one address before the web ones."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import instance
from bench.instance import CALL, COMMAND
from tests import components, postgres

SLUG: Final = "call0"
STARTED_AGAIN_AFTER: Final = 1.0
KEPT: Final = "kept"


@dataclass
class Process:
    """One process of ours, in all its lives."""

    name: str
    command: list[str]
    port: int | None = None
    running: asyncio.subprocess.Process | None = None
    kills: int = 0
    lives: list[list[tuple[float, float]]] = field(default_factory=list)
    """For each life: when it was looked at, and its resident megabytes then."""
    ends: list[int] = field(default_factory=list)
    """The exit statuses of those that ended without being killed by us."""

    @property
    def pid(self) -> int | None:
        running = self.running
        return running.pid if running is not None and running.returncode is None else None

    def signal(self, number: int) -> None:
        if self.pid is not None:
            self.kills += number == signal.SIGKILL
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Site:
    """`port` is the address of the instance: a relay to whichever web process takes the connection."""

    def __init__(self, data: Path, server: postgres.Server | None, chance: random.Random) -> None:
        self.data = data
        self.server = server
        self.port = instance.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = server.cluster.url("soak") if server else f"sqlite:///{data / 'fedicause.db'}"
        self.windows: list[tuple[float, float]] = []
        """When the database was down: from, until (monotonic)."""
        self.connections = 0
        self._chance = chance
        self._relayed: set[asyncio.StreamWriter] = set()
        self._is_over = False
        self.mail = ""
        web = 2 if server else 1
        ports = [instance.free_port() for _ in range(web)]
        self.processes = [
            Process(
                f"serve {number}", ["serve", "--port", str(port), *(["--no-work"] if server else [])], port
            )
            for number, port in enumerate(ports, 1)
        ] + [Process(f"work {number}", ["work"]) for number in (1, 2) if server]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FEDICAUSE_")}
        return inherited | {
            "FEDICAUSE_URL": self.url,
            "FEDICAUSE_DATA": str(self.data),
            "FEDICAUSE_DATABASE": self.database,
            "FEDICAUSE_SMTP": self.mail,
            "FEDICAUSE_MAIL_RATE": "100000",
            "FEDICAUSE_DEV": "1",
        }

    def set_up(self) -> None:
        if self.server is not None:
            self.server.create("soak")
        self.run(
            "init", "--name", "Friends of the Old Forest", "--handle", "org", "--admin-email", "a@b.example"
        )
        (self.data / "call.md").write_text(CALL.format(slug=SLUG))
        self.run("campaign", "new", str(self.data / "call.md"))
        self.run("campaign", "publish", SLUG)

    def run(self, *arguments: str) -> str:
        return subprocess.run(  # noqa: S603
            [COMMAND, *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    async def command(self, *arguments: str) -> tuple[int, str]:
        """The exit status of a command beside the running server, and what it printed."""
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *arguments,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    async def supervise(self, each: Process) -> None:
        """Runs it, and runs it again when it has ended, until all is over."""
        while not self._is_over:
            with (self.data / f"{each.name}.log").open("ab") as log:
                each.running = await asyncio.create_subprocess_exec(
                    COMMAND, *each.command, env=self.environment, stdout=log, stderr=log
                )
            each.lives.append([])
            status = await each.running.wait()
            if not self._is_over:
                if status != -signal.SIGKILL:
                    each.ends.append(status)
                await asyncio.sleep(STARTED_AGAIN_AFTER)

    async def stop(self) -> list[int]:
        """Ends all of them as an admin does; their exit statuses."""
        self._is_over = True
        for each in self.processes:
            each.signal(signal.SIGTERM)
        return [
            await asyncio.wait_for(each.running.wait(), 40)
            for each in self.processes
            if each.running is not None
        ]

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", self.port, backlog=1024)
        try:
            yield
        finally:
            server.close()
            self.cut()

    def cut(self) -> int:
        """Ends every connection there is, in the middle of whatever it carries."""
        number = len(self._relayed)
        for writer in list(self._relayed):
            writer.transport.abort()
        return number

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        web = [each for each in self.processes if each.port is not None]
        self._chance.shuffle(web)
        for each in web:
            try:
                theirs, to_them = await asyncio.open_connection("127.0.0.1", each.port)
            except OSError:
                continue
            break
        else:
            writer.transport.abort()
            return
        self._relayed |= {writer, to_them}
        pumps = {asyncio.create_task(_pump(reader, to_them)), asyncio.create_task(_pump(theirs, writer))}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for each_writer in (writer, to_them):
                self._relayed.discard(each_writer)
                each_writer.close()

    async def restart_database(self, number: int, away: float) -> None:
        assert self.server is not None
        began = time.monotonic()
        await asyncio.to_thread(self.server.stop, number)
        await asyncio.sleep(away)
        await asyncio.to_thread(self.server.start)
        self.windows.append((began, time.monotonic()))

    async def watch_memory(self, every: float = 5.0) -> None:
        while not self._is_over:
            for each in self.processes:
                if each.pid is not None and each.lives:
                    with suppress(OSError):
                        each.lives[-1].append((time.monotonic(), resident(each.pid)))
            await asyncio.sleep(every)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def keep(data: Path) -> None:
    """Leaves the logs and files of the instance there, for whoever wants to know what went wrong."""
    (data / KEPT).touch()


def is_kept(data: Path) -> bool:
    return (data / KEPT).exists()


def resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("no VmRSS")


@asynccontextmanager
async def opened(dialect: str, chance: random.Random, mail: Callable[[], str]) -> AsyncIterator[Site]:
    """An initialised instance, its address taken, its processes not yet running; nothing of it stays."""
    data = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedicause-soak-"))
    server: postgres.Server | None = None
    try:
        if dialect == "postgresql":
            server = postgres.Server(components.postgresql(), {"fsync": "off", "full_page_writes": "off"})
            await asyncio.to_thread(server.make)
            await asyncio.to_thread(server.start)
        site = Site(data, server, chance)
        site.mail = mail()
        await asyncio.to_thread(site.set_up)
        async with site.relaying():
            yield site
    finally:
        if server is not None:
            await asyncio.to_thread(server.remove)
        if not is_kept(data):
            await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)

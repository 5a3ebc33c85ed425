"""Our server as a process of its own, set up and run by the command line as an admin does it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from tests import ours

FEDICAUSE = str(Path(sys.executable).parent / "fedicause")
Value = TypeVar("Value")


class CommandFailed(Exception):
    """A command of ours ended with an error; the text is what it printed."""


class Process:
    """One instance in development mode at a port of 127.0.0.1; it outlives its process."""

    def __init__(self, directory: Path, *, database: str | None = None, port: int | None = None) -> None:
        self.directory = directory
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FEDICAUSE_")},
            "FEDICAUSE_URL": self.url,
            "FEDICAUSE_DATA": str(directory / "data"),
            "FEDICAUSE_DEV": "1",
        } | ({"FEDICAUSE_DATABASE": database} if database else {})
        self._running: asyncio.subprocess.Process | None = None

    @property
    def actor(self) -> str:
        return f"{self.url}/actors/forest"

    @property
    def note(self) -> str:
        return f"{self.url}/campaigns/forest"

    @property
    def log(self) -> str:
        """What the server wrote, of all its runs."""
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    async def command(self, *arguments: str) -> str:
        """Runs a command to its end; what it printed. Raises CommandFailed."""
        process = await asyncio.create_subprocess_exec(
            FEDICAUSE,
            *arguments,
            cwd=self.directory,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        if process.returncode:
            raise CommandFailed(f"{' '.join(arguments)}: {printed.decode()}")
        return printed.decode()

    async def set_up(self) -> None:
        """The Friends of the Old Forest, and their campaign."""
        await self.command(
            "init",
            "--name",
            "Friends of the Old Forest",
            "--handle",
            "org",
            "--admin-email",
            "alice@ours.test",
        )
        path = self.directory / "forest.md"
        await asyncio.to_thread(path.write_text, ours.FOREST)
        await self.command("campaign", "new", str(path))
        await self.command("campaign", "publish", "forest")

    async def start(self, *arguments: str) -> None:
        """Serves, and returns once it answers; `arguments` go to `serve`."""
        with (self.directory / "log").open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                FEDICAUSE,
                *("serve", "--host", "127.0.0.1", "--port", str(self.port), *arguments),
                cwd=self.directory,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await eventually(self._answers, within=30)

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends the process by this signal; its exit status (negative: the signal that ended it)."""
        assert self._running is not None
        if self._running.returncode is None:
            self._running.send_signal(number)
        return await asyncio.wait_for(self._running.wait(), 30)

    async def kill(self) -> None:
        """Ends the process at once, wherever it is: kill -9."""
        await self.stop(signal.SIGKILL)

    async def support(self, slug: str = "forest") -> dict[str, Any]:
        """What /api/campaigns/{slug}/support says now."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/campaigns/{slug}/support") as answer,
        ):
            found: dict[str, Any] = json.loads(await answer.read())
            return found

    async def _answers(self) -> bool:
        assert self._running is not None
        if self._running.returncode is not None:
            raise CommandFailed(f"serve ended: {self.log[-2000:]}")
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


async def eventually(asked: Callable[[], Awaitable[Value]], *, within: float = 5.0) -> Value:
    """The first true answer, asked for again and again; TimeoutError when none comes within these seconds."""
    async with asyncio.timeout(within):
        while True:
            if answer := await asked():
                return answer
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

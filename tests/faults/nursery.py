"""Our commands as processes forked from an interpreter that has loaded everything: loading takes longest.

What is run is the command line's own entry, in a process of its own that a signal can kill.
"""

import asyncio
import inspect
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import aiohttp

from fedicause import cli
from tests.process import CommandFailed, Process

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fedicause.app", __name__])


class Forked(Process):
    """An instance whose commands need no time to load."""

    _serving: ForkServerProcess | None = None
    up_within = 30.0
    """Seconds."""

    async def command(self, *arguments: str) -> str:
        output = self.directory / f"printed by {arguments[0]}"
        output.unlink(missing_ok=True)
        process = self._fork(arguments, output)
        await _end_of(process)
        if process.exitcode:
            raise CommandFailed(f"{' '.join(arguments)}: {output.read_text()}")
        return output.read_text()

    async def start(self, *arguments: str) -> None:
        serve = ("serve", "--host", "127.0.0.1", "--port", str(self.port), *arguments)
        self._serving = self._fork(serve, self.directory / "log")
        async with aiohttp.ClientSession() as session:
            assert await until(lambda: self._is_up(session), within=self.up_within), self.log[-2000:]

    async def stop(self, number: int = signal.SIGTERM) -> int:
        assert self._serving is not None
        assert self._serving.pid is not None
        if self._serving.exitcode is None:
            os.kill(self._serving.pid, number)
        return await _end_of(self._serving)

    def _fork(self, arguments: Sequence[str], output: Path) -> ForkServerProcess:
        process = FORKS.Process(
            target=run, args=(arguments, self.directory, self.environment, output), daemon=True
        )
        process.start()
        return process

    async def _is_up(self, session: aiohttp.ClientSession) -> bool:
        assert self._serving is not None
        if self._serving.exitcode is not None:
            raise CommandFailed(f"serve ended: {self.log[-2000:]}")
        try:
            async with session.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


async def _end_of(process: ForkServerProcess) -> int:
    await until(lambda: process.exitcode is not None, within=30)
    assert process.exitcode is not None
    return process.exitcode


async def until(condition: Callable[[], object], *, within: float) -> bool:
    """Whether the condition, which may be awaited, came true in so many seconds."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while True:
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return True
        if clock() > deadline:
            return False
        await asyncio.sleep(0.005)


def run(arguments: Sequence[str], directory: Path, environment: dict[str, str], output: Path) -> None:
    """The command line's entry, in a process that was just forked."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    with output.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    cli.main(list(arguments))

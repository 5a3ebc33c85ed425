"""The simulated servers as the demo holds them: a process that cannot outlive it, told and heard by lines."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fedicause.commands.desk import Refused

ENDING: Final = 5.0
"""Seconds that the process is given to end."""


class Players:
    """The process of fedicause.demo.fediverse."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def tell(self, line: object) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        """The next event; raises Refused."""
        line = await self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise Refused("The simulated servers stopped working")
        event: dict[str, Any] = json.loads(line)
        return event


@asynccontextmanager
async def players(directory: str) -> AsyncIterator[Players]:
    """The process, until the context ends. It removes `directory` when this process dies before it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "fedicause.demo.fediverse", directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for us alone; that we are gone it knows by the end of its input.
        start_new_session=True,
    )
    try:
        yield Players(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), ENDING)
        except TimeoutError:
            process.kill()
            await process.wait()

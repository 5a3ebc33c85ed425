"""A live server on Fedify (peer/fedify.mjs), told what to do by lines of JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from tests import components

FirstKnock = Literal["draft-cavage-http-signatures-12", "rfc9421"]


class Fedify:
    """The server, and Cleo who has an account on it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.received: list[dict[str, Any]] = []
        """The activities that were delivered to it and that it accepted, in order."""
        self.actor = ""

    async def ask(self, command: str, **parameters: Any) -> dict[str, Any]:
        """Has Cleo do something; what came of it."""
        assert self._process.stdin is not None
        line = json.dumps({"command": command, **parameters})
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()
        async with asyncio.timeout(30):
            answer = await self._answers.get()
        assert answer.get("done") == command, answer
        return answer

    async def has_received(self, kind: str) -> bool:
        return any(each["type"] == kind for each in self.received)

    async def listen(self) -> None:
        """Sorts what it says into answers and activities, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            if "received" in message:
                self.received.append(message["received"])
            else:
                await self._answers.put(message)

    async def begin(self) -> None:
        async with asyncio.timeout(60):
            self.actor = (await self._answers.get())["actor"]


@asynccontextmanager
async def running(first_knock: FirstKnock) -> AsyncIterator[Fedify]:
    """A server that signs what it sends in this way first."""
    process = await asyncio.create_subprocess_exec(
        *components.node_peer("fedify.mjs"),
        first_knock,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=4 * 1024 * 1024,
    )
    fedify = Fedify(process)
    listening = asyncio.create_task(fedify.listen())
    try:
        await fedify.begin()
        yield fedify
    finally:
        process.terminate()
        await process.wait()
        await listening

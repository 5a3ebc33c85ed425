"""The network between instances: a proxy before each that cuts, loses, doubles, delays and reorders."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests import process

FATES: Final = {
    "passed": 8,
    "request lost": 1,
    "answer lost": 1,
    "doubled": 1,
    "slow": 1,
    "late": 1,
}
"""What becomes of a request in rough weather, and how often; late: it is given up for lost, and comes."""
SLOW: Final = 0.5
LATE: Final = 1.5
"""Seconds, at most."""

_OF_ONE_HOP: Final = ("Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length")


class Network:
    """Instances are named by the URLs that they go by, which are those of their proxies."""

    def __init__(self, chance: random.Random) -> None:
        self.is_rough = False
        self.happened: Counter[str] = Counter()
        """What became of requests."""
        self._chance = chance
        self._cut: set[frozenset[str]] = set()
        self._late: dict[asyncio.Task[None], str] = {}
        self._runners: list[web.ServerRunner] = []
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Network":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            skip_auto_headers=["User-Agent", "Accept", "Accept-Encoding", "Content-Type"],
            timeout=aiohttp.ClientTimeout(total=30),
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        assert self._session is not None
        await self._session.close()

    async def lead_to(self, port: int) -> str:
        """The URL of a new proxy before this port of 127.0.0.1."""
        address = f"http://127.0.0.1:{process.free_port()}"

        async def carry(request: web.BaseRequest) -> web.StreamResponse:
            return await self._carry(request, address, f"http://127.0.0.1:{port}")

        runner = web.ServerRunner(web.Server(carry, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(address.rpartition(":")[2])).start()
        self._runners.append(runner)
        return address

    def part(self, one: Iterable[str], other: Iterable[str]) -> None:
        """Nothing goes between these any more, in either direction."""
        others = list(other)
        self._cut |= {frozenset((here, there)) for here in one for there in others}

    def heal(self) -> None:
        self._cut.clear()

    async def forget(self, sender: str) -> None:
        """Waits until nothing is on its way any more that this instance has sent."""
        await asyncio.gather(*(task for task, each in self._late.items() if each == sender))

    async def _carry(self, request: web.BaseRequest, address: str, target: str) -> web.StreamResponse:
        sender = request.headers.get("User-Agent", "").partition("(+")[2].rstrip("/)")
        body = await request.read()
        fate = self._fate(sender, address)
        self.happened[fate] += 1
        if fate in ("cut", "request lost"):
            return _silence(request)
        if fate == "late":
            task = asyncio.create_task(self._bring_late(request, body, target))
            self._late[task] = sender
            task.add_done_callback(self._late.pop)
            return _silence(request)
        if fate == "slow":
            await asyncio.sleep(self._chance.uniform(0, SLOW))
        try:
            answer = await self._forward(request, body, target)
            if fate == "doubled":
                answer = await self._forward(request, body, target)
        except aiohttp.ClientError:
            self.happened["nobody there"] += 1
            return _silence(request)
        return _silence(request) if fate == "answer lost" else answer

    def _fate(self, sender: str, address: str) -> str:
        if frozenset((sender, address)) in self._cut:
            return "cut"
        if not self.is_rough:
            return "passed"
        return self._chance.choices(list(FATES), list(FATES.values()))[0]

    async def _bring_late(self, request: web.BaseRequest, body: bytes, target: str) -> None:
        await asyncio.sleep(self._chance.uniform(0, LATE))
        try:
            await self._forward(request, body, target)
        except aiohttp.ClientError:
            self.happened["nobody there"] += 1

    async def _forward(self, request: web.BaseRequest, body: bytes, target: str) -> web.Response:
        assert self._session is not None
        async with self._session.request(
            request.method,
            URL(target + request.raw_path, encoded=True),
            headers=_without_hop(request.headers.items()),
            data=body or None,
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
            headers = _without_hop(answer.headers.items())
            return web.Response(status=answer.status, headers=headers, body=content)


def _without_hop(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _OF_ONE_HOP:
        kept.popall(name, None)
    return kept


def _silence(request: web.BaseRequest) -> web.Response:
    """No answer: the connection ends."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)

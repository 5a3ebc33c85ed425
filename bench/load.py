"""A load generator that costs little: ready-made requests, open connections, hardly any parsing."""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

import uvloop

WITHIN = 300.0
"""Seconds that any load may take."""


@dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    statuses: dict[str, int]

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds

    def expect(self, *statuses: str) -> "Result":
        """Itself, if nothing else was answered."""
        assert set(self.statuses) <= set(statuses), self.statuses
        return self


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered.

    Knows just enough of HTTP to see the end of an answer: Content-Length, or none.
    """

    def __init__(self, requests: Iterator[bytes], statuses: Counter[str], ended: asyncio.Semaphore) -> None:
        self._requests = requests
        self._statuses = statuses
        self._ended = ended
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        at = head.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._received) >= end + 4 + length:
            self._statuses[head[9:12].decode()] += 1
            self._received.clear()
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended.release()

    def _next(self) -> None:
        try:
            self._transport.write(next(self._requests))
        except StopIteration:
            self._transport.close()


async def _drive(ports: Sequence[int], requests: Sequence[bytes], connections: int) -> Result:
    statuses: Counter[str] = Counter()
    ended = asyncio.Semaphore(0)
    waiting = iter(requests)
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    for number in range(connections):
        port = ports[number % len(ports)]
        await loop.create_connection(lambda: _Connection(waiting, statuses, ended), "127.0.0.1", port)
    for _ in range(connections):
        await ended.acquire()
    seconds = time.perf_counter() - began
    assert sum(statuses.values()) == len(requests), f"{sum(statuses.values())} of {len(requests)} answered"
    return Result(len(requests), seconds, dict(statuses))


def _child(ports: Sequence[int], requests: Sequence[bytes], connections: int, result: Connection) -> None:
    result.send(uvloop.run(_drive(ports, requests, connections)))


def send(port: int | Sequence[int], requests: Sequence[bytes], connections: int = 64) -> Result:
    """Sends all these requests to a server on this machine, from a process of its own.

    Of several ports each gets its part of the connections.
    """
    ports = [port] if isinstance(port, int) else port
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(ports, requests, connections, theirs), daemon=True)
    process.start()
    theirs.close()  # so that a child that fails ends the wait
    try:
        assert ours.poll(WITHIN), "the load was not answered in time"
        result: Result = ours.recv()
        return result
    finally:
        process.terminate()
        process.join()


def get(port: int, path: str, accept: str = "text/html") -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {accept}\r\n"
        "Accept-Language: en\r\nUser-Agent: bench\r\n\r\n"
    ).encode()

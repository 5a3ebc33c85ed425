"""Servers that are slow, broken or gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from federation.remote import (
    Remote,
    Unreachable,
    Unusable,
)
from tests.federation.peers import Peer


@pytest.fixture
async def raw() -> AsyncIterator[Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]]:
    """Starts a server that speaks for itself; returns its URL."""
    servers: list[asyncio.Server] = []

    async def start(speak: Callable[..., Awaitable[None]]) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await speak(reader, writer)
            except (OSError, asyncio.CancelledError):
                pass  # they hung up, or the test is over
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


Raw = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\n"


@pytest.mark.parametrize("start", [b"", HEAD + b"X-Drip: ", HEAD + b"Content-Length: 1000000\r\n\r\n"])
async def test_a_server_that_drips_is_left_after_the_deadline(remote: Remote, raw: Raw, start: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start)
        for _ in range(200):
            writer.write(b"1" if start else b"\r")
            await writer.drain()
            await asyncio.sleep(0.02)

    clock = asyncio.get_running_loop().time
    began = clock()
    with pytest.raises(Unreachable):
        await remote.fetch(await raw(drip), total=0.3)
    assert clock() - began < 2


@pytest.mark.parametrize(("count", "is_read"), [(50, True), (150, False)])
async def test_headers_without_end_are_not_read(remote: Remote, raw: Raw, count: int, is_read: bool) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"id": "%s/a"}' % url.encode()
        writer.write(HEAD)
        for number in range(count):
            writer.write(b"X-%d: 1\r\n" % number)
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    url = await raw(flood)
    if is_read:
        assert (await remote.fetch(f"{url}/a", total=2)).url == f"{url}/a"
    else:
        with pytest.raises(Unusable, match="not HTTP"):
            await remote.fetch(f"{url}/a", total=2)


async def test_a_header_of_ten_kilobytes_is_not_read(remote: Remote, carol: Peer) -> None:
    carol.serve("/a", {"id": carol.url("/a")}, headers={"X-Long": "x" * 10_000})
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/a"))


async def test_nobody_listening_is_unreachable(remote: Remote, carol: Peer) -> None:
    await carol.close()
    with pytest.raises(Unreachable):
        await remote.fetch(carol.url("/a"))


async def test_a_name_that_does_not_exist_is_unreachable(remote: Remote) -> None:
    with pytest.raises(Unreachable):
        await remote.fetch("http://nobody.test/")

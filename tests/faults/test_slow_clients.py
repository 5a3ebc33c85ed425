"""Clients that take their time with us: they are waited for, though not for ever, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from fedicause.web.patience import Doorkeeper
from tests.conftest import Client

HEAD = b"POST /inbox HTTP/1.1\r\nHost: ours.test\r\nContent-Type: application/activity+json\r\n"
Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def kept(client: Client, **options: Any) -> AsyncIterator[int]:
    """The door of the application is kept; the port."""
    assert isinstance(client.server, TestServer)
    server = client.server.runner.server
    assert isinstance(server, web.Server)
    watch = asyncio.create_task(Doorkeeper(server, every=0.05, **{"most": 1000, **options}).watch())
    try:
        assert client.port is not None
        yield client.port
    finally:
        watch.cancel()


async def is_ended(talk: Talk, *, within: float) -> bool:
    """Whether the other side ends the connection in so many seconds."""
    try:
        async with asyncio.timeout(within):
            while await talk[0].read(65536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    talk[1].close()
    return True


async def test_a_body_that_comes_by_drops_is_not_waited_for(client: Client) -> None:
    async with kept(client, body_within=1.0) as port:
        talks = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in talks:
            writer.write(HEAD + b"Content-Length: 500\r\n\r\n{")

        async def drip() -> None:
            while True:
                for _, writer in talks:
                    writer.write(b" ")
                await asyncio.sleep(0.1)

        dripping = asyncio.create_task(drip())
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        ends = await asyncio.gather(*(is_ended(talk, within=10) for talk in talks))
        dripping.cancel()
        assert all(ends)


async def test_a_body_that_comes_in_time_is_taken(client: Client) -> None:
    async with kept(client, body_within=5.0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"Content-Length: 4\r\n\r\n{")
        await asyncio.sleep(0.5)
        writer.write(b'"a"')
        assert b" 400 " in await reader.readline()
        writer.close()


@pytest.mark.usefixtures("campaign")
async def test_who_does_not_read_is_not_kept_for(client: Client) -> None:
    # The first page of a process takes its time, in which nobody is sent anything.
    async with client.get("/campaigns/forest") as page:
        assert page.status == 200
    async with kept(client, taken_within=1.0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        silent = await asyncio.open_connection("127.0.0.1", port)
        # More than the buffers of both sides hold.
        writer.write(b"GET /campaigns/forest HTTP/1.1\r\nHost: ours.test\r\nAccept: text/html\r\n\r\n" * 2000)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(4)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await is_ended((reader, writer), within=20)
        # Whoever only says nothing has done no harm.
        silent[1].write(b"GET /healthz HTTP/1.1\r\nHost: ours.test\r\n\r\n")
        assert b" 200 " in await silent[0].readline()
        silent[1].close()


async def test_of_too_many_who_say_nothing_the_oldest_go(client: Client) -> None:
    async with kept(client, most=20) as port:
        talks = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for each in talks:
            each[1].write(b"GET /heal")
        ends = await asyncio.gather(*(is_ended(talk, within=2) for talk in talks))
        assert ends[:40] == [True] * 40  # and one more for each other visitor
        assert ends[45:] == [False] * 15
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        for each in talks:
            each[1].close()

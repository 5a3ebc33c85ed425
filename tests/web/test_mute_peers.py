"""Servers that take a call and never speak, not even TLS: nobody else waits for them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from fedicause.instance import Instance
from storage.models import Campaign, Delivery, Host, ParkedRequest
from tests import signing
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web.test_delivery import later, rows, say, until, working, written

ADDRESS = "93.184.216.99"


@asynccontextmanager
async def mute(world: Fediverse, host: str) -> AsyncIterator[None]:
    """Whoever connects to this host is connected, and that is all."""

    talks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def talk() -> None:
            try:
                while await reader.read(65536):
                    pass
            finally:
                writer.close()

        talks.add(asyncio.create_task(talk()))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    world.names.names[host] = [[ADDRESS]]
    world.internet.host(ADDRESS, SimpleNamespace(port=server.sockets[0].getsockname()[1]))  # type: ignore[arg-type]
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*talks, return_exceptions=True)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("key_wait", [0.5])
async def test_who_never_speaks_is_tried_later_and_keeps_nobody_waiting(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, clock: Clock
) -> None:
    well, silent = await fediverse.server("well.test"), await fediverse.server("mute.test")
    bob = await silent.person("bob", algorithm="ed25519")
    async with mute(fediverse, "mute.test"), working(instance):
        # Given more news for such a server than there are deliveries at a time
        await say(instance, "call", [f"https://mute.test/inbox/{number}" for number in range(120)])
        await asyncio.sleep(0.3)
        # Then another one hears of them at once
        await say(instance, "call", ["https://well.test/inbox"])
        await until(lambda: well.received, seconds=4)
        # And somebody there who endorses is told that it was taken, though the key can't be asked for
        assert (await bob.like("https://ours.test/campaigns/forest")).status == 202
        # And what was tried waits for the next time
        await written(instance, lambda found: sum(row.attempts for row in found) >= 8)
        assert all(row.ended_at is None for row in await rows(instance))
        async with instance.database.reading() as session:
            assert await session.scalar(select(Host.why).where(Host.name == "mute.test")) == "timeout"
            assert await session.scalar(select(func.count()).select_from(ParkedRequest)) == 1
        # When it speaks, then it hears all of it, each thing once
        fediverse.internet.host(ADDRESS, silent)  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            while await number(instance):
                await later(instance, clock, 20)
                await asyncio.sleep(0.4)
    heard = [signing.target(each.request.url) for each in silent.asked if each.request.method == "POST"]
    assert sorted(Counter(heard).values()) == [1] * 120


async def number(instance: Instance) -> int:
    async with instance.database.reading() as session:
        return await session.scalar(select(func.count()).where(Delivery.ended_at.is_(None))) or 0

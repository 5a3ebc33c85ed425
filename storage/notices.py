"""Wake-ups from one process to another: PostgreSQL carries them, SQLite's single process needs none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.database import Database

CHANNEL: Final = "fedicause"


async def post(session: AsyncSession, name: str) -> None:
    """Wakes whoever listens for this, once what the session does is committed; many of them arrive as one."""
    if batches.dialect_of(session) == "postgresql":
        await session.execute(select(func.pg_notify(CHANNEL, name)))


@asynccontextmanager
async def listening(database: Database, ring: Callable[[str], None]) -> AsyncIterator[asyncio.Event]:
    """Calls `ring` with the name of every notice; the event is set when no more come. PostgreSQL only."""
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - not for those with SQLite

    closed = asyncio.Event()
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(url)
    try:
        connection.add_termination_listener(lambda *_: closed.set())
        await connection.add_listener(CHANNEL, lambda *notice: ring(notice[3]))
        yield closed
    finally:
        await connection.close(timeout=2)

"""Wake-ups from one process to another: PostgreSQL carries them, SQLite's single process needs none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.database import REACHED_WITHIN, Database, expect_answers

CHANNEL: Final = "fedicause"
ALIVE_EVERY: Final = 30.0
"""Seconds after which is looked whether anybody is still there to give notice."""
ANSWERS_WITHIN: Final = 10.0


async def post(session: AsyncSession, name: str, about: str = "") -> None:
    """Tells whoever listens, once what the session does is committed; many that are alike arrive as one.

    Not for what is committed all the time: PostgreSQL lets those that notify commit one after the other.
    """
    if batches.dialect_of(session) == "postgresql":
        await session.execute(select(func.pg_notify(CHANNEL, f"{name} {about}".rstrip())))


@asynccontextmanager
async def listening(
    database: Database, ring: Callable[[str, str], None]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Calls `ring` with every notice's name and what it is about. PostgreSQL only.

    What it gives returns once no more notices come.
    """
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - not for those with SQLite

    closed = asyncio.Event()

    async def end() -> None:
        while not closed.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), ALIVE_EVERY)
                return
            # A cable that was cut says nothing.
            await connection.execute("SELECT 1", timeout=ANSWERS_WITHIN)

    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connecting = asyncio.ensure_future(asyncpg.connect(url, timeout=REACHED_WITHIN))
    try:
        connection = await asyncio.shield(connecting)
    except asyncio.CancelledError:
        # Interrupted in the middle of it, asyncpg would leave an error that nobody asks for.
        with suppress(Exception):
            await (await connecting).close(timeout=2)
        raise
    expect_answers(connection)
    try:
        connection.add_termination_listener(lambda *_: closed.set())
        await connection.add_listener(CHANNEL, lambda *notice: ring(*_parts(notice[3])))
        yield end
    finally:
        await connection.close(timeout=2)


def _parts(notice: str) -> tuple[str, str]:
    name, _, about = notice.partition(" ")
    return name, about

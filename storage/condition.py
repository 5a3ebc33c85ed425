"""The database itself: whether its file is whole, and whether its server has room."""

import asyncio
import sqlite3
import threading
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class Server(Struct, frozen=True):
    """A PostgreSQL server: its version (150004), its clock, its connections and how many it takes."""

    version: int
    now: datetime
    used: int
    most: int


async def damage(path: Path, *, seconds: float) -> str | None:
    """What SQLite finds wrong with its file; empty if nothing, None if that takes longer than `seconds`."""
    return await asyncio.to_thread(_damage, path, seconds)


def _damage(path: Path, seconds: float) -> str | None:
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=1)
    except sqlite3.Error as error:
        return str(error)
    timer = threading.Timer(seconds, connection.interrupt)
    timer.start()
    try:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return "" if said == "ok" else str(said)
    except sqlite3.OperationalError as error:
        return None if "interrupted" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        timer.cancel()
        timer.join()
        connection.close()


async def server(session: AsyncSession) -> Server:
    """Of PostgreSQL alone."""
    row = (
        await session.execute(
            text(
                "SELECT current_setting('server_version_num')::int, clock_timestamp(),"
                " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
                " current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int"
            )
        )
    ).one()
    return Server(*row)


async def others(session: AsyncSession) -> int:
    """How many connections there are to this database of PostgreSQL beside our own."""
    found = await session.scalar(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    )
    return int(found or 0)

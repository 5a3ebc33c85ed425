"""One database, SQLite or PostgreSQL: its engines, and the two kinds of session."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from storage import sqlite

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class UnknownDatabase(ValueError):
    """The database URL names neither SQLite nor PostgreSQL."""


class Met(Exception):
    """Another process was changing the same: the transaction must begin again."""


def is_met(error: BaseException) -> bool:
    """Whether a transaction failed only because of what another one did at the same time.

    PostgreSQL says so by 40001 (serialization_failure) and 40P01 (deadlock_detected).
    """
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}
    return isinstance(error, Met)


def async_url(url: str) -> URL:
    """The URL with the asynchronous driver of its database; raises UnknownDatabase."""
    parsed = make_url(url)
    dialect = parsed.get_backend_name()
    if dialect not in DRIVERS:
        raise UnknownDatabase(f"{dialect} is not supported: use sqlite or postgresql")
    return parsed.set(drivername=DRIVERS[dialect])


class Database:
    """Sessions on one database. On SQLite there is one writer at a time; readers never wait for it (WAL)."""

    def __init__(self, url: str) -> None:
        self.url = async_url(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect == "sqlite":
            self._writer = _sqlite_engine(self.url, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite_engine(self.url, begin="BEGIN", pool_size=4)
            self._most_connections = 5
        else:
            self._writer = self._reader = create_async_engine(
                self.url, pool_size=10, max_overflow=5, pool_pre_ping=True, hide_parameters=True
            )
            self._most_connections = 15

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reading; nothing of it is kept."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end, or keeps nothing when an exception leaves it."""
        async with AsyncSession(self._writer, expire_on_commit=False) as session, session.begin():
            if self.dialect == "sqlite":
                sqlite.allow_direct(session)
            yield session

    def connections(self) -> dict[str, float]:
        """How many of this process's connections to the database are in use, and how many there may be."""
        pools = [each.pool for each in {self._writer, self._reader}]
        in_use = sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))
        return {"connections": in_use, "most_connections": self._most_connections}

    async def size(self) -> int:
        """Bytes of the database, as it lies on its disk."""
        if self.dialect == "sqlite":
            return await asyncio.to_thread(_bytes_of, Path(self.url.database or ""))
        async with self.reading() as session:
            found = await session.scalar(select(func.pg_database_size(func.current_database())))
        return int(found or 0)

    async def close(self) -> None:
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def _bytes_of(path: Path) -> int:
    log = path.with_name(f"{path.name}-wal")
    return sum(each.stat().st_size for each in (path, log) if each.exists())


def _sqlite_engine(url: URL, *, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        async_creator=lambda: sqlite.connect(url.database or ""),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=60,
        # What people gave us is in no log, whatever breaks and at whatever level.
        hide_parameters=True,
    )
    logging.getLogger("aiosqlite").setLevel(logging.INFO)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "busy_timeout = 30000",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            # What is erased is overwritten, whichever way SQLite was built.
            "secure_delete = ON",
            "cache_size = -8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine

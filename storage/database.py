"""One database, SQLite or PostgreSQL: its engines, and the two kinds of session."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from storage import absence, sqlite

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
CONNECTIONS: Final = 10
MORE: Final = 5
"""Connections of a process to PostgreSQL that it keeps, and more where many are needed at once."""
REACHED_WITHIN: Final = 5.0
"""Seconds for a new connection to PostgreSQL."""
SILENT_FOR: Final = 20
"""Seconds after which a machine that does not even acknowledge what it was sent is taken for gone."""
_SELDOM: Final = ContextVar("seldom", default=False)


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


@contextmanager
def seldom() -> Iterator[None]:
    """For what is done once in a minute at most: its statements are not kept compiled, 25 KB each."""
    token = _SELDOM.set(True)
    try:
        yield
    finally:
        _SELDOM.reset(token)


class Database:
    """Sessions on one database. On SQLite there is one writer at a time; readers never wait for it (WAL)."""

    def __init__(self, url: str) -> None:
        self.url = async_url(url)
        self.dialect = self.url.get_backend_name()
        self._opened: WeakSet[sqlite.Connection] = WeakSet()
        if self.dialect == "sqlite":
            self._writer = _sqlite_engine(self.url, self._opened, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite_engine(self.url, self._opened, begin="BEGIN", pool_size=4)
            self._most_connections = 5
        else:
            self._writer = self._reader = _postgresql_engine(self.url)
            self._most_connections = CONNECTIONS + MORE
        # Other views of the same connections.
        self._unkept = {
            engine: engine.execution_options(compiled_cache=None) for engine in {self._writer, self._reader}
        }
        self.patience = absence.PATIENCE
        """Seconds that a transaction waits to begin while a server is away."""
        self._watch = absence.Watch(self._knock)

    @property
    def is_away(self) -> bool:
        """Whether the database could not be reached when that was last tried."""
        return self._watch.is_away

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reading; nothing of it is kept. Raises Away, after a while."""
        async with await self._session(self._reader) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end, or keeps nothing when an exception leaves it. Raises Away.

        Where the connection is lost during the commit, nobody knows whether it held.
        """
        async with await self._session(self._writer) as session:
            if self.dialect == "sqlite":
                sqlite.allow_direct(session)
            try:
                yield session
            except BaseException:
                await session.rollback()
                raise
            await session.commit()

    async def _session(self, engine: AsyncEngine) -> AsyncSession:
        """A session; of a server that is just being started again, once it answers."""
        if _SELDOM.get():
            engine = self._unkept[engine]
        if self.dialect == "sqlite":
            return AsyncSession(engine, expire_on_commit=False)
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.patience
        while True:
            if self._watch.is_away:
                await self._watch.wait(deadline - clock())
            session = AsyncSession(engine, expire_on_commit=False)
            try:
                # A machine that is silently gone does not even refuse.
                async with asyncio.timeout_at(deadline):
                    await session.connection()
            except BaseException as error:
                await session.close()
                if not absence.keeps_out(error):
                    raise
                if isinstance(error, TimeoutError) and self._is_exhausted(engine):
                    raise absence.Away("all connections are in use") from error
                self._watch.missed(error)
            else:
                return session

    def _is_exhausted(self, engine: AsyncEngine) -> bool:
        """Whether there is nothing to wait for but other transactions."""
        pool = engine.pool
        return isinstance(pool, AsyncAdaptedQueuePool) and pool.checkedout() >= CONNECTIONS + MORE

    async def _knock(self) -> None:
        async with self._writer.connect():
            pass

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
        await self._watch.close()
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()
        # Of whoever was stopped in the middle the connection is on its way back, and in no pool.
        for connection in list(self._opened):
            await connection.close()


def _bytes_of(path: Path) -> int:
    log = path.with_name(f"{path.name}-wal")
    return sum(each.stat().st_size for each in (path, log) if each.exists())


def _postgresql_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=MORE,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"timeout": REACHED_WITHIN},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        expect_answers(connection.driver_connection)

    return engine


def expect_answers(connection: Any) -> None:
    """Has an asyncpg connection end when the machine at its other end is silently gone, rather than wait.

    asyncpg has no setting for it. A server that thinks for long does acknowledge what it is sent.
    """
    transport = connection._transport
    raw = transport.get_extra_info("socket")
    if raw is None or raw.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", SILENT_FOR // 2),
        ("TCP_KEEPINTVL", SILENT_FOR // 4),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", SILENT_FOR * 1000),
    ):
        # Where the system has it.
        if hasattr(socket, name):
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _sqlite_engine(
    url: URL, opened: WeakSet[sqlite.Connection], *, begin: str, pool_size: int
) -> AsyncEngine:
    """An engine whose connections are in `opened` too."""

    async def connect() -> sqlite.Connection:
        connection = await sqlite.connect(url.database or "")
        opened.add(connection)
        return connection

    engine = create_async_engine(
        url,
        async_creator=connect,
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
        connection.connection.driver_connection.begin(begin)

    return engine

"""SQLite beside an event loop, at the price of one change of threads for each statement.

The driver changes threads four times: to open a cursor, to execute, to fetch and to close. On a busy loop
each change waits for the interpreter's lock, twice.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

_DIRECT = "direct"


class Cursor:
    """One statement and all its rows, as SQLAlchemy's adapter asks for them."""

    arraysize = 1

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> "Cursor":
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        await self._connection.change_threads(self._run, statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> "Cursor":
        await self._connection.change_threads(self._run_many, statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open: the statement ended where it was executed."""

    def _run(self, statement: str, parameters: Sequence[Any]) -> None:
        self._take(self._connection.driver.execute(statement, parameters))

    def _run_many(self, statement: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._take(self._connection.driver.executemany(statement, parameters))

    def _take(self, done: sqlite3.Cursor) -> None:
        self.description, self.lastrowid = done.description, done.lastrowid
        if done.description:
            self._rows = done.fetchall()
        # Of INSERT … RETURNING it is known only once its rows have been fetched.
        self.rowcount = done.rowcount
        done.close()


class Connection(aiosqlite.Connection):
    @property
    def driver(self) -> sqlite3.Connection:
        return self._conn

    async def change_threads(self, work: Any, *arguments: Any) -> Any:
        """What this gives, done in the connection's own thread."""
        return await self._execute(work, *arguments)  # type: ignore[no-untyped-call]

    async def rollback(self) -> None:
        # The pool asks for it after every commit, too.
        if self.driver.in_transaction:
            await super().rollback()

    def rows(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement; for the connection's own thread."""
        cursor = self.driver.execute(statement, parameters)
        rows = cursor.fetchall()
        cursor.close()
        return rows

    def cursor(self, *_: Any) -> Any:
        return Cursor(self)


def allow_direct(session: AsyncSession) -> None:
    """Lets `direct` work in this session, which must end with its first transaction."""
    session.info[_DIRECT] = None


def is_direct(session: AsyncSession) -> bool:
    return _DIRECT in session.info


async def direct(
    session: AsyncSession, statement: Any, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement, in the session's transaction but past its layers.

    They take 170 µs of the event loop's time for each statement, this takes 50. The statement must be one
    that is made once and kept, and its parameters what the driver takes.
    """
    driver: Connection | None = session.info[_DIRECT]
    if driver is None:
        driver = await session.run_sync(lambda begun: begun.connection().connection.driver_connection)
        session.info[_DIRECT] = driver
    assert driver is not None  # noqa: S101
    text, names, fixed = _compiled(statement)
    values = [parameters[name] if name in parameters else fixed[name] for name in names]
    try:
        return await driver.change_threads(driver.rows, text, values)  # type: ignore[no-any-return]
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error) from error


@lru_cache(maxsize=64)
def _compiled(statement: Any) -> tuple[str, Sequence[str], Mapping[str, Any]]:
    """A statement's text, the names of its parameters in their order, and the values that are part of it."""
    compiled = statement.compile(dialect=SQLiteDialect_aiosqlite())
    return str(compiled), compiled.positiontup, compiled.construct_params(_check=False)


async def connect(path: str) -> Connection:
    """A connection without implicit transactions: BEGIN is said where it is meant.

    The driver's own BEGIN is deferred, and would meet SQLITE_BUSY at the first write.
    """
    connection = Connection(
        lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False), iter_chunk_size=64
    )
    connection._thread.daemon = True  # as SQLAlchemy has it: a connection left open must not hold up the end
    await connection
    return connection

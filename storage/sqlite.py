"""SQLite beside an event loop, at the price of at most one change of threads for each statement.

The driver changes threads four times: to open a cursor, to execute, to fetch and to close. On a busy loop
each change waits for the interpreter's lock, twice, and for its turn. A BEGIN, and what gives no rows, needs
none of its own.
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
    """A connection that saves changes of threads: what gives nothing waits for what does, or for the end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deferred: list[tuple[str, Sequence[Any]]] = []
        self._is_used = False

    @property
    def driver(self) -> sqlite3.Connection:
        return self._conn

    def begin(self, statement: str) -> None:
        """Begins a transaction with the first statement in it."""
        self._deferred = [(statement, ())]

    def defer(self, statement: str, parameters: Sequence[Any]) -> None:
        """Executes it before whatever comes next; if it fails, that does."""
        self._deferred.append((statement, parameters))

    async def change_threads(self, work: Any, *arguments: Any) -> Any:
        """What this gives, done in the connection's own thread, after all that was deferred."""
        deferred, self._deferred = self._deferred, []
        # Even if nobody waits for it any more: what the thread has in hand is done.
        self._is_used = True
        if deferred:
            return await self._execute(self._after, deferred, work, arguments)  # type: ignore[no-untyped-call]
        return await self._execute(work, *arguments)  # type: ignore[no-untyped-call]

    async def commit(self) -> None:
        # One that is deferred is the beginning.
        if self._is_used or len(self._deferred) > 1:
            deferred, self._deferred, self._is_used = self._deferred, [], True
            await self._execute(self._finish, deferred)  # type: ignore[no-untyped-call]
        self._deferred = []
        self._is_used = False

    async def rollback(self) -> None:
        # The pool asks for it after every commit, too.
        self._deferred = []
        if self._is_used:
            await self.change_threads(self.driver.rollback)
            self._is_used = False

    def _after(self, deferred: Sequence[tuple[str, Sequence[Any]]], work: Any, arguments: Any) -> Any:
        for statement, parameters in deferred:
            self.driver.execute(statement, parameters).close()
        return work(*arguments)

    def _finish(self, deferred: Sequence[tuple[str, Sequence[Any]]]) -> None:
        try:
            self._after(deferred, self.driver.commit, ())
        except sqlite3.Error:
            # Nobody else would: to the pool, a transaction whose commit failed has ended.
            self.driver.rollback()
            raise

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
    driver = await _driver(session)
    text, values = _bound(statement, parameters)
    try:
        return await driver.change_threads(driver.rows, text, values)  # type: ignore[no-any-return]
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error) from error


async def defer(session: AsyncSession, statement: Any, parameters: Mapping[str, Any]) -> None:
    """Executes a statement that gives nothing with the next one of this session, or before it commits."""
    (await _driver(session)).defer(*_bound(statement, parameters))


async def _driver(session: AsyncSession) -> Connection:
    driver: Connection | None = session.info[_DIRECT]
    if driver is None:
        driver = await session.run_sync(lambda begun: begun.connection().connection.driver_connection)
        session.info[_DIRECT] = driver
    assert driver is not None  # noqa: S101
    return driver


def _bound(statement: Any, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    text, names, fixed = _compiled(statement)
    return text, [parameters[name] if name in parameters else fixed[name] for name in names]


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

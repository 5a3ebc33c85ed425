"""SQLite beside an event loop, at the price of one change of threads for each statement.

The driver changes threads four times: to open a cursor, to execute, to fetch and to close. On a busy loop
each change waits for the interpreter's lock, twice.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import aiosqlite


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

    async def change_threads(self, work: Any, *arguments: Any) -> None:
        """Does this in the connection's own thread."""
        await self._execute(work, *arguments)  # type: ignore[no-untyped-call]

    def cursor(self, *_: Any) -> Any:
        return Cursor(self)


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

"""What a connection to SQLite defers happens in its order, with the rest of its transaction or not at all."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from storage import batches, seen, sqlite
from storage.database import Database
from storage.sqlite import Connection

BEGIN = "BEGIN IMMEDIATE"
ADD = "INSERT INTO word VALUES (?)"
READ = "SELECT word FROM word ORDER BY rowid"


@pytest.fixture
async def connections(tmp_path: Path) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two connections to one database with a table of different words."""
    both = [await sqlite.connect(str(tmp_path / "words.db")) for _ in range(2)]
    for each in both:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA busy_timeout = 20000"):
            await each.change_threads(each.rows, statement, ())
    await both[0].change_threads(both[0].rows, "CREATE TABLE word (word TEXT UNIQUE)", ())
    yield both[0], both[1]
    for each in both:
        await each.close()


async def _words(connection: Connection) -> list[str]:
    return [word for (word,) in await connection.change_threads(connection.rows, READ, ())]


async def test_what_is_deferred_is_done_in_its_order_before_what_comes_next(
    connections: tuple[Connection, Connection],
) -> None:
    one, other = connections
    one.begin(BEGIN)
    one.defer(ADD, ("oak",))
    one.defer(ADD, ("ash",))
    assert await _words(one) == ["oak", "ash"]
    one.defer(ADD, ("elm",))
    assert await _words(other) == []
    await one.commit()
    assert await _words(other) == ["oak", "ash", "elm"]


async def test_a_transaction_in_which_nothing_happens_keeps_nobody_waiting(
    connections: tuple[Connection, Connection],
) -> None:
    for each in connections:
        each.begin(BEGIN)
    await connections[0].commit()
    connections[1].defer(ADD, ("oak",))
    await connections[1].commit()
    connections[0].begin(BEGIN)
    await connections[0].rollback()
    assert await _words(connections[0]) == ["oak"]


async def test_what_was_deferred_is_forgotten_with_its_transaction(
    connections: tuple[Connection, Connection],
) -> None:
    one, other = connections
    one.begin(BEGIN)
    one.defer(ADD, ("oak",))
    assert await _words(one) == ["oak"]
    one.defer(ADD, ("ash",))
    await one.rollback()
    other.begin(BEGIN)
    other.defer(ADD, ("elm",))
    await other.commit()
    assert await _words(one) == ["elm"]


async def test_what_fails_late_fails_the_whole_transaction(
    connections: tuple[Connection, Connection],
) -> None:
    one, other = connections
    one.begin(BEGIN)
    one.defer(ADD, ("oak",))
    one.defer(ADD, ("oak",))
    with pytest.raises(sqlite3.IntegrityError):
        await one.commit()
    assert not one.driver.in_transaction
    assert await _words(other) == []
    one.begin(BEGIN)
    one.defer(ADD, ("ash",))
    await one.commit()
    assert await _words(other) == ["ash"]


async def test_who_stops_waiting_for_the_beginning_leaves_no_transaction_behind(
    connections: tuple[Connection, Connection],
) -> None:
    one, other = connections
    other.begin(BEGIN)
    assert await _words(other) == []
    one.begin(BEGIN)
    one.defer(ADD, ("oak",))
    waiting = asyncio.create_task(_words(one))
    await asyncio.sleep(0.1)
    waiting.cancel()
    ended = asyncio.create_task(one.rollback())
    await asyncio.wait({waiting})
    await other.commit()
    await ended
    assert not one.driver.in_transaction
    one.begin(BEGIN)
    assert await _words(one) == []
    await one.commit()


async def test_rows_that_can_not_be_written_are_an_error_of_the_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DBAPIError):
        async with database.writing() as session:
            await batches.put(session, seen._add("sqlite"), [["0" * 64, 0]])
    async with database.writing() as session:
        await sqlite.direct(session, select(1), {})
    await database.close()


async def test_no_connection_is_left_open_by_whoever_was_stopped(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    reading = database.reading()
    session = await reading.__aenter__()
    await session.connection()
    (connection,) = database._opened
    await database.close()
    with pytest.raises(ValueError, match="no active connection"):
        assert connection.driver
    await reading.__aexit__(None, None, None)

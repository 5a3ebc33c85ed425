"""All rows of one database into another of either kind: for backups, and to move to PostgreSQL."""

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from storage.database import async_url
from storage.tables import Base

AT_ONCE: Final = 2_000


class NotEmpty(Exception):
    """There are rows already where the copy was to go."""


class Differs(Exception):
    """A copy has not as many rows as what it was made of; the text says of which table."""


async def copy(source: str, target: str) -> dict[str, int]:
    """Copies every row, as at one moment, into an empty database of the same schema; returns rows by table.

    One transaction: all of it is there, or nothing. Raises NotEmpty, Differs.
    """
    reading, writing = create_async_engine(async_url(source)), create_async_engine(async_url(target))
    try:
        async with reading.connect() as found, writing.begin() as made:
            await _one_moment(found)
            return await _copy(found, made)
    finally:
        await reading.dispose()
        await writing.dispose()


async def snapshot(source: str, path: Path) -> None:
    """A database in one file (SQLite), as at one moment, while others go on writing; `path` is new.

    Of PostgreSQL the file must hold an empty database of the same schema.
    """
    url = async_url(source)
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                await connection.execute(text("VACUUM INTO :path"), {"path": str(path)})
        finally:
            await engine.dispose()
    else:
        await copy(source, f"sqlite:///{path}")


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong in this file: its pages, its indexes, its references."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        told = connection.execute("PRAGMA integrity_check").fetchall()
        return told == [("ok",)] and not connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def tables() -> list[Table]:
    """Those that others refer to come first."""
    return list(Base.metadata.sorted_tables)


async def _one_moment(connection: AsyncConnection) -> None:
    """Everything that is read from here on is as it is now."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


async def _copy(found: AsyncConnection, made: AsyncConnection) -> dict[str, int]:
    copied = {}
    if made.dialect.name == "sqlite":
        await made.execute(text("PRAGMA defer_foreign_keys = ON"))
    for table in tables():
        if await made.scalar(select(func.count()).select_from(table)):
            raise NotEmpty(table.name)
        number = 0
        async with found.stream(select(table)) as rows:
            async for part in rows.mappings().partitions(AT_ONCE):
                await made.execute(insert(table), [dict(row) for row in part])
                number += len(part)
        await _continue_after(made, table)
        there = await made.scalar(select(func.count()).select_from(table))
        if there != number:
            raise Differs(f"{table.name}: {there} rows instead of {number}")
        copied[table.name] = number
    return copied


async def _continue_after(connection: AsyncConnection, table: Table) -> None:
    """New rows get numbers after those that were copied."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    last = await connection.scalar(select(func.max(column)))
    sequence = await connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
    if last is not None and sequence is not None:
        await connection.execute(select(func.setval(sequence, last)))

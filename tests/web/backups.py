"""Backups of an instance's database, and what happens when one is restored."""

from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Base
from tests.coalitions import Home

Backup = list[tuple[Table, list[dict[str, Any]]]]


async def take(home: Home) -> Backup:
    """All rows of all tables, in an order in which they can be written again."""

    async def read(session: AsyncSession) -> Backup:
        return [
            (table, [dict(row) for row in (await session.execute(select(table))).mappings()])
            for table in Base.metadata.sorted_tables
        ]

    return await home.look(read)


async def restore(home: Home, backup: Backup) -> None:
    """Begins again with these rows in the place of all others, and with nothing in memory."""

    async def write(session: AsyncSession) -> None:
        for table, _ in reversed(backup):
            await session.execute(delete(table))
        for table, rows in backup:
            if rows:
                await session.execute(insert(table), rows)

    await home.leave()
    await home.change(write)
    await home.begin()

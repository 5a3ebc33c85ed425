"""All that is stored about one person, found by the foreign keys of the tables, and how it is removed.

A table of tomorrow is found as well: its rows are a person's if a foreign key leads from them to the person,
to a signature of theirs, or to what is theirs by such a key.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, delete, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Signature
from storage.people_models import Person, Pledge
from storage.tables import Base

Row = Mapping[str, Any]


async def of(session: AsyncSession, person_id: int) -> dict[str, list[Row]]:
    """Every row about somebody, by table, with every column as the database holds it."""
    found: dict[str, list[Row]] = {}
    for table, theirs in (await _theirs(session, person_id)).items():
        rows = await session.execute(select(table).where(theirs).order_by(*table.primary_key))
        found[table.name] = [dict(row) for row in rows.mappings()]
    return {name: rows for name, rows in found.items() if rows}


async def tables(session: AsyncSession) -> list[str]:
    """The names of all tables in which there may be something about a person."""
    return [table.name for table in await _theirs(session, 0)]


async def remove(session: AsyncSession, person_id: int) -> None:
    """Removes every row about somebody.

    What others have that only points to it, as to the link that they came by, stays and points nowhere.
    """
    theirs = await _theirs(session, person_id)
    for column in _pointers(theirs):
        (key,) = column.foreign_keys
        gone = select(key.column).where(theirs[key.column.table])
        await session.execute(update(column.table).where(column.in_(gone)).values({column.name: None}))
    # The last table is one to which no other points any more.
    for table in reversed(theirs):
        await session.execute(delete(table).where(theirs[table]))


async def _theirs(session: AsyncSession, person_id: int) -> dict[Table, ColumnElement[bool]]:
    """The condition by which rows are this person's, for each table that has such; those pointed to first."""
    ids: Sequence[int] = list(
        await session.scalars(select(Pledge.signature_id).where(Pledge.person_id == person_id))
    )
    people, signatures, pledges = (_table(each) for each in (Person, Signature, Pledge))
    theirs: dict[Table, ColumnElement[bool]] = {
        people: people.c.id == person_id,
        signatures: signatures.c.id.in_(ids) if ids else false(),
    }
    # Not by what they point to: the signatures are found through the pledges.
    theirs[pledges] = pledges.c.person_id == person_id
    for table in Base.metadata.sorted_tables:
        leading = [] if table in theirs else [each for each in table.columns if _leads(each, theirs)]
        if leading:
            theirs[table] = or_(*(_among(each, theirs) for each in leading))
    return {table: theirs[table] for table in Base.metadata.sorted_tables if table in theirs}


def _among(column: Column[Any], theirs: Mapping[Table, ColumnElement[bool]]) -> ColumnElement[bool]:
    (key,) = column.foreign_keys
    return column.in_(select(key.column).where(theirs[key.column.table]))


def _leads(column: Column[Any], theirs: Mapping[Table, Any]) -> bool:
    """Whether a row is somebody's because this column points to what is theirs.

    To a person, a signature or a pledge any key does; to something else only one that must be there.
    """
    for key in column.foreign_keys:
        target = key.column.table
        if target in theirs:
            return not column.nullable or target.name in {"people", "signatures", "pledges"}
    return False


def _pointers(theirs: Mapping[Table, Any]) -> list[Column[Any]]:
    """The columns that may point to what is somebody's without being theirs for it."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.nullable
        for key in column.foreign_keys
        if key.column.table in theirs and not _leads(column, theirs)
    ]


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101
    return table

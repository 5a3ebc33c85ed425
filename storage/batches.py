"""Many rows in one statement: a JSON parameter read as a table.

A statement per row would be slow on both databases, and on SQLite each step also hands the interpreter
lock over and must win it back from a busy event loop.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import Select
from sqlalchemy.sql.dml import Insert

from storage import sqlite as storage_sqlite

Kind = type[int] | type[str] | type[bool]
T = TypeVar("T")
# What both databases take as parameters of one statement, with room for others.
_AT_ONCE = 500


def dialect_of(session: AsyncSession) -> str:
    return session.get_bind().dialect.name


Columns = Mapping[str, Kind]


def parts(values: Iterable[T]) -> list[list[T]]:
    """The values in lists that are short enough for IN; for those that JSON can't carry, such as bytes."""
    listed = list(values)
    return [listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE)]


def packed(values: Sequence[Sequence[Any]]) -> str:
    """Rows (of int, str, bool or None) as the parameter of a `source`."""
    return msgspec.json.encode(values).decode()


def source(
    dialect: str, name: str, columns: Columns, values: Sequence[Sequence[Any]] | None = None
) -> FromClause:
    """A table expression with these columns over `values`, or over the statement's parameter of this name.

    Making a statement costs more than running it: on hot paths make it once for each dialect, and give the
    `packed` rows when it is executed.
    """
    bound = bindparam(name, None if values is None else packed(values), type_=Text)
    if dialect == "sqlite":
        rows = func.json_each(bound).table_valued("value", name=f"{name}_json")
        parts: list[ColumnElement[Any]] = [
            func.json_extract(rows.c.value, f"$[{index}]").label(column)
            for index, column in enumerate(columns)
        ]
    else:
        rows = func.json_array_elements(cast(bound, JSON())).table_valued("value", name=f"{name}_json")
        kinds = {int: BigInteger, str: Text, bool: Boolean}
        parts = [
            cast(rows.c.value.op("->>")(index), kinds[kind]()).label(column)
            for index, (column, kind) in enumerate(columns.items())
        ]
    return select(*parts).select_from(rows).subquery(name)


def table(dialect: str, name: str, columns: Columns, values: Sequence[Sequence[Any]]) -> FromClause:
    """A table expression with these columns over `values`."""
    return source(dialect, name, columns, values)


def insert(dialect: str, target: Any) -> Any:
    """The INSERT that knows ON CONFLICT, of whichever database this is.

    Into the bare table: given a model and parameters, the session would insert row by row.
    """
    target = getattr(target, "__table__", target)
    if dialect == "sqlite":
        return sqlite.insert(target)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MB that SQLite does without

    return postgresql.insert(target)


def insert_rows(
    dialect: str, target: Any, columns: Columns, values: Sequence[Sequence[Any]] | None = None
) -> Any:
    """INSERT … SELECT of `values`, or of the parameter `given`, into columns of the same names.

    Add `.on_conflict_do_…` as needed. Columns of a decorated type (UtcTime) are given as the database holds
    them.
    """
    given = source(dialect, "given", columns, values)
    # SQLite can't tell ON CONFLICT from a join's ON unless the SELECT has a WHERE.
    rows = select(given).where(true_of(dialect))
    statement: Insert = insert(dialect, target).from_select(list(columns), rows)
    return statement


def true_of(dialect: str) -> ColumnElement[bool]:
    """A condition that always holds and is written out."""
    return literal_column("1") == literal_column("1") if dialect == "sqlite" else true()


def gathering(dialect: str, query: Select[*tuple[Any, ...]]) -> Select[tuple[Any]]:
    """The query whose only value is all rows of `query`, as JSON."""
    rows = query.subquery("gathered")
    if dialect == "sqlite":
        return select(func.json_group_array(func.json_array(*rows.c)))
    return select(cast(func.json_agg(func.json_build_array(*rows.c)), Text))


async def gather(
    session: AsyncSession,
    query: Select[*tuple[Any, ...]],
) -> list[list[Any]]:
    """All rows of a query as one JSON value, read in one step.

    Times come as milliseconds, booleans of SQLite as 0 and 1.
    """
    found = (await session.execute(gathering(dialect_of(session), query))).scalar()
    return msgspec.json.decode(found) if found else []


async def gathered(
    session: AsyncSession, query: Select[tuple[Any]], parameters: Mapping[str, Any]
) -> list[list[Any]]:
    """The rows of a query that `gathering` has made, once for all."""
    if storage_sqlite.is_direct(session):
        [(found,)] = await storage_sqlite.direct(session, query, parameters)
    else:
        found = (await session.execute(query, parameters)).scalar()
    return msgspec.json.decode(found) if found else []


async def put(session: AsyncSession, statement: Any, rows: Sequence[Sequence[Any]]) -> None:
    """Runs a statement of `insert_rows` that is made once and kept, with these rows.

    It is done once the next statement of this session is, or its transaction.
    """
    parameters = {"given": packed(rows)}
    if storage_sqlite.is_direct(session):
        await storage_sqlite.defer(session, statement, parameters)
    else:
        await session.execute(statement, parameters)


async def put_returning(
    session: AsyncSession, statement: Any, rows: Sequence[Sequence[Any]]
) -> Sequence[Sequence[Any]]:
    """Runs such a statement at once; the rows that it is RETURNING."""
    parameters = {"given": packed(rows)}
    if storage_sqlite.is_direct(session):
        return await storage_sqlite.direct(session, statement, parameters)
    return (await session.execute(statement, parameters)).all()

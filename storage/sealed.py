"""Every column that is sealed with the secret, read and written in steps, so that another can seal them."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, bindparam, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Signature
from storage.people_models import Person, Pledge
from storage.tables import Base

SUFFIX: Final = "_sealed"


class Sealed(Struct, frozen=True):
    """A table with sealed columns, by their names, and those that its rows are known by."""

    table: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...]


class Linked(Struct, frozen=True):
    """What the link in somebody's letter about a signature is made of."""

    signature_id: int
    coalition_id: int
    item: bytes
    asked_at: Any


def tables() -> list[Sealed]:
    """All of them, by name."""
    found = []
    for table in sorted(Base.metadata.tables.values(), key=lambda each: each.name):
        columns = tuple(each.name for each in table.columns if each.name.endswith(SUFFIX))
        if columns:
            keys = tuple(each.name for each in table.primary_key.columns)
            found.append(Sealed(table, keys, columns))
    return found


async def number(session: AsyncSession) -> int:
    """How many rows there are in all of them."""
    return sum([await session.scalar(select(func.count()).select_from(each.table)) or 0 for each in tables()])


async def after(
    session: AsyncSession, sealed: Sealed, last: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """The next rows in the order of their keys: these and the sealed columns."""
    table = sealed.table
    keys: list[ColumnElement[Any]] = [table.c[name] for name in sealed.keys]
    query = select(*(table.c[name] for name in (*sealed.keys, *sealed.columns))).order_by(*keys).limit(limit)
    if last is not None:
        query = query.where(tuple_(*keys) > tuple_(*last) if len(keys) > 1 else keys[0] > last[0])
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def put(
    session: AsyncSession, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]
) -> None:
    """Writes rows, all with the same columns, over those of these keys."""
    if not rows:
        return
    connection = await session.connection()
    written = [name for name in rows[0] if name not in keys]
    statement = (
        update(table)
        .where(*(table.c[name] == bindparam(f"key_{name}") for name in keys))
        .values({name: bindparam(f"to_{name}") for name in written})
    )
    await connection.execute(
        statement,
        [
            {f"key_{name}": row[name] for name in keys} | {f"to_{name}": row[name] for name in written}
            for row in rows
        ],
    )


async def put_blinds(session: AsyncSession, blinds: dict[int, bytes]) -> None:
    """The keyed hashes by which people are found, by row key.

    Who has the address of somebody else here, by a spelling that was once another, is found no more.
    """
    free = dict(blinds)
    taken: set[bytes] = set()
    for part in batches.parts(list(blinds.values())):
        for row in await session.execute(select(Person.id, Person.blind).where(Person.blind.in_(part))):
            if blinds.get(row.id) != row.blind:
                taken.add(row.blind)
    for key, blind in blinds.items():
        if blind in taken:
            free[key] = secrets.token_bytes(32)
        taken.add(blind)
    rows = [{"id": key, "blind": blind} for key, blind in free.items()]
    await put(session, Base.metadata.tables[Person.__tablename__], ["id"], rows)


async def linked(session: AsyncSession, after_id: int, limit: int) -> list[Linked]:
    """The pledges that letters have links to, in their order."""
    rows = await session.execute(
        select(Pledge.signature_id, Signature.coalition_id, Signature.item, Signature.asked_at)
        .join(Signature, Signature.id == Pledge.signature_id)
        .where(Pledge.token.is_not(None), Pledge.signature_id > after_id)
        .order_by(Pledge.signature_id)
        .limit(limit)
    )
    return [Linked(*row) for row in rows]


async def put_tokens(session: AsyncSession, tokens: dict[int, bytes]) -> None:
    """What the links in letters are known by, by signature; whence they came is forgotten."""
    rows = [{"signature_id": key, "token": token} for key, token in tokens.items()]
    await put(session, Base.metadata.tables[Pledge.__tablename__], ["signature_id"], rows)


async def forget_networks(session: AsyncSession) -> None:
    """Of a network only the keyed hash is known: it can't be made again."""
    await session.execute(
        update(Pledge)
        .where(Pledge.network.is_not(None))
        .values(network=None)
        .execution_options(synchronize_session=False)
    )

"""Long lists a page at a time, by row key, the newest first."""

from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

T = TypeVar("T")


class Asked(Struct, frozen=True):
    """Which page: the newest rows, or those `before` or `after` a row key."""

    before: int | None = None
    after: int | None = None


class Page(Struct, Generic[T], frozen=True):
    """Some of a list, the newest first. Row keys lead on to older and newer ones; None at the ends."""

    items: list[T]
    older: int | None
    newer: int | None


async def rows(
    session: AsyncSession,
    query: Select[*tuple[Any, ...]],
    key: InstrumentedAttribute[int],
    asked: Asked,
    limit: int,
) -> Page[Any]:
    """A page of what the query gives; its first column is the key."""
    if asked.after is not None:
        found = list(await session.execute(query.where(key > asked.after).order_by(key).limit(limit + 1)))
        more, found = len(found) > limit, found[:limit][::-1]
        return Page(found, found[-1][0] if found else None, found[0][0] if found and more else None)
    if asked.before is not None:
        query = query.where(key < asked.before)
    found = list(await session.execute(query.order_by(key.desc()).limit(limit + 1)))
    more, found = len(found) > limit, found[:limit]
    is_later = asked.before is not None and bool(found)
    return Page(found, found[-1][0] if more else None, found[0][0] if is_later else None)

"""What the staff did: written with every change, never changed."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.staff_models import Audit, User


class Entry(Struct, frozen=True):
    """One deed; `email` is None for what was done on the command line."""

    id: int
    at: datetime
    email: str | None
    deed: str
    about: str


class Page(Struct, frozen=True):
    """Some entries, the newest first. Row keys lead on to older and newer ones; None at the ends."""

    entries: list[Entry]
    older: int | None
    newer: int | None


async def add(
    session: AsyncSession, *, user_id: int | None, deed: str, about: str = "", now: datetime
) -> None:
    """`user_id` None: the command line."""
    session.add(Audit(user_id=user_id, at=now, deed=deed, about=about[:500]))
    await session.flush()


async def page(
    session: AsyncSession,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    user_id: int | None = None,
) -> Page:
    """The newest entries, or those before or after a row key; all, or one user's."""
    query = select(Audit, User.email).outerjoin(User, User.id == Audit.user_id).limit(limit)
    ends = select(func.min(Audit.id), func.max(Audit.id))
    if user_id is not None:
        query = query.where(Audit.user_id == user_id)
        ends = ends.where(Audit.user_id == user_id)
    if after is not None:
        rows = list(await session.execute(query.where(Audit.id > after).order_by(Audit.id)))[::-1]
    else:
        query = query.order_by(Audit.id.desc())
        rows = list(await session.execute(query if before is None else query.where(Audit.id < before)))
    oldest, newest = (await session.execute(ends)).one()
    entries = [Entry(row.id, row.at, email, row.deed, row.about) for row, email in rows]
    return Page(
        entries,
        older=entries[-1].id if entries and entries[-1].id > oldest else None,
        newer=entries[0].id if entries and entries[0].id < newest else None,
    )

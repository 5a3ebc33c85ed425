"""The support of coalitions day by day."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import to_milliseconds
from storage.people_models import HistoryPoint


class Point(NamedTuple):
    """A day's numbers, of one coalition by row key; `hosts` is JSON: signatures by authority."""

    coalition_id: int
    day: datetime
    endorsements: int
    signatures: int
    shares: int
    hosts: str


async def put(session: AsyncSession, points: Sequence[Point]) -> None:
    """Keeps these, each in the place of what was kept of its day."""
    if not points:
        return
    columns: dict[str, batches.Kind] = {
        "coalition_id": int,
        "day": int,
        "endorsements": int,
        "signatures": int,
        "shares": int,
        "hosts": str,
    }
    rows = [[point[0], to_milliseconds(point.day), *point[2:]] for point in points]
    statement = batches.insert_rows(batches.dialect_of(session), HistoryPoint, columns, rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["coalition_id", "day"],
            set_={
                name: statement.excluded[name] for name in ("endorsements", "signatures", "shares", "hosts")
            },
        )
    )


async def of(session: AsyncSession, coalition_id: int) -> list[Point]:
    """All days that there are, the first one first."""
    rows = await session.scalars(
        select(HistoryPoint).where(HistoryPoint.coalition_id == coalition_id).order_by(HistoryPoint.day)
    )
    return [
        Point(row.coalition_id, row.day, row.endorsements, row.signatures, row.shares, row.hosts)
        for row in rows
    ]

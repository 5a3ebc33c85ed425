"""What the staff took out as fakes, each time many signatures at once."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Signature
from storage.moderation_models import Invalidation


async def add(
    session: AsyncSession, *, coalition_id: int, wanted: str, before: int, now: datetime
) -> Invalidation:
    """A new one, which has taken nothing out yet. `wanted` is JSON; `before` our tally."""
    row = Invalidation(coalition_id=coalition_id, made_at=now, wanted=wanted, before=before)
    row.confirmed = row.pending = row.restored = 0
    session.add(row)
    await session.flush()
    return row


async def by_id(session: AsyncSession, invalidation_id: int) -> Invalidation | None:
    return await session.get(Invalidation, invalidation_id)


async def of(session: AsyncSession, coalition_id: int, limit: int) -> list[Invalidation]:
    """Those of a coalition, the newest first."""
    query = (
        select(Invalidation)
        .where(Invalidation.coalition_id == coalition_id)
        .order_by(Invalidation.id.desc())
        .limit(limit)
    )
    return list(await session.scalars(query))


async def grew(session: AsyncSession, invalidation_id: int, *, confirmed: int, pending: int) -> None:
    """So many more were taken out."""
    await session.execute(
        update(Invalidation)
        .where(Invalidation.id == invalidation_id)
        .values(confirmed=Invalidation.confirmed + confirmed, pending=Invalidation.pending + pending)
        .execution_options(synchronize_session=False)
    )


async def shrank(session: AsyncSession, invalidation_id: int, restored: int) -> None:
    """So many more were put back."""
    await session.execute(
        update(Invalidation)
        .where(Invalidation.id == invalidation_id)
        .values(restored=Invalidation.restored + restored)
        .execution_options(synchronize_session=False)
    )


async def keys(session: AsyncSession, invalidation_id: int, after: int, limit: int) -> list[int]:
    """The signatures that it took out and that are out still, by row key, from after one."""
    query = (
        select(Signature.id)
        .where(
            Signature.invalidation_id == invalidation_id,
            Signature.state == "invalid",
            Signature.id > after,
        )
        .order_by(Signature.id)
        .limit(limit)
    )
    return list(await session.scalars(query))


async def counted(session: AsyncSession, coalition_id: int) -> int:
    """The confirmed signatures of a coalition, counted one by one."""
    return (
        await session.scalar(
            select(func.count()).where(Signature.coalition_id == coalition_id, Signature.state == "confirmed")
        )
        or 0
    )

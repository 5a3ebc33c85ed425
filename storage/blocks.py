"""The hosts and actors that are not listened to."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, notices
from storage.columns import to_milliseconds
from storage.models import Block


async def add(session: AsyncSession, target: str, reason: str, now: datetime) -> bool:
    """Whether it is new. A target is a host (which stands for its subdomains too) or an actor's URI."""
    found = await session.scalar(
        batches.insert(batches.dialect_of(session), Block)
        .values(target=target, reason=reason, created_at=now)
        .on_conflict_do_nothing()
        .returning(Block.target)
    )
    await _tell(session)
    return found is not None


async def add_many(session: AsyncSession, reasons: Mapping[str, str], now: datetime) -> int:
    """Adds these targets with their reasons; returns how many are new."""
    rows = [[target, reason, to_milliseconds(now)] for target, reason in sorted(reasons.items())]
    if not rows:
        return 0
    columns: dict[str, batches.Kind] = {"target": str, "reason": str, "created_at": int}
    found = await session.scalars(
        batches.insert_rows(batches.dialect_of(session), Block, columns, rows)
        .on_conflict_do_nothing()
        .returning(Block.__table__.c.target)
    )
    await _tell(session)
    return len(found.all())


async def remove_many(session: AsyncSession, targets: Collection[str]) -> int:
    """Returns how many of these there were."""
    removed = 0
    for part in batches.parts(targets):
        found = await session.scalars(delete(Block).where(Block.target.in_(part)).returning(Block.target))
        removed += len(found.all())
    await _tell(session)
    return removed


async def remove(session: AsyncSession, target: str) -> bool:
    found = await session.scalar(delete(Block).where(Block.target == target).returning(Block.target))
    await _tell(session)
    return found is not None


async def listed(session: AsyncSession) -> list[Block]:
    return list(await session.scalars(select(Block).order_by(Block.target)))


async def some(
    session: AsyncSession, *, holding: str = "", offset: int, limit: int
) -> tuple[list[Block], int]:
    """By name, some of those that hold these letters; and how many hold them at all."""
    query = select(Block)
    if holding:
        query = query.where(Block.target.icontains(holding, autoescape=True))
    number = await session.scalar(select(func.count()).select_from(query.subquery()))
    rows = await session.scalars(query.order_by(Block.target).offset(offset).limit(limit))
    return list(rows), number or 0


async def targets(session: AsyncSession) -> frozenset[str]:
    return frozenset(await session.scalars(select(Block.target)))


async def _tell(session: AsyncSession) -> None:
    """Every process keeps the list in memory."""
    await notices.post(session, "blocks")


def covers(targets: frozenset[str], uri: str, host: str) -> bool:
    """Whether an actor's URI, its host, or a domain above that host is blocked."""
    if not targets:
        return False
    labels = host.split(":", maxsplit=1)[0].split(".")
    return (
        uri in targets or host in targets or any(".".join(labels[i:]) in targets for i in range(len(labels)))
    )

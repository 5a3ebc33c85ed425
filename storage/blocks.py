"""The hosts and actors that are not listened to."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.models import Block


async def add(session: AsyncSession, target: str, reason: str, now: datetime) -> bool:
    """Whether it is new. A target is a host (which stands for its subdomains too) or an actor's URI."""
    found = await session.scalar(
        batches.insert(batches.dialect_of(session), Block)
        .values(target=target, reason=reason, created_at=now)
        .on_conflict_do_nothing()
        .returning(Block.target)
    )
    return found is not None


async def remove(session: AsyncSession, target: str) -> bool:
    found = await session.scalar(delete(Block).where(Block.target == target).returning(Block.target))
    return found is not None


async def listed(session: AsyncSession) -> list[Block]:
    return list(await session.scalars(select(Block).order_by(Block.target)))


async def targets(session: AsyncSession) -> frozenset[str]:
    return frozenset(await session.scalars(select(Block.target)))


def covers(targets: frozenset[str], uri: str, host: str) -> bool:
    """Whether an actor's URI, its host, or a domain above that host is blocked."""
    if not targets:
        return False
    labels = host.split(":", maxsplit=1)[0].split(".")
    return (
        uri in targets or host in targets or any(".".join(labels[i:]) in targets for i in range(len(labels)))
    )

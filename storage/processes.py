"""The processes of the instance, as each last said of itself."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.running_models import Process


async def put(
    session: AsyncSession,
    *,
    id: str,
    role: str,
    name: str,
    version: str,
    started_at: datetime,
    report: str,
    now: datetime,
    has_ended: bool = False,
) -> None:
    """A process says that it is there, or that it ends."""
    await session.merge(
        Process(
            id=id,
            role=role,
            name=name,
            version=version,
            started_at=started_at,
            seen_at=now,
            ended_at=now if has_ended else None,
            report=report,
        )
    )


async def since(session: AsyncSession, moment: datetime) -> list[Process]:
    """Those that were seen since then, the newest first."""
    query = select(Process).where(Process.seen_at >= moment).order_by(Process.started_at.desc(), Process.id)
    return list(await session.scalars(query))


async def purge(session: AsyncSession, before: datetime) -> None:
    """Forgets those that were not seen since then."""
    await session.execute(delete(Process).where(Process.seen_at < before))

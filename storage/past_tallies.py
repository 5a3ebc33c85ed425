"""Older tallies, and jumps between them."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.partner_models import Jump, PastTally

KEPT = 20
"""How many of an author's older tallies are kept: what is forked later than that goes unseen."""


async def of(
    session: AsyncSession, coalition_id: int, authors: Collection[str]
) -> dict[tuple[str, int, int], str]:
    """The older tallies of these authors that are kept: documents by (author, epoch, version)."""
    rows = await session.scalars(
        select(PastTally).where(PastTally.coalition_id == coalition_id, PastTally.author_uri.in_(authors))
    )
    return {(row.author_uri, row.epoch, row.version): row.document for row in rows}


async def put(session: AsyncSession, coalition_id: int, older: Mapping[tuple[str, int, int], str]) -> None:
    """Keeps these among the older ones, documents by (author, epoch, version), and forgets the oldest."""
    for (author, epoch, version), document in older.items():
        await session.merge(
            PastTally(
                coalition_id=coalition_id,
                author_uri=author,
                epoch=epoch,
                version=version,
                document=document,
            )
        )
    await session.flush()
    for author in {author for author, _, _ in older}:
        kept = await session.execute(
            select(PastTally.epoch, PastTally.version)
            .where(PastTally.coalition_id == coalition_id, PastTally.author_uri == author)
            .order_by(PastTally.epoch.desc(), PastTally.version.desc())
        )
        for epoch, version in list(kept)[KEPT:]:
            await session.execute(
                delete(PastTally).where(
                    PastTally.coalition_id == coalition_id,
                    PastTally.author_uri == author,
                    PastTally.epoch == epoch,
                    PastTally.version == version,
                )
            )


async def flag(
    session: AsyncSession, *, coalition_id: int, author_uri: str, before: int, after: int, now: datetime
) -> None:
    """Keeps a jump for the admin to see."""
    session.add(
        Jump(coalition_id=coalition_id, author_uri=author_uri, before=before, after=after, seen_at=now)
    )
    await session.flush()


async def jumps(session: AsyncSession) -> list[Jump]:
    """What no admin has looked at yet."""
    return list(await session.scalars(select(Jump).where(Jump.handled_at.is_(None)).order_by(Jump.id)))


async def jump(session: AsyncSession, jump_id: int) -> Jump | None:
    return await session.get(Jump, jump_id)

"""The newest tallies, older ones, sketches, and jumps."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Jump, PastTally, Sketch, Tally

PAST_KEPT = 20
"""How many of an author's older tallies are kept: what is forked later than that goes unseen."""


async def heads(
    session: AsyncSession, coalition_id: int, authors: Collection[str] | None = None
) -> dict[str, Tally]:
    """The newest tallies by author: of all, or of these."""
    query = select(Tally).where(Tally.coalition_id == coalition_id)
    if authors is not None:
        query = query.where(Tally.author_uri.in_(authors))
    return {row.author_uri: row for row in await session.scalars(query)}


async def past(
    session: AsyncSession, coalition_id: int, authors: Collection[str]
) -> dict[tuple[str, int, int], str]:
    """The older tallies of these authors that are kept: documents by (author, epoch, version)."""
    rows = await session.scalars(
        select(PastTally).where(PastTally.coalition_id == coalition_id, PastTally.author_uri.in_(authors))
    )
    return {(row.author_uri, row.epoch, row.version): row.document for row in rows}


async def put_past(
    session: AsyncSession, coalition_id: int, older: Mapping[tuple[str, int, int], str]
) -> None:
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
        for epoch, version in list(kept)[PAST_KEPT:]:
            await session.execute(
                delete(PastTally).where(
                    PastTally.coalition_id == coalition_id,
                    PastTally.author_uri == author,
                    PastTally.epoch == epoch,
                    PastTally.version == version,
                )
            )


async def not_passed_on(session: AsyncSession, *, own_uri: str, before: datetime) -> dict[int, list[Tally]]:
    """The tallies that others have sent and the origin has not passed on, by coalition."""
    found: dict[int, list[Tally]] = {}
    query = select(Tally).where(
        ~Tally.passed_on,
        Tally.author_uri != own_uri,
        or_(Tally.passed_at.is_(None), Tally.passed_at <= before),
    )
    for row in await session.scalars(query):
        found.setdefault(row.coalition_id, []).append(row)
    return found


async def passed_on(
    session: AsyncSession, coalition_id: int, authors: Collection[str], now: datetime
) -> None:
    await session.execute(
        update(Tally)
        .where(Tally.coalition_id == coalition_id, Tally.author_uri.in_(authors))
        .values(passed_on=True, passed_at=now)
    )


async def sketch(session: AsyncSession, coalition_id: int, author_uri: str) -> Sketch | None:
    return await session.get(Sketch, (coalition_id, author_uri))


async def sketches(session: AsyncSession, coalition_id: int) -> dict[str, Sketch]:
    """The newest sketches by author."""
    rows = await session.scalars(select(Sketch).where(Sketch.coalition_id == coalition_id))
    return {row.author_uri: row for row in rows}


async def spoil(session: AsyncSession, coalition_id: int, author_uri: str) -> None:
    """Notes that a sketch counts somebody who has withdrawn."""
    await session.execute(
        update(Sketch)
        .where(Sketch.coalition_id == coalition_id, Sketch.author_uri == author_uri)
        .values(spoilt=Sketch.spoilt + 1)
        .execution_options(synchronize_session=False)
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

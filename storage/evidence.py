"""Who has signed two different documents as one version."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Evidence


async def add(
    session: AsyncSession,
    *,
    coalition_id: int,
    kind: str,
    author_uri: str,
    epoch: int,
    version: int,
    one: str,
    other: str,
    now: datetime,
) -> None:
    """Keeps both documents; once for each version, whoever shows them again."""
    row = {
        "coalition_id": coalition_id,
        "kind": kind,
        "author_uri": author_uri,
        "epoch": epoch,
        "version": version,
        "one": one,
        "other": other,
        "found_at": now,
    }
    statement = batches.insert(batches.dialect_of(session), Evidence).values(row)
    await session.execute(
        statement.on_conflict_do_nothing(
            index_elements=["coalition_id", "kind", "author_uri", "epoch", "version"]
        )
    )


async def of(session: AsyncSession, coalition_id: int) -> list[Evidence]:
    """All of it, lifted too: what was signed stays signed."""
    return list(
        await session.scalars(
            select(Evidence).where(Evidence.coalition_id == coalition_id).order_by(Evidence.id)
        )
    )


async def standing(session: AsyncSession, coalition_id: int) -> list[Evidence]:
    """What no admin of ours has lifted."""
    return [row for row in await of(session, coalition_id) if row.lifted_at is None]


async def known(
    session: AsyncSession, coalition_id: int, kind: str, authors: Collection[str]
) -> set[tuple[str, int, int]]:
    """The (author, epoch, version) that there is evidence about."""
    rows = await session.execute(
        select(Evidence.author_uri, Evidence.epoch, Evidence.version).where(
            Evidence.coalition_id == coalition_id, Evidence.kind == kind, Evidence.author_uri.in_(authors)
        )
    )
    return {(author, epoch, version) for author, epoch, version in rows}


async def by_id(session: AsyncSession, evidence_id: int) -> Evidence | None:
    return await session.get(Evidence, evidence_id)

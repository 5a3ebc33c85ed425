"""The request signatures that have had their effect."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import to_milliseconds
from storage.models import SeenSignature


@cache
def _known(dialect: str) -> Select[tuple[Any]]:
    given = batches.source(dialect, "given", {"fingerprint": str})
    return batches.gathering(
        dialect,
        select(SeenSignature.__table__.c.fingerprint).join(
            given, given.c.fingerprint == SeenSignature.__table__.c.fingerprint
        ),
    )


@cache
def _add_new() -> Any:
    """Of PostgreSQL; its only value lists those that were new."""
    columns: dict[str, batches.Kind] = {"fingerprint": str, "expires_at": int}
    statement = batches.insert_rows("postgresql", SeenSignature, columns).on_conflict_do_nothing()
    added = statement.returning(SeenSignature.__table__.c.fingerprint).cte("added")
    return batches.gathering("postgresql", select(added.c.fingerprint))


@cache
def _add(dialect: str) -> Any:
    return batches.insert_rows(dialect, SeenSignature, {"fingerprint": str, "expires_at": int})


async def add(session: AsyncSession, fingerprints: Collection[str], expires_at: datetime) -> set[str]:
    """Remembers these fingerprints; returns those that were known already."""
    dialect = batches.dialect_of(session)
    if dialect == "postgresql":
        return await _add_beside_others(session, fingerprints, expires_at)
    given = batches.packed([[each] for each in fingerprints])
    known = {row[0] for row in await batches.gathered(session, _known(dialect), {"given": given})}
    fresh = sorted(set(fingerprints) - known)
    if fresh:
        moment = to_milliseconds(expires_at)
        await batches.put(session, _add(dialect), [[each, moment] for each in fresh])
    return known


async def _add_beside_others(
    session: AsyncSession, fingerprints: Collection[str], expires_at: datetime
) -> set[str]:
    """The same where others may be adding one of these: it waits for them, and all in one order."""
    moment = to_milliseconds(expires_at)
    given = batches.packed([[each, moment] for each in sorted(set(fingerprints))])
    added = await batches.gathered(session, _add_new(), {"given": given})
    return set(fingerprints) - {row[0] for row in added}


async def purge(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(SeenSignature).where(SeenSignature.expires_at < now))

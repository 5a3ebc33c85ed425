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
def _add(dialect: str) -> Any:
    # Without ON CONFLICT: a signature that another process took in between must fail this transaction.
    return batches.insert_rows(dialect, SeenSignature, {"fingerprint": str, "expires_at": int})


async def add(session: AsyncSession, fingerprints: Collection[str], expires_at: datetime) -> set[str]:
    """Remembers these fingerprints; returns those that were known already."""
    dialect = batches.dialect_of(session)
    given = batches.packed([[each] for each in fingerprints])
    known = {row[0] for row in await batches.gathered(session, _known(dialect), {"given": given})}
    fresh = sorted(set(fingerprints) - known)
    if fresh:
        moment = to_milliseconds(expires_at)
        await batches.put(session, _add(dialect), [[each, moment] for each in fresh])
    return known


async def purge(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(SeenSignature).where(SeenSignature.expires_at < now))

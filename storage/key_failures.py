"""Keys that could not be had lately, known to all processes: nobody asks for them again so soon."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import to_milliseconds
from storage.shared_models import KeyFailure


class Failure(Struct, frozen=True):
    """A key that its server did not give. `is_final`: it has none; else it may have one another time."""

    key_id: str
    host: str
    failed_at: datetime
    until: datetime
    is_final: bool


async def add(session: AsyncSession, failures: Sequence[Failure]) -> None:
    """Notes these."""
    latest = {_hash(each.key_id): each for each in failures}
    columns: dict[str, batches.Kind] = {
        "key": str,
        "host": str,
        "failed_at": int,
        "until": int,
        "is_final": bool,
    }
    statement = batches.insert_rows(
        batches.dialect_of(session),
        KeyFailure,
        columns,
        [
            [key, each.host, to_milliseconds(each.failed_at), to_milliseconds(each.until), each.is_final]
            for key, each in sorted(latest.items())
        ],
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"],
            set_={name: statement.excluded[name] for name in ("failed_at", "until", "is_final")},
        )
    )


async def of_key(session: AsyncSession, key_id: str, now: datetime) -> tuple[datetime, bool] | None:
    """Until when a key is not asked for again, and whether that was final; None where it may be."""
    row = (
        await session.execute(
            select(KeyFailure.until, KeyFailure.is_final).where(
                KeyFailure.key == _hash(key_id), KeyFailure.until > now
            )
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def nth_latest(session: AsyncSession, host: str, number: int, since: datetime) -> datetime | None:
    """When so many of a host's failures ago was, if that was later than `since`."""
    return await session.scalar(
        select(KeyFailure.failed_at)
        .where(KeyFailure.host == host, KeyFailure.failed_at > since)
        .order_by(KeyFailure.failed_at.desc())
        .offset(number - 1)
        .limit(1)
    )


async def purge(session: AsyncSession, now: datetime) -> None:
    """Forgets those that are over."""
    await session.execute(delete(KeyFailure).where(KeyFailure.until < now))


def _hash(key_id: str) -> str:
    return hashlib.sha256(key_id.encode(errors="replace")).hexdigest()

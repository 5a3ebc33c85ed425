"""Notes that somebody whom we follow shared, until somebody has looked whether they are calls."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from sqlalchemy import String, cast, delete, func, literal, select, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Following, ForeignCampaign, Sighting
from storage.columns import UtcTime, to_milliseconds
from storage.followings import CURRENT
from storage.models import Actor

MOST = 2000
"""Sightings that wait at once: whoever is followed can share without end."""


class Due(Struct, frozen=True):
    """A sighting in our hands until `lease_until`."""

    note_uri: str
    failures: int
    lease_until: datetime


async def shared(session: AsyncSession, *, actor_uri: str, note_uri: str, now: datetime) -> bool:
    """Notes a Note that somebody shared, if they are followed: one statement, whoever they are."""
    followed = (
        select(Following.actor_id)
        .join(Actor, Actor.id == Following.actor_id)
        .where(Actor.uri == actor_uri, Following.state.in_(CURRENT))
        .exists()
    )
    room = select(func.count()).select_from(Sighting).scalar_subquery() < MOST
    row = select(cast(literal(note_uri), String), literal(now, UtcTime()), literal(0)).where(followed, room)
    statement = (
        batches.insert(batches.dialect_of(session), Sighting)
        .from_select(["note_uri", "next_at", "failures"], row)
        .on_conflict_do_update(index_elements=["note_uri"], set_={"next_at": now})
        .returning(Sighting.note_uri)
    )
    return await session.scalar(statement) is not None


async def add(session: AsyncSession, note_uris: Collection[str], now: datetime) -> None:
    """Notes those of these that are neither a known call nor a known campaign."""
    room = MOST - (await session.scalar(select(func.count()).select_from(Sighting)) or 0)
    known = union(
        select(ForeignCampaign.note_uri).where(ForeignCampaign.note_uri.in_(note_uris)),
        select(ForeignCampaign.actor_uri).where(ForeignCampaign.actor_uri.in_(note_uris)),
    )
    seen = set(await session.scalars(known))
    rows = [[uri, to_milliseconds(now), 0] for uri in note_uris if uri not in seen][: max(room, 0)]
    if rows:
        columns: dict[str, batches.Kind] = {"note_uri": str, "next_at": int, "failures": int}
        await session.execute(
            batches.insert_rows(batches.dialect_of(session), Sighting, columns, rows).on_conflict_do_nothing()
        )


async def claim(session: AsyncSession, *, now: datetime, lease_until: datetime, limit: int) -> list[Due]:
    """Leases sightings that are due."""
    rows = list(
        await session.scalars(
            select(Sighting)
            .where(Sighting.next_at <= now)
            .order_by(Sighting.next_at, Sighting.note_uri)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    for row in rows:
        row.next_at = lease_until
    await session.flush()
    return [Due(row.note_uri, row.failures, lease_until) for row in rows]


async def finish(session: AsyncSession, due: Due) -> None:
    """Forgets what was looked at, unless it was seen again meanwhile."""
    await session.execute(
        delete(Sighting)
        .where(Sighting.note_uri == due.note_uri, Sighting.next_at == due.lease_until)
        .execution_options(synchronize_session=False)
    )


async def postpone(session: AsyncSession, due: Due, *, next_at: datetime) -> None:
    await session.execute(
        update(Sighting)
        .where(Sighting.note_uri == due.note_uri, Sighting.next_at == due.lease_until)
        .values(next_at=next_at, failures=due.failures + 1)
        .execution_options(synchronize_session=False)
    )

"""What must not be said or shown any more once a campaign is deleted, or is no longer hosted here."""

import json
from collections.abc import Collection

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Activity, Delivery


async def about(session: AsyncSession, *, actor_id: int, sharer_id: int, notes: Collection[str]) -> list[int]:
    """The activities of the campaign's actor, and those by which `sharer_id` shared these notes."""
    shared = await session.execute(
        select(Activity.id, Activity.document).where(
            Activity.actor_id == sharer_id, Activity.type == "Announce"
        )
    )
    said = await session.scalars(select(Activity.id).where(Activity.actor_id == actor_id))
    return [key for key, document in shared if json.loads(document).get("object") in notes] + list(said)


async def shares(session: AsyncSession, *, sharer_id: int, note: str) -> list[Activity]:
    """The Announces of this Note in the outbox of a local actor."""
    listed = await session.scalars(
        select(Activity).where(Activity.actor_id == sharer_id, Activity.type == "Announce", Activity.listed)
    )
    return [each for each in listed if json.loads(each.document).get("object") == note]


async def unsay(session: AsyncSession, activity_ids: Collection[int]) -> None:
    """Forgets these activities; one that is being sent this moment only leaves its outbox."""
    mine = Activity.id.in_(activity_ids)
    on_its_way = exists().where(Delivery.activity_id == Activity.id)
    for statement in (
        delete(Activity).where(mine, ~on_its_way),
        update(Activity).where(mine).values(listed=False),
    ):
        await session.execute(statement.execution_options(synchronize_session=False))

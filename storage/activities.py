"""What our actors said: kept once, however many inboxes must hear it."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import from_milliseconds
from storage.models import Activity, Delivery


class Letter(Struct, frozen=True):
    """An activity as it travels: whose it is (a local actor's row key), its JSON, and when it was said."""

    actor_id: int
    body: bytes
    said_at: datetime


async def add(
    session: AsyncSession,
    *,
    uri: str,
    actor_id: int,
    type: str,
    document: str,
    listed: bool,
    now: datetime,
) -> Activity:
    """Keeps an activity; `document` is its JSON, `listed` whether the actor's outbox shows it."""
    activity = Activity(
        uri=uri, actor_id=actor_id, type=type, document=document, listed=listed, published_at=now
    )
    session.add(activity)
    await session.flush()
    return activity


async def by_uri(session: AsyncSession, uri: str) -> Activity | None:
    return await session.scalar(select(Activity).where(Activity.uri == uri))


async def letters(session: AsyncSession, activity_ids: Collection[int]) -> dict[int, Letter]:
    """What these activities say, by row key."""
    if not activity_ids:
        return {}
    rows = await batches.gather(
        session,
        select(Activity.id, Activity.actor_id, Activity.document, Activity.published_at).where(
            Activity.id.in_(sorted(activity_ids))
        ),
    )
    return {
        key: Letter(actor_id, document.encode(), from_milliseconds(said_at))
        for key, actor_id, document, said_at in rows
    }


async def purge(session: AsyncSession, *, before: datetime) -> None:
    """Forgets old activities that no outbox shows and no inbox waits for: answers, and counts of then."""
    await session.execute(
        delete(Activity)
        .where(
            Activity.published_at < before,
            ~Activity.listed,
            ~exists().where(Delivery.activity_id == Activity.id),
        )
        .execution_options(synchronize_session=False)
    )

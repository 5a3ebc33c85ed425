"""When the campaigns of other instances are looked at again, and what is noted before and without a look."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, delete, exists, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import foreign
from storage.coalition_models import Following, ForeignCampaign, ForeignText, Sighting
from storage.columns import UtcTime
from storage.followings import CURRENT

NOT_AGAIN_FOR: Final = timedelta(seconds=5)
"""However often an origin says that something changed."""


async def changed(session: AsyncSession, *, actor_uri: str, now: datetime) -> bool:
    """Makes this actor's campaign due to be looked at; False where there is none. One statement."""
    was_just_looked_at = ForeignCampaign.fetched_at > now - NOT_AGAIN_FOR
    soon = case((was_just_looked_at, literal(now + NOT_AGAIN_FOR, UtcTime)), else_=literal(now, UtcTime))
    return await _mark(session, ForeignCampaign.actor_uri == actor_uri, refresh_at=soon)


async def deleted(session: AsyncSession, *, actor_uri: str, object_uri: str, now: datetime) -> bool:
    """Notes that this actor deleted its campaign's Note, or itself; the rest goes when it is looked at."""
    is_call = or_(ForeignCampaign.note_uri == object_uri, ForeignCampaign.actor_uri == object_uri)
    return await _mark(
        session, ForeignCampaign.actor_uri == actor_uri, is_call, state="deleted", refresh_at=now
    )


async def is_anything_due(session: AsyncSession, now: datetime) -> bool:
    """Whether there is a campaign, a sighting or a following to be looked at, or a campaign to be closed."""
    found = await session.scalar(
        select(
            or_(
                exists().where(ForeignCampaign.refresh_at <= now, _is_wanted()),
                exists().where(Sighting.next_at <= now),
                exists().where(Following.next_at <= now, Following.state.in_(CURRENT)),
                exists().where(ForeignCampaign.state == "published", ForeignCampaign.ends_at <= now),
            )
        )
    )
    return bool(found)


async def claim(
    session: AsyncSession, *, now: datetime, lease_until: datetime, limit: int
) -> list[ForeignCampaign]:
    """Leases campaigns that are followed or ours too, and due: their `refresh_at` is `lease_until` then."""
    rows = list(
        await session.scalars(
            select(ForeignCampaign)
            .where(ForeignCampaign.refresh_at <= now, _is_wanted())
            .order_by(ForeignCampaign.refresh_at, ForeignCampaign.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    for row in rows:
        row.refresh_at = lease_until
    await session.flush()
    return rows


async def postpone(session: AsyncSession, claimed: ForeignCampaign, *, next_at: datetime) -> None:
    """Notes that its origin could not be asked."""
    await _mark(
        session,
        ForeignCampaign.id == claimed.id,
        ForeignCampaign.refresh_at == claimed.refresh_at,
        refresh_at=next_at,
        failures=claimed.failures + 1,
    )


async def withdraw(
    session: AsyncSession, claimed: ForeignCampaign, *, now: datetime, next_at: datetime
) -> None:
    """Its origin says that it is gone: so are its words and its picture here."""
    await session.execute(delete(ForeignText).where(ForeignText.campaign_id == claimed.id))
    nothing = ("picture", "picture_source", "picture_alt", "picture_type", "picture_width", "picture_height")
    await _mark(
        session,
        ForeignCampaign.id == claimed.id,
        state="deleted",
        fetched_at=now,
        refresh_at=next_at,
        failures=claimed.failures + 1,
        **dict.fromkeys(nothing),
    )


async def close_ended(session: AsyncSession, now: datetime) -> None:
    """Closes those whose end has come, whether or not their origin can be asked."""
    await _mark(
        session,
        ForeignCampaign.state == "published",
        ForeignCampaign.ends_at <= now,
        state="closed",
        closed_at=ForeignCampaign.ends_at,
    )


def _is_wanted() -> ColumnElement[bool]:
    return or_(foreign.is_followed(), foreign.is_ours_too("requested", "invited", "accepted"))


async def _mark(session: AsyncSession, *conditions: ColumnElement[bool], **values: object) -> bool:
    marked = await session.scalars(
        update(ForeignCampaign)
        .where(*conditions)
        .values(**values)
        .returning(ForeignCampaign.id)
        .execution_options(synchronize_session=False)
    )
    return marked.first() is not None

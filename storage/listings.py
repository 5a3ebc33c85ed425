"""What public collections list, a slice at a time, and the numbers that describe an instance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.campaigns import PUBLIC_STATES
from storage.models import Activity, Campaign, LocalActor, Testimony, Update


class Slice(Struct, frozen=True):
    """Some of a listing, the newest first, and how long the whole is.

    Row keys lead on: what is older comes `before` the one, what is newer `after` the other; None at the ends.
    """

    total: int
    items: Sequence[str]
    older: int | None
    newer: int | None


class Usage(Struct, frozen=True):
    """Accounts that other servers can see, how many of them said something lately, and their Notes."""

    accounts: int
    active_month: int
    active_halfyear: int
    notes: int


async def said(
    session: AsyncSession, actor_id: int, *, limit: int, before: int | None = None, after: int | None = None
) -> Slice:
    """The listed activities of a local actor, as JSON."""
    conditions = and_(Activity.actor_id == actor_id, Activity.listed)
    return await _slice(
        session, Activity.id, Activity.document, conditions, limit=limit, before=before, after=after
    )


async def replies(
    session: AsyncSession,
    campaign_id: int,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> Slice:
    """The URIs of the allowed testimonies to a campaign."""
    conditions = and_(Testimony.campaign_id == campaign_id, Testimony.state == "allowed")
    return await _slice(
        session, Testimony.id, Testimony.note_uri, conditions, limit=limit, before=before, after=after
    )


async def open_slugs(session: AsyncSession, limit: int) -> list[str]:
    """The campaigns that take endorsements, the newest first."""
    query = (
        select(Campaign.slug)
        .where(Campaign.state == "published")
        .order_by(Campaign.published_at.desc(), Campaign.id.desc())
        .limit(limit)
    )
    return list(await session.scalars(query))


async def usage(session: AsyncSession, *, month: datetime, halfyear: datetime) -> Usage:
    """The numbers since these two moments."""
    public = Campaign.state.in_(PUBLIC_STATES)
    accounts = (
        select(func.count())
        .select_from(LocalActor)
        .outerjoin(Campaign, Campaign.actor_id == LocalActor.id)
        .where(or_(LocalActor.kind == "organisation", public))
    )
    calls = select(func.count()).select_from(Campaign).where(public)
    news = select(func.count()).select_from(Update).join(Campaign).where(public)
    active = [
        select(func.count(Activity.actor_id.distinct())).where(
            Activity.listed, Activity.published_at >= since
        )
        for since in (month, halfyear)
    ]
    numbers = [each.scalar_subquery() for each in (accounts, *active, calls, news)]
    row = (await session.execute(select(*numbers))).one()
    return Usage(accounts=row[0], active_month=row[1], active_halfyear=row[2], notes=row[3] + row[4])


async def _slice(
    session: AsyncSession,
    key: InstrumentedAttribute[int],
    value: InstrumentedAttribute[str],
    conditions: ColumnElement[bool],
    *,
    limit: int,
    before: int | None,
    after: int | None,
) -> Slice:
    total, oldest, newest = (
        await session.execute(select(func.count(), func.min(key), func.max(key)).where(conditions))
    ).one()
    query: Any = select(key, value).where(conditions).limit(limit)
    if after is not None:
        rows = list(await session.execute(query.where(key > after).order_by(key)))[::-1]
    else:
        earlier = query if before is None else query.where(key < before)
        rows = list(await session.execute(earlier.order_by(key.desc())))
    if not rows:
        return Slice(total, (), None, None)
    first, last = rows[0][0], rows[-1][0]
    return Slice(
        total=total,
        items=tuple(row[1] for row in rows),
        older=last if last > oldest else None,
        newer=first if first < newest else None,
    )

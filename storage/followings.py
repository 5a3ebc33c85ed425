"""The organisations and campaigns of other instances that our organisation follows."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Following, ForeignCampaign
from storage.models import Actor, Host

# Whoever has not answered yet is followed as far as we are concerned: what they say is public.
CURRENT = ("requested", "accepted")


class Followed(Struct, frozen=True):
    """Somebody whom we follow; `campaigns` is how many of theirs are known here."""

    uri: str
    type: str
    url: str | None
    handle: str
    host: str
    name: str
    state: str
    asked_at: datetime
    answered_at: datetime | None
    read_at: datetime | None
    campaigns: int

    @property
    def shown(self) -> str:
        """The handle, as people write it."""
        return f"@{self.handle}@{self.host}"


class Due(Struct, frozen=True):
    """A following to be read again, ours to read until `lease_until`."""

    actor_id: int
    uri: str
    type: str
    failures: int
    lease_until: datetime


async def ask(session: AsyncSession, *, actor_id: int, activity_uri: str, now: datetime) -> Following:
    """Notes that the Follow of this id was sent. Whoever accepted an earlier one stays followed."""
    following = await session.get(Following, actor_id)
    if following is None:
        following = Following(actor_id=actor_id, state="requested")
        session.add(following)
    elif following.state != "accepted":
        following.state, following.answered_at = "requested", None
    following.activity_uri, following.asked_at = activity_uri, now
    following.next_at, following.failures = now, 0
    await session.flush()
    return following


async def of(session: AsyncSession, uri: str) -> tuple[Following, Actor] | None:
    """The following of the actor of this URI."""
    row = (
        await session.execute(
            select(Following, Actor).join(Actor, Actor.id == Following.actor_id).where(Actor.uri == uri)
        )
    ).first()
    return (row[0], row[1]) if row else None


async def answer(
    session: AsyncSession, *, actor_uri: str, activity_uri: str, state: str, now: datetime
) -> bool:
    """Notes what this actor answers to the Follow of this id; False where we never sent it to them."""
    moved = await session.scalar(
        update(Following)
        .where(
            Following.activity_uri == activity_uri,
            Following.actor_id == select(Actor.id).where(Actor.uri == actor_uri).scalar_subquery(),
        )
        .values(state=state, answered_at=now, next_at=now)
        .returning(Following.actor_id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None


async def remove(session: AsyncSession, actor_id: int) -> None:
    await session.execute(delete(Following).where(Following.actor_id == actor_id))


async def any_of(session: AsyncSession, *uris: str) -> bool:
    """Whether one of these actors is followed."""
    found = await session.scalar(
        select(Following.actor_id)
        .join(Actor, Actor.id == Following.actor_id)
        .where(Actor.uri.in_(uris), Following.state.in_(CURRENT))
        .limit(1)
    )
    return found is not None


async def listed(session: AsyncSession) -> list[Followed]:
    """Everybody whom we follow, or asked to, by name."""
    rows = await session.execute(
        select(
            Actor.uri,
            Actor.type,
            Actor.url,
            Actor.handle,
            Host.name,
            Actor.name,
            Following.state,
            Following.asked_at,
            Following.answered_at,
            Following.read_at,
            func.count(ForeignCampaign.id),
        )
        .select_from(Following)
        .join(Actor, Actor.id == Following.actor_id)
        .join(Host, Host.id == Actor.host_id)
        .outerjoin(
            ForeignCampaign,
            or_(ForeignCampaign.organisation_uri == Actor.uri, ForeignCampaign.actor_uri == Actor.uri)
            & ForeignCampaign.state.in_(("published", "closed")),
        )
        .group_by(Following.actor_id, Actor.id, Host.id)
        .order_by(func.lower(Actor.name), Actor.uri)
    )
    return [Followed(*row) for row in rows]


async def claim(session: AsyncSession, *, now: datetime, lease_until: datetime, limit: int) -> list[Due]:
    """Leases followings that are due to be read."""
    rows = await session.execute(
        select(Following, Actor.uri, Actor.type)
        .join(Actor, Actor.id == Following.actor_id)
        .where(Following.next_at <= now, Following.state.in_(CURRENT))
        .order_by(Following.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Following)
    )
    due = []
    for following, uri, kind in rows:
        following.next_at = lease_until
        due.append(Due(following.actor_id, uri, kind, following.failures, lease_until))
    await session.flush()
    return due


async def put_read(session: AsyncSession, due: Due, *, now: datetime, next_at: datetime) -> None:
    """Notes that it was read. Whatever made it due again meanwhile stands."""
    await _put(session, due, next_at=next_at, read_at=now, failures=0)


async def postpone(session: AsyncSession, due: Due, *, next_at: datetime) -> None:
    """Notes that it could not be read."""
    await _put(session, due, next_at=next_at, failures=due.failures + 1)


async def _put(session: AsyncSession, due: Due, **values: datetime | int) -> None:
    await session.execute(
        update(Following)
        .where(Following.actor_id == due.actor_id, Following.next_at == due.lease_until)
        .values(**values)
        .execution_options(synchronize_session=False)
    )

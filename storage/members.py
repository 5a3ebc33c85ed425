"""The organisations of coalitions, with who asked to be one, and how that was answered."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Coalition, Member
from storage.models import Activity

MOST_WAITING: Final = 1000
MOST_OF_A_HOST: Final = 20
"""So many requests, and as many invitations, wait for an answer; more are not heard."""


async def put(
    session: AsyncSession,
    *,
    coalition_id: int,
    actor_uri: str,
    host: str,
    state: str,
    now: datetime,
    name: str | None = None,
    inbox: str | None = None,
    request_uri: str | None = None,
) -> Member:
    """The organisation's row in this state; new, or the one there is. What is None stays as it was.

    Who asks again for the same has asked since the first time.
    """
    member = await of(session, coalition_id, actor_uri)
    if member is None:
        member = Member(coalition_id=coalition_id, actor_uri=actor_uri, host=host, state=state, asked_at=now)
        session.add(member)
    elif request_uri is not None and member.state != state:
        member.asked_at = now
    member.state = state
    member.name = member.name or "" if name is None else name
    member.inbox = member.inbox or "" if inbox is None else inbox
    if request_uri is not None:
        member.request_uri = request_uri
    await session.flush()
    return member


async def of(session: AsyncSession, coalition_id: int, actor_uri: str) -> Member | None:
    return await session.scalar(
        select(Member).where(Member.coalition_id == coalition_id, Member.actor_uri == actor_uri)
    )


async def by_id(session: AsyncSession, member_id: int) -> Member | None:
    return await session.get(Member, member_id)


async def by_request(session: AsyncSession, request_uri: str) -> Member | None:
    """The organisation whose Join or Invite has this id."""
    return await session.scalar(select(Member).where(Member.request_uri == request_uri))


async def accepted(session: AsyncSession, coalition_id: int) -> list[Member]:
    """The roster's organisations in its order."""
    query = (
        select(Member)
        .where(Member.coalition_id == coalition_id, Member.state == "accepted")
        .order_by(Member.place, Member.id)
    )
    return list(await session.scalars(query))


async def listed(session: AsyncSession) -> list[tuple[Member, Coalition]]:
    """Everybody in every coalition, in whatever state."""
    rows = await session.execute(
        select(Member, Coalition)
        .join(Coalition, Coalition.id == Member.coalition_id)
        .order_by(Coalition.id, Member.place, Member.id)
    )
    return [(member, coalition) for member, coalition in rows]


async def unanswered(
    session: AsyncSession, *, asked_before: datetime, actor_uri: str
) -> list[tuple[Member, Coalition]]:
    """What this organisation asked to join, last before that, and heard nothing of."""
    rows = await session.execute(
        select(Member, Coalition)
        .join(Coalition, Coalition.id == Member.coalition_id)
        .outerjoin(Activity, Activity.uri == Member.request_uri)
        .where(
            Member.actor_uri == actor_uri,
            Member.state == "requested",
            Member.answered_at.is_(None),
            # The Join itself tells when it was sent; one that is kept no more was sent long ago.
            func.coalesce(Activity.published_at, Member.asked_at) <= asked_before,
        )
    )
    return [(member, coalition) for member, coalition in rows]


async def has_room(session: AsyncSession, state: str, host: str) -> bool:
    """Whether one more may wait for our answer: who asks to join (`requested`), or who invites us.

    `host` is the one that asks, or the campaign's.
    """
    is_ours = state == "requested"
    of_host = (
        Member.host == host if is_ours else Coalition.campaign_uri.contains(f"://{host}/", autoescape=True)
    )
    row = await session.execute(
        select(func.count(), func.count().filter(of_host))
        .select_from(Member)
        .join(Coalition, Coalition.id == Member.coalition_id)
        .where(
            Member.state == state,
            Coalition.campaign_id.is_not(None) if is_ours else Coalition.campaign_id.is_(None),
        )
    )
    waiting, of_this_host = row.one()
    return waiting < MOST_WAITING and of_this_host < MOST_OF_A_HOST


async def last_place(session: AsyncSession, coalition_id: int) -> int:
    """The highest place in the roster's order so far."""
    return (
        await session.scalar(
            select(func.coalesce(func.max(Member.place), 0)).where(Member.coalition_id == coalition_id)
        )
        or 0
    )


async def heard(session: AsyncSession, coalition_id: int, actor_uris: Collection[str], now: datetime) -> None:
    """Notes the contact with these organisations."""
    if actor_uris:
        await session.execute(
            update(Member)
            .where(Member.coalition_id == coalition_id, Member.actor_uri.in_(actor_uris))
            .values(heard_at=now)
            .execution_options(synchronize_session=False)
        )


async def look_again(session: AsyncSession, coalition_id: int) -> None:
    """Forgets which evidence partners showed: some may have been about whoever was no partner then."""
    await session.execute(
        update(Member).where(Member.coalition_id == coalition_id).values(evidence_etag=None)
    )

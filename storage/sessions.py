"""Who of the staff is logged in, by the SHA-256 of what their cookie holds."""

from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.staff_models import Session, User


async def add(
    session: AsyncSession, *, token: bytes, user_id: int, is_half: bool, now: datetime, expires_at: datetime
) -> None:
    """`is_half`: the password was right, the second step is still to come."""
    session.add(
        Session(
            token=token, user_id=user_id, is_half=is_half, created_at=now, seen_at=now, expires_at=expires_at
        )
    )
    await session.flush()


async def by_token(
    session: AsyncSession, token: bytes, *, now: datetime, seen_after: datetime
) -> tuple[Session, User] | None:
    """The session with its user; None once it has ended, or the user may no longer come in."""
    row = (
        await session.execute(
            select(Session, User)
            .join(User, User.id == Session.user_id)
            .where(
                Session.token == token,
                Session.expires_at > now,
                Session.seen_at > seen_after,
                User.disabled_at.is_(None),
            )
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def of_user(
    session: AsyncSession, user_id: int, *, now: datetime, seen_after: datetime
) -> list[Session]:
    """Where somebody is logged in; the place used last comes first."""
    query = (
        select(Session)
        .where(
            Session.user_id == user_id,
            Session.expires_at > now,
            Session.seen_at > seen_after,
            Session.is_half.is_(False),
        )
        .order_by(Session.seen_at.desc(), Session.created_at.desc())
    )
    return list(await session.scalars(query))


async def seen(session: AsyncSession, token: bytes, now: datetime) -> None:
    await session.execute(update(Session).where(Session.token == token).values(seen_at=now))


async def end(session: AsyncSession, token: bytes) -> bool:
    """Whether there was such a session: of two who end it at once, one did."""
    ended = await session.scalar(delete(Session).where(Session.token == token).returning(Session.token))
    return ended is not None


async def end_of_user(session: AsyncSession, user_id: int) -> None:
    await session.execute(delete(Session).where(Session.user_id == user_id))


async def sweep(session: AsyncSession, *, now: datetime, seen_before: datetime) -> None:
    """Forgets the sessions that have ended by themselves."""
    await session.execute(
        delete(Session).where(or_(Session.expires_at <= now, Session.seen_at <= seen_before))
    )

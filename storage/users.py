"""The people who run the instance."""

from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.staff_models import User

ROLES = ("owner", "campaigner", "moderator", "reader")


class Taken(Exception):
    """There is a user with this address."""


async def add(session: AsyncSession, *, email: str, role: str, password_hash: str, now: datetime) -> User:
    """A new user; raises Taken. The address is kept in lower case."""
    if await by_email(session, email) is not None:
        raise Taken(email)
    user = User(email=email.lower(), role=role, password_hash=password_hash, created_at=now)
    session.add(user)
    await session.flush()
    return user


async def by_email(session: AsyncSession, email: str) -> User | None:
    return await session.scalar(select(User).where(User.email == email.lower()))


async def by_id(session: AsyncSession, user_id: int) -> User | None:
    return await session.get(User, user_id)


async def locked(session: AsyncSession, user_id: int) -> User | None:
    """The user as they are now, changed by nobody else until the commit."""
    return await session.get(User, user_id, with_for_update=True, populate_existing=True)


async def owners_locked(session: AsyncSession) -> list[User]:
    """The owners who may come in. Of two who remove each other at once, one finds themselves the last."""
    query = (
        select(User)
        .where(User.role == "owner", User.disabled_at.is_(None))
        .order_by(User.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(query))


async def every(session: AsyncSession) -> list[User]:
    """All users in the order of their joining."""
    return list(await session.scalars(select(User).order_by(User.id)))


async def spend_step(session: AsyncSession, user_id: int, step: int) -> bool:
    """Marks a time step of the second factor as used; False when it, or a later one, was before."""
    spent = await session.scalar(
        update(User)
        .where(User.id == user_id, or_(User.totp_last.is_(None), User.totp_last < step))
        .values(totp_last=step)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    return spent is not None


async def without_second_step(session: AsyncSession) -> int:
    """How many may come in by their password alone."""
    number = await session.scalar(
        select(func.count()).where(User.totp_sealed.is_(None), User.disabled_at.is_(None))
    )
    return number or 0

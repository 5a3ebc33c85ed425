"""The people who run the instance."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import User

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


async def every(session: AsyncSession) -> list[User]:
    """All users in the order of their joining."""
    return list(await session.scalars(select(User).order_by(User.id)))

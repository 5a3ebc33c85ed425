"""Who runs the instance: takes people in, gives them roles, and shows them out."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import initialise
from fedicause.fields import NotNow, Unusable
from fedicause.here import Here
from fedicause.staffing import second
from storage import organisations, sessions, users
from storage.staff_models import User

_ENTRANCE: Final = "/admin/login"


class Unknown(NotNow):
    """There is no such user."""


class LastOwner(NotNow):
    """Somebody must be left who can let others in."""


async def add(
    session: AsyncSession, here: Here, *, email: str, role: str, password_hash: str, language: str
) -> User:
    """A new user, who gets a letter without the password. Raises Unusable, users.Taken."""
    from fedicause import mail  # noqa: PLC0415 - commands that add nobody need no templates

    email = initialise.mail_address(email)
    if role not in users.ROLES:
        raise Unusable(f"The role `{role}` is none of {', '.join(users.ROLES)}")
    user = await users.add(session, email=email, role=role, password_hash=password_hash, now=here.now)
    letter = mail.compose(
        "staff_welcome",
        language,
        organisation=await organisations.name(session),
        site=here.urls.base,
        login=here.urls.base + _ENTRANCE,
        role=role,
    )
    try:
        await mail.queue(session, here, kind="staff", to=email, composed=letter)
    except mail.NoAddress as error:
        raise Unusable(f"`{email}` is no mail address") from error
    return user


async def by_email(session: AsyncSession, email: str) -> User:
    """Raises Unknown."""
    user = await users.by_email(session, email)
    if user is None:
        raise Unknown(f"There is no user {email}.")
    return user


async def give_role(session: AsyncSession, user_id: int, role: str) -> User:
    """From the next request on; raises Unknown, Unusable, LastOwner."""
    if role not in users.ROLES:
        raise Unusable(f"The role `{role}` is none of {', '.join(users.ROLES)}")
    user = await _found(session, user_id)
    if role != "owner":
        await _keep_an_owner(session, user)
    user.role = role
    return user


async def disable(session: AsyncSession, here: Here, user_id: int) -> User:
    """Ends their sessions, and lets nobody in by this address. Raises Unknown, LastOwner."""
    user = await _found(session, user_id)
    await _keep_an_owner(session, user)
    user.disabled_at = user.disabled_at or here.now
    await sessions.end_of_user(session, user.id)
    return user


async def enable(session: AsyncSession, user_id: int) -> User:
    """Lets somebody in again, with the password and second step of before; raises Unknown."""
    user = await _found(session, user_id)
    user.disabled_at = None
    return user


async def give_password(session: AsyncSession, user_id: int, password_hash: str) -> User:
    """For who has forgotten theirs: ends all their sessions. Raises Unknown."""
    user = await _found(session, user_id)
    user.password_hash = password_hash
    await sessions.end_of_user(session, user.id)
    return user


async def reset_second_step(session: AsyncSession, user_id: int) -> User:
    """For who has lost both phone and recovery codes: the password alone opens. Raises Unknown."""
    user = await _found(session, user_id)
    second.disable(user)
    await sessions.end_of_user(session, user.id)
    return user


async def _found(session: AsyncSession, user_id: int) -> User:
    user = await users.locked(session, user_id)
    if user is None:
        raise Unknown(f"There is no user {user_id}.")
    return user


async def _keep_an_owner(session: AsyncSession, leaving: User) -> None:
    owners = await users.owners_locked(session)
    if owners and all(owner.id == leaving.id for owner in owners):
        raise LastOwner("Somebody else must be an owner first.")

"""How an instance begins: its own actor, the organisation, the first admin."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, keyring
from fedicause.fields import NotNow, Unusable
from fedicause.seal import Seal
from fedicause.staffing import passwords
from storage import organisations, users

NAME_LENGTH: Final = 200


async def organisation(
    session: AsyncSession,
    *,
    seal: Seal,
    host: str,
    name: str,
    handle: str,
    admin_email: str,
    now: datetime,
    language: str = "en",
) -> str:
    """Creates the instance actor (named like its host), the organisation and an owner; returns the password.

    Raises Unusable for a name, handle or address that can't be, local_actors.Taken if it was done before.
    """
    check(host=host, name=name, handle=handle, admin_email=admin_email, language=language)
    await keyring.new_actor(session, seal, host, "instance", now)
    actor = await keyring.new_actor(session, seal, handle, "organisation", now)
    language = fields.language(language)
    await organisations.add(session, actor_id=actor.id, name=name.strip(), language=language)
    return await user(session, email=admin_email, role="owner", now=now)


def check(*, host: str, name: str, handle: str, admin_email: str, language: str) -> None:
    """Raises Unusable for what an organisation can't begin with."""
    try:
        if not fields.line_of(name.strip(), NAME_LENGTH):
            raise Unusable("is empty")
    except Unusable as error:
        raise Unusable(f"The name {error}") from error
    try:
        if fields.name(handle) == host:
            raise Unusable(f"can't be `{handle}`: that is the name of the server's own actor")
    except Unusable as error:
        raise Unusable(f"The handle {error}") from error
    mail_address(admin_email)
    fields.language(language)


async def user(session: AsyncSession, *, email: str, role: str, now: datetime) -> str:
    """Adds somebody who may run the instance; returns the password. Raises Unusable, NotNow."""
    email = mail_address(email)
    if role not in users.ROLES:
        raise Unusable(f"The role `{role}` is none of {', '.join(users.ROLES)}")
    password = passwords.new()
    try:
        await users.add(session, email=email, role=role, password_hash=passwords.hashed(password), now=now)
    except users.Taken as error:
        raise NotNow(f"{email} is a user already") from error
    return password


def mail_address(value: str) -> str:
    """A mail address that could be one: something, an @, a host; raises Unusable."""
    value = value.strip()
    local, at, host = value.rpartition("@")
    if not (local and at and host) or "@" in local or any(c.isspace() for c in value) or len(value) > 254:
        raise Unusable(f"`{value}` is no mail address")
    return value

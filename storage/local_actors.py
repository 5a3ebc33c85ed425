"""Our own actors: the instance, the organisation, the campaigns."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import LocalActor, Organisation


class Taken(Exception):
    """The name is in use: handles and slugs share one namespace."""


class NotInitialised(Exception):
    """There is no organisation here yet."""


async def add(
    session: AsyncSession,
    *,
    name: str,
    kind: str,
    rsa_public: str,
    rsa_sealed: bytes,
    ed25519_public: str,
    ed25519_sealed: bytes,
    now: datetime,
) -> LocalActor:
    """A new actor; raises Taken when the name is in use, in whatever case."""
    taken = await session.scalar(select(LocalActor.id).where(func.lower(LocalActor.name) == name.lower()))
    if taken is not None:
        raise Taken(name)
    actor = LocalActor(
        name=name,
        kind=kind,
        rsa_public=rsa_public,
        rsa_sealed=rsa_sealed,
        ed25519_public=ed25519_public,
        ed25519_sealed=ed25519_sealed,
        created_at=now,
    )
    session.add(actor)
    await session.flush()
    return actor


async def by_name(session: AsyncSession, name: str) -> LocalActor | None:
    """The actor of this name, in whatever case, deleted ones too."""
    return await session.scalar(select(LocalActor).where(func.lower(LocalActor.name) == name.lower()))


async def by_id(session: AsyncSession, actor_id: int) -> LocalActor | None:
    return await session.get(LocalActor, actor_id)


async def instance(session: AsyncSession) -> LocalActor:
    """The actor of the server itself; raises NotInitialised."""
    actor = await session.scalar(select(LocalActor).where(LocalActor.kind == "instance"))
    if actor is None:
        raise NotInitialised
    return actor


async def organisation(session: AsyncSession) -> tuple[Organisation, LocalActor]:
    """The organisation and its actor; raises NotInitialised."""
    found = (
        await session.execute(
            select(Organisation, LocalActor).join(LocalActor, Organisation.actor_id == LocalActor.id)
        )
    ).first()
    if found is None:
        raise NotInitialised
    return found[0], found[1]

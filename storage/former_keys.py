"""Keys of ours that were changed: what others still need of them, and how it is noted."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.key_models import FormerKey
from storage.models import LocalActor


async def listed(session: AsyncSession, actor_id: int, *, limit: int) -> list[FormerKey]:
    """Those of an actor's former keys that are still good, the latest first."""
    return list(
        await session.scalars(
            select(FormerKey)
            .where(FormerKey.actor_id == actor_id, FormerKey.withdrawn_at.is_(None))
            .order_by(FormerKey.number.desc())
            .limit(limit)
        )
    )


async def one(session: AsyncSession, actor_id: int, number: int) -> FormerKey | None:
    """The key of this number, withdrawn or not."""
    return await session.get(FormerKey, (actor_id, number))


async def every(session: AsyncSession) -> list[FormerKey]:
    return list(
        await session.scalars(select(FormerKey).order_by(FormerKey.actor_id, FormerKey.number.desc()))
    )


async def numbers(session: AsyncSession) -> dict[int, int]:
    """The number of every actor's proof key, by the actor's row key: another when its keys were changed."""
    rows = await session.execute(select(LocalActor.id, LocalActor.proof_key))
    return {row.id: row.proof_key for row in rows}


async def retire(session: AsyncSession, actor: LocalActor, now: datetime) -> None:
    """Keeps the public half of the proof key that is about to be another."""
    session.add(
        FormerKey(actor_id=actor.id, number=actor.proof_key, public=actor.ed25519_public, retired_at=now)
    )
    await session.flush()


async def withdraw(session: AsyncSession, actor_id: int, now: datetime) -> None:
    """Nothing that any former key of this actor signed is to be believed."""
    await session.execute(
        update(FormerKey)
        .where(FormerKey.actor_id == actor_id, FormerKey.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
        .execution_options(synchronize_session=False)
    )


async def forget_rsa(session: AsyncSession, before: datetime) -> None:
    """Forgets the RSA keys that were changed before that."""
    await session.execute(
        update(LocalActor)
        .where(LocalActor.rsa_former_sealed.is_not(None), LocalActor.rekeyed_at < before)
        .values(rsa_former_sealed=None)
        .execution_options(synchronize_session=False)
    )


async def actors(session: AsyncSession, names: Collection[str] | None) -> list[LocalActor]:
    """Our actors that are not deleted: of these names, or all of them."""
    query = select(LocalActor).where(LocalActor.deleted_at.is_(None)).order_by(LocalActor.id)
    if names is not None:
        query = query.where(LocalActor.name.in_(names))
    return list(await session.scalars(query))

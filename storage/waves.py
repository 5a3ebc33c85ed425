"""Endorsements that came in a wave and are held, by the host that they came from."""

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Actor, Host, Register


class Wave(Struct, frozen=True):
    """A host's `held` endorsements of so many `campaigns`, and what else it said that counts."""

    host: str
    held: int
    campaigns: int
    counted: int


async def held(session: AsyncSession) -> list[Wave]:
    """The hosts of which anything is held, the largest wave first."""
    waves = (
        select(
            Actor.host_id,
            func.count().label("held"),
            func.count(Register.subject_id.distinct()).label("campaigns"),
        )
        .select_from(Register)
        .join(Actor, Actor.id == Register.actor_id)
        .where(Register.held, Register.present)
        .group_by(Actor.host_id)
        .subquery()
    )
    counted = (
        select(Actor.host_id, func.count().label("counted"))
        .select_from(Register)
        .join(Actor, Actor.id == Register.actor_id)
        .where(~Register.held, Register.present, Actor.host_id.in_(select(waves.c.host_id)))
        .group_by(Actor.host_id)
        .subquery()
    )
    rows = await session.execute(
        select(Host.name, waves.c.held, waves.c.campaigns, func.coalesce(counted.c.counted, 0))
        .join(waves, waves.c.host_id == Host.id)
        .outerjoin(counted, counted.c.host_id == Host.id)
        .order_by(waves.c.held.desc(), Host.name)
    )
    return [Wave(*row) for row in rows]


async def of(session: AsyncSession, host_ids: Collection[int]) -> tuple[int, int]:
    """How many endorsements of these hosts are held, and how much else of theirs counts."""
    row = (
        await session.execute(
            select(
                func.coalesce(func.sum(case((Register.held, 1), else_=0)), 0),
                func.coalesce(func.sum(case((Register.held, 0), else_=1)), 0),
            )
            .join(Actor, Actor.id == Register.actor_id)
            .where(Register.present, Actor.host_id.in_(host_ids))
        )
    ).one()
    return int(row[0]), int(row[1])

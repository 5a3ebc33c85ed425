"""Where support came from, as far as what is kept anyway tells: in numbers, of nobody."""

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Coalition
from storage.models import Actor, Host, Register
from storage.people_models import ShareLink


class Links(Struct, frozen=True):
    """Links that people pass a campaign on with: how many led to a signature, and to how many."""

    used: int
    signatures: int


async def links(session: AsyncSession, coalition_id: int) -> Links:
    row = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(ShareLink.signatures), 0)).where(
                ShareLink.coalition_id == coalition_id, ShareLink.signatures > 0
            )
        )
    ).one()
    return Links(int(row[0]), int(row[1]))


async def own(session: AsyncSession, coalition_id: int) -> int:
    """The signatures that we have collected."""
    found = await session.scalar(select(Coalition.signatures).where(Coalition.id == coalition_id))
    return found or 0


async def servers(session: AsyncSession, subject_id: int, limit: int) -> list[tuple[str, int]]:
    """From which servers the endorsements of a campaign's actor came, the most first: name and number."""
    number = func.count().label("number")
    rows = await session.execute(
        select(Host.name, number)
        .select_from(Register)
        .join(Actor, Actor.id == Register.actor_id)
        .join(Host, Host.id == Actor.host_id)
        .where(
            Register.subject_id == subject_id,
            Register.kind == "endorsement",
            Register.present,
            ~Register.held,
        )
        .group_by(Host.name)
        .order_by(number.desc(), Host.name)
        .limit(limit)
    )
    return [(name, count) for name, count in rows]

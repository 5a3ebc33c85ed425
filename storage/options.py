"""What people ticked with their signatures, an answer or some roles, counted."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import TICKED, Coalition, Signature
from storage.columns import EPOCH
from storage.kinds_models import Ballot
from storage.models import Campaign

KINDS = ("consultation", "pledge")


async def counted(session: AsyncSession, coalition_id: int) -> dict[int, int]:
    """How often each combination of bits was ticked by signatures that stand: looks at each of them."""
    rows = await session.execute(
        select(Signature.ticked, func.count())
        .where(Signature.coalition_id == coalition_id, text(TICKED))
        .group_by(Signature.ticked)
    )
    return {row[0]: row[1] for row in rows}


async def ballot(session: AsyncSession, coalition_id: int) -> dict[int, int] | None:
    """The same as of the last count; None where there was none."""
    row = await session.get(Ballot, coalition_id)
    return None if row is None else {int(bits): number for bits, number in json.loads(row.counted).items()}


async def to_count(session: AsyncSession, above: int) -> list[int]:
    """The coalitions with more signatures than that in which something has moved since the last count."""
    rows = await session.scalars(
        select(Coalition.id)
        .join(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(Ballot, Ballot.coalition_id == Coalition.id)
        .where(
            Campaign.kind.in_(KINDS),
            Coalition.signatures > above,
            or_(Ballot.counted_at.is_(None), Ballot.counted_at <= Coalition.collected_at),
        )
    )
    return list(rows)


async def put_ballot(
    session: AsyncSession, coalition_id: int, numbers: Mapping[int, int], now: datetime
) -> None:
    """Notes what was counted; `now` is from before counting."""
    insert = batches.insert(batches.dialect_of(session), Ballot).values(
        coalition_id=coalition_id, counted=json.dumps(numbers), counted_at=now
    )
    again = {name: getattr(insert.excluded, name) for name in ("counted", "counted_at")}
    await session.execute(insert.on_conflict_do_update(index_elements=["coalition_id"], set_=again))


async def tick(session: AsyncSession, coalition_id: int, signature_id: int, bits: int) -> None:
    """Changes what was ticked with a signature; the answers will be counted again."""
    await session.execute(
        update(Signature)
        .where(Signature.id == signature_id)
        .values(ticked=bits)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(Ballot)
        .where(Ballot.coalition_id == coalition_id)
        .values(counted_at=EPOCH)
        .execution_options(synchronize_session=False)
    )

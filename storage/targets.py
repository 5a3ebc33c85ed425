"""Decision-makers to whom a campaign's letters go, and the letters that wait for them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Signature
from storage.kinds_models import UNSENT, Target, TargetLetter
from storage.models import Campaign


class Mailbox(Struct, frozen=True):
    """A target for whom letters wait. `per_hour` is how many may go there; `is_digest`: one a day for all."""

    target: Target
    campaign: Campaign
    waiting: int


class Waiting(Struct, frozen=True):
    """A letter that waits, by its row key."""

    id: int
    content_sealed: bytes


async def every(session: AsyncSession, campaign_id: int) -> list[Target]:
    """All of a campaign, in the order in which they were given."""
    query = select(Target).where(Target.campaign_id == campaign_id).order_by(Target.id)
    return list(await session.scalars(query))


async def add(session: AsyncSession, campaign_id: int, rows: Sequence[Mapping[str, str]]) -> None:
    """Adds targets; each row has the columns of Target by name."""
    if rows:
        await session.execute(
            batches.insert(batches.dialect_of(session), Target),
            [{"campaign_id": campaign_id, **row} for row in rows],
        )


async def remove(session: AsyncSession, campaign_id: int, target_ids: Collection[int] | None = None) -> int:
    """Removes these targets of the campaign, or all, with the letters that wait; returns how many."""
    found = {each.id for each in await every(session, campaign_id)}
    gone = found if target_ids is None else found & set(target_ids)
    for part in batches.parts(gone):
        await session.execute(delete(TargetLetter).where(TargetLetter.target_id.in_(part)))
        await session.execute(delete(Target).where(Target.id.in_(part)))
    return len(gone)


async def numbers(session: AsyncSession, campaign_id: int) -> dict[int, tuple[int, int]]:
    """By target how many letters were sent, and how many wait; nobody with none."""
    rows = await session.execute(
        select(
            TargetLetter.target_id, func.count(TargetLetter.sent_at), func.count(TargetLetter.content_sealed)
        )
        .join(Target, Target.id == TargetLetter.target_id)
        .where(Target.campaign_id == campaign_id)
        .group_by(TargetLetter.target_id)
    )
    return {target_id: (sent, waiting) for target_id, sent, waiting in rows}


async def put_letters(
    session: AsyncSession, signature_id: int, contents: Mapping[int, bytes], now: datetime
) -> None:
    """Lets letters wait: sealed, by target."""
    if contents:
        await session.execute(
            batches.insert(batches.dialect_of(session), TargetLetter),
            [
                {
                    "target_id": target_id,
                    "signature_id": signature_id,
                    "content_sealed": content,
                    "created_at": now,
                    "sent_at": None,
                }
                for target_id, content in contents.items()
            ],
        )


async def mailboxes(session: AsyncSession, after: int, limit: int) -> list[Mailbox]:
    """Targets with higher row keys for whom letters wait, of campaigns that are not deleted."""
    waiting = (
        select(TargetLetter.target_id, func.count().label("number"))
        .where(text(UNSENT), TargetLetter.target_id > after)
        .group_by(TargetLetter.target_id)
        .subquery()
    )
    rows = await session.execute(
        select(Target, Campaign, waiting.c.number)
        .join(waiting, waiting.c.target_id == Target.id)
        .join(Campaign, Campaign.id == Target.campaign_id)
        .where(Campaign.state != "deleted", Target.id > after)
        .order_by(Target.id)
        .limit(limit)
    )
    return [Mailbox(*row) for row in rows]


async def sent_since(session: AsyncSession, target_id: int, since: datetime) -> int:
    """How many letters went to somebody since then."""
    query = select(func.count()).where(TargetLetter.target_id == target_id, TargetLetter.sent_at > since)
    return await session.scalar(query) or 0


async def waiting(session: AsyncSession, target_id: int, limit: int) -> list[Waiting]:
    """The letters that have waited longest, of signatures that stand."""
    rows: Any = await session.execute(
        select(TargetLetter.id, TargetLetter.content_sealed)
        .join(Signature, Signature.id == TargetLetter.signature_id)
        .where(TargetLetter.target_id == target_id, text(UNSENT), Signature.state == "confirmed")
        .order_by(TargetLetter.id)
        .limit(limit)
    )
    return [Waiting(*row) for row in rows]


async def sent(session: AsyncSession, letter_ids: Collection[int], now: datetime) -> None:
    """Notes that these are on their way: whose they were, and what was in them, is forgotten here."""
    for part in batches.parts(letter_ids):
        await session.execute(
            update(TargetLetter)
            .where(TargetLetter.id.in_(part))
            .values(sent_at=now, content_sealed=None, signature_id=None)
            .execution_options(synchronize_session=False)
        )

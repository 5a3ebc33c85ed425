"""Forgets who signed, some months after a campaign has ended; how many they were stays."""

import json
from calendar import monthrange
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from storage import coalitions, retention

AT_ONCE: Final = 250
# Of whoever may still be written to: how to call them.
_KEPT: Final = ("name",)


def until(ended_at: datetime, months: int) -> datetime:
    """When the time is over: the same day so many months later, or the last one of that month."""
    place = ended_at.month - 1 + months
    year, month = ended_at.year + place // 12, place % 12 + 1
    return ended_at.replace(year=year, month=month, day=min(ended_at.day, monthrange(year, month)[1]))


async def due(session: AsyncSession, default: int, now: datetime) -> list[int]:
    """The coalitions whose time is over; `default`: the months where a campaign says nothing."""
    return [
        each.coalition_id
        for each in await retention.ended(session)
        if until(each.ended_at, default if each.months is None else each.months) <= now
    ]


async def step(session: AsyncSession, here: Here, coalition_id: int, after: int) -> int | None:
    """Forgets who is behind the next signatures; where to go on, or None once all is done.

    Done again from the beginning it changes nothing that matters: a crash only repeats. Whoever agreed to be
    written to stays, with name and address, until they take that back: nothing else that they wrote does.
    """
    await coalitions.locked(session, coalition_id)
    ids = await retention.next_ids(session, coalition_id, after, AT_ONCE)
    kept = {
        signature_id: here.seal.close(_least(here, details))
        for signature_id, details in (await retention.agreed(session, ids)).items()
    }
    if ids:
        await retention.forget(session, ids, kept)
    if len(ids) == AT_ONCE:
        return ids[-1]
    await retention.finish(session, coalition_id, here.now)
    return None


async def clear(session: AsyncSession) -> bool:
    """Forgets some of those who had agreed to be written to and no longer do; whether there may be more."""
    ids = await retention.leftover(session, AT_ONCE)
    if ids:
        await retention.forget(session, ids, {})
    return len(ids) == AT_ONCE


def _least(here: Here, details_sealed: bytes) -> bytes:
    details = json.loads(here.seal.open(details_sealed))
    kept = {field: details.get(field, "") for field in _KEPT}
    return json.dumps(kept, ensure_ascii=False).encode()

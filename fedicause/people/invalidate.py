"""Takes waves of fakes out of the count, and puts back what was none: many signatures, a few at a time.

Each step is a transaction of its own, so that nobody waits long; what was begun says how far it has come.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import sign
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.people import crm
from fedicause.publish import Impossible
from storage import coalitions, invalidations
from storage.columns import from_milliseconds, to_milliseconds
from storage.moderation_models import Invalidation
from storage.trends import Selection, Span

AT_ONCE: Final = 2_000

Step = Callable[[AsyncSession, Here, Invalidation, Sequence[int]], Awaitable[int]]


class NotFound(Impossible):
    """There is no such invalidation, or it is past that."""


async def start(session: AsyncSession, here: Here, selection: Selection) -> Invalidation:
    """Notes what is to be taken out; nothing is yet."""
    coalition = await coalitions.locked(session, selection.span.coalition_id)
    return await invalidations.add(
        session,
        coalition_id=coalition.id,
        wanted=_written(selection),
        before=coalition.signatures,
        now=here.now,
    )


async def some(session: AsyncSession, here: Here, begun: Invalidation, signature_ids: Sequence[int]) -> int:
    """Takes these out; returns how many still could be."""
    own = await roster.own_uri(session, here.urls)
    await crm.withdrawn(session, here, signature_ids)
    taken = await sign.invalidate(
        session, begun.coalition_id, signature_ids, begun.id, own_uri=own, now=here.now
    )
    await invalidations.grew(session, begun.id, confirmed=taken["confirmed"], pending=taken["pending"])
    return taken.total()


async def finish(session: AsyncSession, here: Here, invalidation_id: int) -> Invalidation:
    """Nothing is left to take out; from which networks it came is forgotten. Raises NotFound."""
    found = await _found(session, invalidation_id)
    wanted = json.loads(found.wanted)
    found.wanted = json.dumps({"since": wanted["since"], "until": wanted["until"]})
    found.done_at = here.now
    return found


async def restore(
    session: AsyncSession, here: Here, begun: Invalidation, signature_ids: Sequence[int]
) -> int:
    """Puts these back; returns how many were still out."""
    back = await sign.restore(session, begun.coalition_id, signature_ids, begun.id, now=here.now)
    await session.flush()
    await crm.confirmed(session, here, signature_ids)
    await invalidations.shrank(session, begun.id, back.total())
    return back.total()


async def end_restore(session: AsyncSession, here: Here, invalidation_id: int) -> Invalidation:
    """All is back. Raises NotFound."""
    found = await _found(session, invalidation_id)
    found.restored_at = found.restored_at or here.now
    return found


def selection_of(begun: Invalidation) -> Selection | None:
    """What is to be taken out; None once it is done."""
    wanted = json.loads(begun.wanted)
    if "networks" not in wanted:
        return None
    since, until = span_of(begun)
    return Selection(
        Span(begun.coalition_id, since, until),
        networks=[bytes.fromhex(each) for each in wanted["networks"]],
        domains=wanted["domains"],
        both=wanted["both"],
    )


def span_of(begun: Invalidation) -> tuple[datetime, datetime]:
    """From when to when it reaches."""
    wanted = json.loads(begun.wanted)
    return from_milliseconds(wanted["since"]), from_milliseconds(wanted["until"])


def _written(selection: Selection) -> str:
    return json.dumps(
        {
            "since": to_milliseconds(selection.span.since),
            "until": to_milliseconds(selection.span.until),
            "networks": [each.hex() for each in selection.networks],
            "domains": list(selection.domains),
            "both": selection.both,
        }
    )


async def _found(session: AsyncSession, invalidation_id: int) -> Invalidation:
    found = await invalidations.by_id(session, invalidation_id)
    if found is None:
        raise NotFound(f"Nothing was taken out under {invalidation_id}.")
    return found

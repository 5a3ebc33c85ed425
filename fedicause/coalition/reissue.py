"""What we signed with keys that were changed since, signed again: rosters, tallies and sketches.

Each as a newer version: two documents signed as one version are evidence against their author.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import tally
from fedicause.coalition import estimate, roster
from fedicause.coalition.outdated import is_former, is_withdrawn
from fedicause.here import Here
from fedicause.urls import Urls
from storage import coalitions, tallies


async def sign_rosters(session: AsyncSession, here: Here, ids: Sequence[int]) -> None:
    """Signs the rosters of these coalitions again, if that is still due, and tells the partners."""
    for coalition, actor in await coalitions.rosters(session):
        if coalition.id in ids and is_former(coalition.roster or "", actor, here.urls):
            locked = await coalitions.locked(session, coalition.id)
            signed = await roster.sign(session, here, locked, skip=await is_withdrawn(session, actor))
            await roster.tell(session, here, locked, signed)


async def sign_tally(session: AsyncSession, here: Here, coalition_id: int, above: int | None) -> None:
    """Tells our tally again, and the sketch of it that can't be built any more."""
    await tally.issue(session, here, coalition_id, above=above)
    await estimate.sign_again(session, here, coalition_id)


async def epoch(session: AsyncSession, urls: Urls, coalition_id: int) -> int:
    """The epoch of our newest tally."""
    uri = await roster.own_uri(session, urls)
    head = (await tallies.heads(session, coalition_id, [uri])).get(uri)
    return head.epoch if head is not None else 0

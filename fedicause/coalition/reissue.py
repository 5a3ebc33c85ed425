"""What we signed with keys that were changed since, signed again: rosters, tallies and sketches.

Each as a newer version: two documents signed as one version are evidence against their author.
"""

import json
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import proofs
from fedicause import keyring, tally
from fedicause.coalition import estimate, roster
from fedicause.here import Here
from fedicause.urls import Urls
from storage import coalitions, former_keys, local_actors, tallies
from storage.models import LocalActor


class Outdated(Struct, frozen=True):
    """The coalitions (row keys) whose roster, or whose tally of ours, was signed with a former key."""

    rosters: Sequence[int]
    tallies: Sequence[int]
    is_withdrawn: bool
    """Whoever has that key may have signed newer ones."""


async def outdated(session: AsyncSession, urls: Urls) -> Outdated:
    """What is to be signed again. Reads every newest document of ours: for when keys have changed."""
    _, organisation = await local_actors.organisation(session)
    own_uri = urls.actor(organisation.name, organisation.kind)
    told = await coalitions.told(session, own_uri=own_uri)
    return Outdated(
        [
            coalition.id
            for coalition, actor in await coalitions.rosters(session)
            if _is_former(coalition.roster or "", actor, urls)
        ],
        [coalition_id for coalition_id, document in told.items() if _is_former(document, organisation, urls)],
        await _is_withdrawn(session, organisation),
    )


async def sign_rosters(session: AsyncSession, here: Here, ids: Sequence[int]) -> None:
    """Signs the rosters of these coalitions again, if that is still due, and tells the partners."""
    for coalition, actor in await coalitions.rosters(session):
        if coalition.id in ids and _is_former(coalition.roster or "", actor, here.urls):
            locked = await coalitions.locked(session, coalition.id)
            signed = await roster.sign(session, here, locked, skip=await _is_withdrawn(session, actor))
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


def _is_former(document: str, actor: LocalActor, urls: Urls) -> bool:
    return proofs.key_id(json.loads(document)) != keyring.proof_key_id(actor, urls)


async def _is_withdrawn(session: AsyncSession, actor: LocalActor) -> bool:
    """Whether the key before this one is to be believed no more."""
    before = await former_keys.one(session, actor.id, actor.proof_key - 1)
    return before is not None and before.withdrawn_at is not None

"""What we signed with keys that were changed since: found, to be signed again by `reissue`."""

import json
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import proofs
from fedicause import keyring
from fedicause.urls import Urls
from storage import coalitions, former_keys, local_actors
from storage.models import LocalActor


class Outdated(Struct, frozen=True):
    """The coalitions (row keys) whose roster, or whose tally of ours, was signed with a former key."""

    rosters: Sequence[int]
    tallies: Sequence[int]
    is_withdrawn: bool
    """Whoever has that key may have signed newer ones."""


async def find(session: AsyncSession, urls: Urls) -> Outdated:
    """What is to be signed again. Reads every newest document of ours: for when keys have changed."""
    _, organisation = await local_actors.organisation(session)
    own_uri = urls.actor(organisation.name, organisation.kind)
    told = await coalitions.told(session, own_uri=own_uri)
    return Outdated(
        [
            coalition.id
            for coalition, actor in await coalitions.rosters(session)
            if is_former(coalition.roster or "", actor, urls)
        ],
        [coalition_id for coalition_id, document in told.items() if is_former(document, organisation, urls)],
        await is_withdrawn(session, organisation),
    )


def is_former(document: str, actor: LocalActor, urls: Urls) -> bool:
    return proofs.key_id(json.loads(document)) != keyring.proof_key_id(actor, urls)


async def is_withdrawn(session: AsyncSession, actor: LocalActor) -> bool:
    """Whether the key before this one is to be believed no more."""
    before = await former_keys.one(session, actor.id, actor.proof_key - 1)
    return before is not None and before.withdrawn_at is not None

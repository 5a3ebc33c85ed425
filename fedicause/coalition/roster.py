"""The roster of a campaign of ours: signed anew with every change, and sent to every partner."""

import json
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import coalition as activities
from federation import proofs, rosters
from federation.rosters import Roster
from fedicause import announce, keyring
from fedicause.here import Here
from fedicause.tally import roster_of
from fedicause.urls import Urls
from storage import coalitions, local_actors, members
from storage.coalition_models import Coalition
from storage.models import LocalActor

UNSURE_AFTER: Final = timedelta(minutes=30)
"""After so long without a partner's word our own roster may be an old one."""
VERSIONS_SKIPPED: Final = 1 << 20


async def own_uri(session: AsyncSession, urls: Urls) -> str:
    """The URI of our organisation's actor."""
    _, organisation = await local_actors.organisation(session)
    return urls.actor(organisation.name, organisation.kind)


async def sign(session: AsyncSession, here: Here, coalition: Coalition, *, skip: bool = False) -> Roster:
    """The next version of the roster of a campaign of ours; `skip` passes by what others may have signed."""
    ours = await coalitions.ours(session, coalition)
    if ours is None:
        raise LookupError(f"the coalition {coalition.id} is not of a campaign of ours")
    campaign, actor = ours
    await session.flush()
    partners = [each.actor_uri for each in await members.accepted(session, coalition.id)]
    coalition.roster_version += 1
    is_unsure = coalition.compared_at is not None and here.now - coalition.compared_at > UNSURE_AFTER
    if skip or is_unsure:
        # A backup may have been restored, and partners may know of versions that we have signed since.
        coalition.roster_version += secrets.randbelow(VERSIONS_SKIPPED)
    unsigned = rosters.build(
        id=f"{here.urls.note(campaign.slug)}/partners",
        campaign=coalition.campaign_uri,
        version=coalition.roster_version,
        updated=here.now,
        members=[await own_uri(session, here.urls), *partners],
    )
    signed = proofs.sign(unsigned, keyring.proof_key(actor, here.seal, here.urls), here.now)
    coalition.roster = json.dumps(signed, ensure_ascii=False, separators=(",", ":"))
    await members.look_again(session, coalition.id)
    await session.flush()
    return current(coalition)


def current(coalition: Coalition) -> Roster:
    """The roster as it was signed last."""
    roster = roster_of(coalition)
    if roster is None:
        raise LookupError(f"the coalition {coalition.id} has no roster")
    return roster


async def tell(
    session: AsyncSession, here: Here, coalition: Coalition, roster: Roster, *, but: str | None = None
) -> None:
    """Sends the roster to every partner; `but` the one that has it with its answer."""
    partners = [each for each in await members.accepted(session, coalition.id) if each.actor_uri != but]
    if partners:
        document = activities.update(
            id=here.urls.new_activity(),
            actor=coalition.campaign_uri,
            object=roster.document,
            published=here.now,
            to=[each.actor_uri for each in partners],
        )
        actor = await speaker(session, coalition)
        await say(session, here, actor, document, [each.inbox for each in partners], replaces=roster.id)


async def speaker(session: AsyncSession, coalition: Coalition) -> LocalActor:
    """The actor of the campaign of ours that the coalition is about."""
    ours = await coalitions.ours(session, coalition)
    if ours is None:
        raise LookupError(f"the coalition {coalition.id} is not of a campaign of ours")
    return ours[1]


async def say(  # noqa: PLR0917 - who says what to whom
    session: AsyncSession,
    here: Here,
    actor: LocalActor,
    document: dict[str, Any],
    inboxes: Sequence[str],
    replaces: str | None = None,
) -> None:
    """Queues what one of our actors says to other organisations alone."""
    await announce.say(
        session,
        urls=here.urls,
        actor=actor,
        document=document,
        listed=False,
        inboxes=[inbox for inbox in inboxes if inbox],
        now=here.now,
        replaces=replaces,
    )

"""The rosters of others: who is in, and what changes here with our being in or out."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import outgoing, vocabulary
from federation.rosters import Roster
from fedicause import announce, roster
from fedicause.here import Here
from fedicause.tally import book_of, keep_forks
from storage import coalitions, local_actors, members
from storage.coalition_models import Coalition, ForeignCampaign, Member
from storage.models import LocalActor


async def hear(session: AsyncSession, here: Here, coalition: Coalition, heard: Roster) -> bool:
    """Takes a roster whose proof was verified; whether it tells anything new."""
    if heard.campaign != coalition.campaign_uri or coalition.campaign_id is not None:
        return False
    coalition = await coalitions.locked(session, coalition.id)
    book = await book_of(session, coalition, [])
    before, forks = book.roster, set(book.forks)
    is_new = book.hear_roster(heard)
    await keep_forks(session, coalition.id, book, forks, here.now)
    if book.roster is not None and book.roster is not before:
        coalition.roster = json.dumps(book.roster.document, ensure_ascii=False, separators=(",", ":"))
        coalition.roster_version = book.roster.version
        await _follow_roster(session, here, coalition, book.roster)
    return is_new


async def _follow_roster(session: AsyncSession, here: Here, coalition: Coalition, signed: Roster) -> None:
    """Makes the partners' rows those of the roster, ours too."""
    own = await roster.own_uri(session, here.urls)
    for member in await members.accepted(session, coalition.id):
        if member.actor_uri not in signed.members:
            if member.actor_uri == own:
                await unhost(session, here, coalition, member, "removed")
            else:
                member.state = "left"
    for place, uri in enumerate(signed.members, start=1):
        known = await members.of(session, coalition.id, uri)
        if uri == own and (known is None or known.state == "left"):
            continue  # we have left, and the origin has not heard it yet
        was_in = known is not None and known.state == "accepted"
        member = await members.put(
            session,
            coalition_id=coalition.id,
            actor_uri=uri,
            host=vocabulary.host_of(uri),
            state="accepted",
            now=here.now,
        )
        member.place = place
        if uri == own and not was_in:
            member.answered_at = here.now
            await _host(session, here, coalition, member)
    await session.flush()


async def _host(session: AsyncSession, here: Here, coalition: Coalition, member: Member) -> None:
    """We are in: the organisation shares the call with its own followers."""
    campaign = await coalitions.theirs(session, coalition)
    if campaign is None:
        return
    _, organisation = await local_actors.organisation(session)
    document = _sharing(here, organisation, campaign, member)
    inboxes = {campaign.inbox, *await announce.subscribers(session, organisation)}
    await announce.say(
        session,
        urls=here.urls,
        actor=organisation,
        document=document,
        listed=True,
        inboxes=inboxes,
        now=here.now,
    )


async def unhost(session: AsyncSession, here: Here, coalition: Coalition, member: Member, state: str) -> None:
    """We are out: what the organisation shared is taken back."""
    was_in = member.state == "accepted"
    member.state, member.answered_at = state, here.now
    campaign = await coalitions.theirs(session, coalition)
    if not was_in or campaign is None:
        return
    _, organisation = await local_actors.organisation(session)
    shared = _sharing(here, organisation, campaign, member)
    document = outgoing.undo(
        id=here.urls.new_activity(), actor=shared["actor"], object=shared, published=here.now
    )
    inboxes = {campaign.inbox, *await announce.subscribers(session, organisation)}
    await roster.say(session, here, organisation, document, sorted(inboxes))


def _sharing(
    here: Here, organisation: LocalActor, campaign: ForeignCampaign, member: Member
) -> dict[str, Any]:
    """The Announce of the call: under the same id for the same request, so that it can be undone."""
    uri = here.urls.actor(organisation.name, organisation.kind)
    named = hashlib.sha256(f"{campaign.note_uri} {member.request_uri} {member.asked_at}".encode()).digest()
    return outgoing.announce(
        id=here.urls.activity(urlsafe_b64encode(named[:12]).decode()),
        actor=uri,
        object=campaign.note_uri,
        published=here.now,
        cc=[f"{uri}/followers", campaign.actor_uri],
    )

"""The rosters of others: who is in, and what changes here with our being in or out."""

import json

from sqlalchemy.ext.asyncio import AsyncSession

from federation import outgoing, vocabulary
from federation.rosters import Roster
from fedicause import announce
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.tally import book_of, keep_forks, roster_of
from storage import coalitions, deliveries, local_actors, members, retractions
from storage.coalition_models import Coalition, Member


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


async def enter(session: AsyncSession, here: Here, coalition: Coalition) -> None:
    """We were let in: by a roster that may have been known before we asked."""
    signed = roster_of(coalition)
    if signed is not None and await roster.own_uri(session, here.urls) in signed.members:
        await _follow_roster(session, here, coalition, signed)


async def _follow_roster(session: AsyncSession, here: Here, coalition: Coalition, signed: Roster) -> None:
    """Makes the partners' rows those of the roster, ours too."""
    own = await roster.own_uri(session, here.urls)
    await members.look_again(session, coalition.id)
    for member in await members.accepted(session, coalition.id):
        if member.actor_uri not in signed.members:
            if member.actor_uri == own:
                await unhost(session, here, coalition, member, "removed")
            else:
                member.state = "left"
    for place, uri in enumerate(signed.members, start=1):
        known = await members.of(session, coalition.id, uri)
        if uri == own and (known is None or known.state in ("left", "invited", "refused")):
            # We have left and the origin has not heard it yet, or it lists us before we have said yes.
            continue
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
        if not was_in:
            # The origin has had to do with it just now.
            member.heard_at = here.now
        if uri == own and not was_in:
            member.answered_at = here.now
            await _host(session, here, coalition)
    await session.flush()


async def _host(session: AsyncSession, here: Here, coalition: Coalition) -> None:
    """We are in: the organisation shares the call with its own followers."""
    campaign = await coalitions.theirs(session, coalition)
    if campaign is None:
        return
    _, organisation = await local_actors.organisation(session)
    uri = here.urls.actor(organisation.name, organisation.kind)
    document = outgoing.announce(
        id=here.urls.new_activity(),
        actor=uri,
        object=campaign.note_uri,
        published=here.now,
        cc=[f"{uri}/followers", campaign.actor_uri],
    )
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
    shared = await retractions.shares(session, sharer_id=organisation.id, note=campaign.note_uri)
    inboxes = sorted({campaign.inbox, *await announce.subscribers(session, organisation)})
    for each in shared:
        document = outgoing.undo(
            id=here.urls.new_activity(),
            actor=here.urls.actor(organisation.name, organisation.kind),
            object=json.loads(each.document),
            published=here.now,
        )
        await roster.say(session, here, organisation, document, inboxes)
    ids = [each.id for each in shared]
    await deliveries.forget(session, ids)
    await retractions.unsay(session, ids)

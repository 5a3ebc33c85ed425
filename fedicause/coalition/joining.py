"""Campaigns of other instances that our organisation asks to join, is invited to, and leaves."""

from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import coalition as activities
from federation import sketches, vocabulary
from federation.rosters import Roster
from fedicause.coalition import hosting, roster
from fedicause.here import Here
from fedicause.partners import NotAsked, expect_unblocked
from fedicause.publish import Impossible
from storage import coalitions, foreign, local_actors, members
from storage.coalition_models import Coalition, ForeignCampaign, Member

NO_ANSWER_AFTER: Final = timedelta(hours=24)
"""After so long a request is made again, and shown as not answered yet."""


async def coalition_of(session: AsyncSession, campaign: ForeignCampaign) -> Coalition:
    """The coalition of a campaign of another instance, as far as we know it."""
    coalition = await coalitions.by_uri(session, campaign.actor_uri)
    if coalition is None:
        coalition = await coalitions.add(session, campaign_uri=campaign.actor_uri, foreign_id=campaign.id)
    elif coalition.foreign_id is None and coalition.campaign_id is None:
        coalition.foreign_id = campaign.id
    return coalition


async def campaign_at(session: AsyncSession, slug: str, origin: str) -> ForeignCampaign:
    """A campaign of another instance that is known here; raises NotAsked."""
    campaign = await foreign.by_address(session, slug, origin)
    if campaign is None:
        raise NotAsked(f"No campaign {slug}@{origin} is known here")
    return campaign


async def join(session: AsyncSession, here: Here, campaign: ForeignCampaign) -> Member:
    """Our organisation asks to join a campaign of another instance, or asks again."""
    coalition = await coalition_of(session, campaign)
    uri = await roster.own_uri(session, here.urls)
    known = await members.of(session, coalition.id, uri)
    if known is not None and known.state == "accepted" and coalition.sketch_key_sealed is not None:
        raise Impossible(f"You are a partner of {campaign.slug}@{campaign.origin} already")
    if campaign.state != "published":
        raise Impossible(f"{campaign.slug}@{campaign.origin} is {campaign.state}: nobody can join it")
    await expect_unblocked(session, campaign.organisation_uri)
    return await _ask(session, here, coalition, campaign)


async def ask_again(session: AsyncSession, here: Here) -> int:
    """Repeats our Joins that nobody has answered for a day; returns how many."""
    uri = await roster.own_uri(session, here.urls)
    waiting = await members.unanswered(session, asked_before=here.now - NO_ANSWER_AFTER, actor_uri=uri)
    for _, coalition in waiting:
        campaign = await coalitions.theirs(session, coalition)
        if campaign is not None:
            await _ask(session, here, coalition, campaign)
    return len(waiting)


async def leave(session: AsyncSession, here: Here, campaign: ForeignCampaign) -> Member:
    """Our organisation leaves a coalition, or takes its request back: our tally counts no more."""
    coalition = await coalitions.of_foreign(session, campaign.id)
    uri = await roster.own_uri(session, here.urls)
    member = await members.of(session, coalition.id, uri) if coalition else None
    if coalition is None or member is None or member.state not in ("requested", "invited", "accepted"):
        raise NotAsked(f"You are no partner of {campaign.slug}@{campaign.origin}")
    _, organisation = await local_actors.organisation(session)
    document = activities.leave(
        id=here.urls.new_activity(), actor=uri, object=coalition.campaign_uri, published=here.now
    )
    await roster.say(session, here, organisation, document, [campaign.inbox])
    await hosting.unhost(session, here, coalition, member, "left")
    return member


async def answered(
    session: AsyncSession,
    here: Here,
    campaign_uri: str,
    join_uri: str,
    *,
    is_accepted: bool,
    signed: Roster | None = None,
    sketch_key: str | None = None,
) -> bool:
    """An Accept or Reject of our Join has come; whether there was such. Raises Malformed (no sketch key)."""
    coalition = await coalitions.by_uri(session, campaign_uri)
    uri = await roster.own_uri(session, here.urls)
    member = await members.of(session, coalition.id, uri) if coalition else None
    if coalition is None or member is None or member.request_uri != join_uri:
        return False
    if member.state not in ("requested", "invited", "accepted", "refused"):
        return False
    member.answered_at = member.heard_at = here.now
    if not is_accepted:
        await hosting.unhost(session, here, coalition, member, "refused")
        return True
    coalition = await coalitions.locked(session, coalition.id)
    if sketch_key is not None:
        coalition.sketch_key_sealed = here.seal.close(sketches.read_key(sketch_key))
    if signed is not None:
        await hosting.hear(session, here, coalition, signed)
        await hosting.enter(session, here, coalition)
    return True


async def invited(session: AsyncSession, here: Here, campaign_uri: str, invite_uri: str) -> None:
    """An Invite has come: it waits for the admin. Who has asked already, has said yes.

    Where too many wait it is not heard.
    """
    uri = await roster.own_uri(session, here.urls)
    coalition = await coalitions.by_uri(session, campaign_uri)
    known = await members.of(session, coalition.id, uri) if coalition else None
    if known is None and not await members.has_room(session, "invited", vocabulary.host_of(campaign_uri)):
        return
    if known is not None and known.state == "accepted":
        return
    campaign = await foreign.by_actor(session, campaign_uri)
    if campaign is not None:
        coalition = await coalition_of(session, campaign)
    elif coalition is None:
        coalition = await coalitions.add(session, campaign_uri=campaign_uri)
    has_asked = known is not None and known.state == "requested"
    member = await members.put(
        session,
        coalition_id=coalition.id,
        actor_uri=uri,
        host=vocabulary.host_of(uri),
        state="invited",
        now=here.now,
        request_uri=invite_uri,
    )
    member.answered_at = None
    if has_asked:
        await _answer_invitation(session, here, coalition, member, is_accepted=True)


async def removed(session: AsyncSession, here: Here, campaign_uri: str) -> None:
    """The origin has taken us off its roster."""
    coalition = await coalitions.by_uri(session, campaign_uri)
    uri = await roster.own_uri(session, here.urls)
    member = await members.of(session, coalition.id, uri) if coalition else None
    if coalition is not None and member is not None and member.state in ("accepted", "requested", "invited"):
        await hosting.unhost(session, here, coalition, member, "removed")


async def _ask(session: AsyncSession, here: Here, coalition: Coalition, campaign: ForeignCampaign) -> Member:
    uri = await roster.own_uri(session, here.urls)
    _, organisation = await local_actors.organisation(session)
    known = await members.of(session, coalition.id, uri)
    document = activities.join(
        id=here.urls.new_activity(), actor=uri, object=coalition.campaign_uri, published=here.now
    )
    member = await members.put(
        session,
        coalition_id=coalition.id,
        actor_uri=uri,
        host=vocabulary.host_of(uri),
        # Who is on the roster and only lacks the key stays there.
        state="accepted" if known is not None and known.state == "accepted" else "requested",
        now=here.now,
        request_uri=document["id"],
    )
    member.answered_at = None
    await roster.say(
        session, here, organisation, document, [campaign.inbox], replaces=f"{coalition.campaign_uri}#join"
    )
    return member


async def _answer_invitation(
    session: AsyncSession, here: Here, coalition: Coalition, member: Member, *, is_accepted: bool
) -> None:
    campaign = await coalitions.theirs(session, coalition)
    if campaign is None:
        raise Impossible("The campaign of this invitation could not be read yet: try again in a moment")
    uri = await roster.own_uri(session, here.urls)
    _, organisation = await local_actors.organisation(session)
    request = {
        "id": member.request_uri,
        "type": "Invite",
        "actor": coalition.campaign_uri,
        "object": uri,
        "target": coalition.campaign_uri,
    }
    document = (activities.accept if is_accepted else activities.reject)(
        id=here.urls.new_activity(),
        actor=uri,
        object=request,
        published=here.now,
        to=[coalition.campaign_uri],
    )
    await roster.say(session, here, organisation, document, [campaign.inbox])
    if is_accepted:
        # Its answer brings the roster and the key of the sketches.
        await _ask(session, here, coalition, campaign)
    else:
        member.state, member.answered_at = "refused", here.now


async def answer_invitation(
    session: AsyncSession, here: Here, member_id: int, *, is_accepted: bool
) -> Member:
    """Joins where we were invited, or declines. Raises NotAsked, Impossible."""
    member = await members.by_id(session, member_id)
    coalition = await coalitions.by_id(session, member.coalition_id) if member else None
    if member is None or coalition is None or coalition.campaign_id is not None or member.state != "invited":
        raise NotAsked(f"Nobody waits for an answer under {member_id}: see `fedicause partner requests`")
    campaign = await foreign.by_actor(session, coalition.campaign_uri)
    if campaign is not None:
        coalition = await coalition_of(session, campaign)
    await _answer_invitation(session, here, coalition, member, is_accepted=is_accepted)
    return member

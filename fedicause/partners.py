"""The partners of our campaigns: who asks to join, is asked, let in, refused, or taken off the roster."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import coalition as activities
from federation import sketches, vocabulary
from federation.rosters import Roster
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.publish import Impossible
from storage import blocks, campaigns, coalitions, members
from storage.coalition_models import Coalition, Member
from storage.models import Campaign


class NotAsked(Impossible):
    """There is no such request, invitation or partner."""


class Applicant(Struct, frozen=True):
    """An organisation elsewhere, as its actor describes it."""

    uri: str
    name: str
    inbox: str

    @property
    def host(self) -> str:
        return vocabulary.host_of(self.uri)


async def found(session: AsyncSession, here: Here, campaign: Campaign) -> Coalition:
    """The coalition of a campaign of ours; at first of our organisation alone."""
    coalition = await coalitions.of_campaign(session, campaign.id)
    if coalition is None:
        # Another process may be founding it: whoever comes second finds what the first has written.
        await campaigns.by_slug(session, campaign.slug, lock=True)
        coalition = await coalitions.of_campaign(session, campaign.id)
    if coalition is None:
        coalition = await coalitions.add(
            session,
            campaign_uri=here.urls.actor(campaign.slug),
            campaign_id=campaign.id,
            sketch_key_sealed=here.seal.close(sketches.new_key()),
        )
    if not coalition.roster:
        await roster.sign(session, here, coalition)
    return coalition


async def asked(
    session: AsyncSession, here: Here, campaign: Campaign, applicant: Applicant, join_uri: str
) -> None:
    """A Join has come. It waits for the admin, unless it was answered before, or was asked for.

    Where too many wait it is not heard: who gets no answer asks again another day.
    """
    coalition = await coalitions.locked(session, (await found(session, here, campaign)).id)
    known = await members.of(session, coalition.id, applicant.uri)
    if known is None and not await members.has_room(session, "requested", applicant.host):
        return
    is_in = known is not None and known.state in ("accepted", "invited")
    is_refused = known is not None and known.state == "refused" and known.request_uri == join_uri
    member = await members.put(
        session,
        coalition_id=coalition.id,
        actor_uri=applicant.uri,
        host=applicant.host,
        state=known.state if known and (is_in or is_refused) else "requested",
        now=here.now,
        name=applicant.name,
        inbox=applicant.inbox,
        request_uri=join_uri,
    )
    member.heard_at = here.now
    is_over = campaign.state != "published" and member.state != "accepted"
    if is_over or is_refused:
        await _refuse(session, here, coalition, member)
    elif is_in:
        await _accept(session, here, coalition, member)


async def accept(session: AsyncSession, here: Here, member_id: int) -> Member:
    """Lets in who asked to join a campaign of ours. Raises NotAsked, Impossible."""
    member, coalition = await _asking(session, member_id)
    ours = await coalitions.ours(session, coalition)
    if ours is not None:
        _expect_open(ours[0])
    await expect_unblocked(session, member.actor_uri)
    await _accept(session, here, coalition, member)
    return member


async def refuse(session: AsyncSession, here: Here, member_id: int) -> Member:
    """Refuses who asked to join a campaign of ours. Raises NotAsked."""
    member, coalition = await _asking(session, member_id)
    await _refuse(session, here, coalition, member)
    return member


async def invite(session: AsyncSession, here: Here, campaign: Campaign, applicant: Applicant) -> Member:
    """Asks an organisation to join a campaign of ours; who has asked already is let in. Raises Impossible."""
    _expect_open(campaign)
    await expect_unblocked(session, applicant.uri)
    coalition = await coalitions.locked(session, (await found(session, here, campaign)).id)
    known = await members.of(session, coalition.id, applicant.uri)
    if known is not None and known.state == "accepted":
        raise Impossible(f"{known.name or known.host} is a partner already")
    if known is not None and known.state == "requested":
        await _accept(session, here, coalition, known)
        return known
    document = activities.invite(
        id=here.urls.new_activity(),
        actor=coalition.campaign_uri,
        object=applicant.uri,
        target=coalition.campaign_uri,
        published=here.now,
    )
    member = await members.put(
        session,
        coalition_id=coalition.id,
        actor_uri=applicant.uri,
        host=applicant.host,
        state="invited",
        now=here.now,
        name=applicant.name,
        inbox=applicant.inbox,
        request_uri=document["id"],
    )
    member.answered_at = None
    await roster.say(session, here, await roster.speaker(session, coalition), document, [applicant.inbox])
    return member


async def remove(session: AsyncSession, here: Here, member_id: int) -> Member:
    """Takes a partner off the roster of a campaign of ours: its tally counts no more. Raises NotAsked."""
    member = await members.by_id(session, member_id)
    coalition = await coalitions.by_id(session, member.coalition_id) if member else None
    if member is None or coalition is None or coalition.campaign_id is None or member.state != "accepted":
        raise NotAsked(f"There is no partner of number {member_id}: see `fedicause partner list`")
    coalition = await coalitions.locked(session, coalition.id)
    member.state = "removed"
    signed = await roster.sign(session, here, coalition)
    document = activities.remove(
        id=here.urls.new_activity(),
        actor=coalition.campaign_uri,
        object=member.actor_uri,
        target=signed.id,
        published=here.now,
    )
    actor = await roster.speaker(session, coalition)
    await roster.say(session, here, actor, document, [member.inbox])
    await roster.tell(session, here, coalition, signed)
    return member


async def left(session: AsyncSession, here: Here, campaign: Campaign, partner_uri: str) -> None:
    """A Leave has come."""
    coalition = await coalitions.of_campaign(session, campaign.id)
    member = await members.of(session, coalition.id, partner_uri) if coalition else None
    if coalition is None or member is None:
        return
    coalition = await coalitions.locked(session, coalition.id)
    was_in = member.state == "accepted"
    member.state, member.answered_at = "left", here.now
    if was_in:
        await roster.tell(session, here, coalition, await roster.sign(session, here, coalition))


async def invitation_answered(
    session: AsyncSession, here: Here, partner_uri: str, invite_uri: str, *, is_accepted: bool
) -> bool:
    """An Accept or Reject of our Invite has come; whether there was such."""
    member = await members.by_request(session, invite_uri)
    if member is None or member.actor_uri != partner_uri or member.state != "invited":
        return False
    coalition = await coalitions.locked(session, member.coalition_id)
    if coalition.campaign_id is None:
        return False
    member.heard_at = member.answered_at = here.now
    if is_accepted:
        await _let_in(session, coalition, member, here.now)
        await roster.tell(session, here, coalition, await roster.sign(session, here, coalition))
    else:
        member.state = "refused"
    return True


async def restore_roster(session: AsyncSession, here: Here, coalition: Coalition, newer: Roster) -> None:
    """Takes up a roster that only others still know (a backup was restored), and signs a newer one."""
    coalition = await coalitions.locked(session, coalition.id)
    known = roster.current(coalition)
    if newer.version < known.version or (
        newer.version == known.version and newer.proof_value == known.proof_value
    ):
        return
    own = await roster.own_uri(session, here.urls)
    coalition.roster_version = newer.version
    for uri in newer.members:
        if uri != own:
            member = await members.put(
                session,
                coalition_id=coalition.id,
                actor_uri=uri,
                host=vocabulary.host_of(uri),
                state="accepted",
                now=here.now,
            )
            member.place = member.place or await members.last_place(session, coalition.id) + 1
    for member in await members.accepted(session, coalition.id):
        if member.actor_uri not in newer.members:
            member.state = "left"
    await session.flush()
    await roster.tell(session, here, coalition, await roster.sign(session, here, coalition))


async def _accept(session: AsyncSession, here: Here, coalition: Coalition, member: Member) -> None:
    """Puts who asked on the roster, and answers with that and the key of the sketches."""
    is_new = member.state != "accepted"
    if is_new:
        await _let_in(session, coalition, member, here.now)
        signed = await roster.sign(session, here, coalition)
    else:
        signed = roster.current(coalition)
    key = sketches.key_text(here.seal.open(coalition.sketch_key_sealed or b""))
    document = activities.accept(
        id=here.urls.new_activity(),
        actor=coalition.campaign_uri,
        object=_join_of(member, coalition),
        published=here.now,
        to=[member.actor_uri],
        result=signed.document,
        sketch_key=key,
    )
    await roster.say(session, here, await roster.speaker(session, coalition), document, [member.inbox])
    if is_new:
        await roster.tell(session, here, coalition, signed, but=member.actor_uri)


async def _let_in(session: AsyncSession, coalition: Coalition, member: Member, now: datetime) -> None:
    member.state, member.answered_at = "accepted", now
    member.place = await members.last_place(session, coalition.id) + 1
    await session.flush()


async def _refuse(session: AsyncSession, here: Here, coalition: Coalition, member: Member) -> None:
    member.state, member.answered_at = "refused", here.now
    document = activities.reject(
        id=here.urls.new_activity(),
        actor=coalition.campaign_uri,
        object=_join_of(member, coalition),
        published=here.now,
        to=[member.actor_uri],
    )
    await roster.say(session, here, await roster.speaker(session, coalition), document, [member.inbox])


async def expect_unblocked(session: AsyncSession, uri: str) -> None:
    """Raises Impossible for an organisation that is blocked: what it answers would not be heard."""
    host = vocabulary.host_of(uri)
    if blocks.covers(await blocks.targets(session), uri, host):
        raise Impossible(f"{host} is blocked here: listen to it again with `fedicause moderate unblock`")


def _expect_open(campaign: Campaign) -> None:
    """Raises Impossible for a campaign that nobody can join."""
    if campaign.state != "published":
        what = "a draft: publish it first" if campaign.state == "draft" else "closed: nobody can join it"
        raise Impossible(f"`{campaign.slug}` is {what}")


def _join_of(member: Member, coalition: Coalition) -> dict[str, Any]:
    return {
        "id": member.request_uri,
        "type": "Join",
        "actor": member.actor_uri,
        "object": coalition.campaign_uri,
    }


async def _asking(session: AsyncSession, member_id: int) -> tuple[Member, Coalition]:
    member = await members.by_id(session, member_id)
    coalition = await coalitions.by_id(session, member.coalition_id) if member else None
    if member is None or coalition is None or coalition.campaign_id is None or member.state != "requested":
        raise NotAsked(f"Nobody waits for an answer under {member_id}: see `fedicause partner requests`")
    return member, await coalitions.locked(session, coalition.id)

"""Writes what other organisations ask and tell ours: requests, answers, rosters, tallies, campaigns."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from federation.rosters import Roster
from federation.sketches import Sketch
from federation.tallies import Tally
from federation.vocabulary import Malformed
from fedicause import partners, tally
from fedicause.coalition import estimate, follow, hosting, joining, roster
from fedicause.fediverse.weigh import Arrival
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.partners import Applicant
from storage import actors, campaigns, coalitions, sightings


async def record(session: AsyncSession, instance: Instance, arrival: Arrival, now: datetime) -> None:
    """Writes what an arrival says to coalitions, of what `notice` does not write by itself."""
    here = Here(instance.urls, instance.seal, now)
    activity, sender = arrival.activity, arrival.sender
    match arrival.attested:
        case Tally() as told:
            await _tally(session, instance, here, told)
            return
        case Sketch() as sketch:
            await estimate.hear(session, sketch, now)
            return
        case Roster() as signed if activity.type != "Accept":
            coalition = await coalitions.by_uri(session, signed.campaign)
            if coalition is not None:
                await hosting.hear(session, here, coalition, signed)
            return
    match activity.type:
        case "Join" | "Leave":
            await _ask(session, here, arrival)
        case "Accept" | "Reject":
            await _answer(session, here, arrival)
        case "Invite" if activity.object_id == await roster.own_uri(session, here.urls):
            if sender.type == "Group" and activity.target_id in (None, sender.uri) and activity.id:
                await joining.invited(session, here, sender.uri, activity.id)
                await sightings.add(session, [sender.uri], now)
        case "Remove" if activity.object_id == await roster.own_uri(session, here.urls):
            await joining.removed(session, here, sender.uri)


async def _tally(session: AsyncSession, instance: Instance, here: Here, told: Tally) -> None:
    coalition = await coalitions.by_uri(session, told.campaign)
    if coalition is None:
        return
    heard = await tally.hear(
        session,
        coalition,
        [told],
        own_uri=await roster.own_uri(session, here.urls),
        jump=instance.settings.jump,
        now=here.now,
    )
    if heard.overtaken is not None:
        await tally.issue(session, here, coalition.id, above=heard.overtaken)


async def _ask(session: AsyncSession, here: Here, arrival: Arrival) -> None:
    """A Join or Leave of an organisation; it may name the campaign or its call."""
    activity, sender = arrival.activity, arrival.sender
    named = activity.object_id or ""
    slug = here.urls.name_of_actor(named) or here.urls.slug_of_note(named)
    campaign = await campaigns.by_slug(session, slug) if slug else None
    if campaign is None or campaign.state not in campaigns.PUBLIC_STATES:
        return
    if activity.type == "Leave":
        await partners.left(session, here, campaign, sender.uri)
        return
    inbox = await actors.inbox(session, sender.id)
    if activity.id is not None and inbox is not None:
        name = await actors.name(session, sender.id)
        await partners.asked(session, here, campaign, Applicant(sender.uri, name, inbox), activity.id)


async def _answer(session: AsyncSession, here: Here, arrival: Arrival) -> None:
    """An Accept or Reject: of our Follow, of our Join, or of our Invite."""
    activity, sender = arrival.activity, arrival.sender
    request, is_accepted = activity.object_id, activity.type == "Accept"
    if request is None:
        return
    if await follow.answered(
        session, sender=sender.uri, follow_uri=request, is_accepted=is_accepted, now=here.now
    ):
        return
    key = activity.document.get("fc:sketchKey")
    signed = arrival.attested if isinstance(arrival.attested, Roster) else None
    try:
        was_join = await joining.answered(
            session,
            here,
            sender.uri,
            request,
            is_accepted=is_accepted,
            signed=signed,
            sketch_key=key if isinstance(key, str) else None,
        )
    except Malformed:
        # A key that is none is asked for again; the rest of the answer holds.
        was_join = await joining.answered(
            session, here, sender.uri, request, is_accepted=is_accepted, signed=signed
        )
    if not was_join:
        await partners.invitation_answered(session, here, sender.uri, request, is_accepted=is_accepted)

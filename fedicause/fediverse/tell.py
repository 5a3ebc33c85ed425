"""How the fediverse learns of a campaign's call, news, changes and end."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import documents, outgoing
from fedicause import announce
from fedicause.fediverse import describe
from fedicause.urls import Urls
from storage import campaigns, coalitions, deliveries, local_actors, members, retractions, updates
from storage.models import Campaign, LocalActor


async def first(
    session: AsyncSession, urls: Urls, campaign: Campaign, note: dict[str, Any], now: datetime
) -> None:
    """The campaign's actor says a new Note to its followers, and the organisation shares it with its own."""
    actor = await actor_of(session, campaign)
    _, organisation = await local_actors.organisation(session)
    uri = urls.actor(organisation.name, organisation.kind)
    create = outgoing.create(id=urls.new_activity(), actor=note["attributedTo"], object=note, published=now)
    share = outgoing.announce(
        id=urls.new_activity(),
        actor=uri,
        object=note["id"],
        published=now,
        cc=[f"{uri}/followers", note["attributedTo"]],
    )
    for speaker, document in ((actor, create), (organisation, share)):
        await announce.say(
            session,
            urls=urls,
            actor=speaker,
            document=document,
            listed=True,
            inboxes=await announce.subscribers(session, speaker),
            now=now,
        )


async def changed(
    session: AsyncSession, urls: Urls, campaign: Campaign, before: dict[str, Any] | None, now: datetime
) -> None:
    """The call as it is now, and the actor too if it is not as `before`, go to whoever may have them.

    Without `before` the actor goes in any case.
    """
    if campaign.state == "draft":
        return
    actor = await actor_of(session, campaign)
    inboxes = await whoever_has_it(session, campaign)
    after = await describe.actor(session, urls, actor)
    for document in [await describe.note(session, urls, campaign)] + ([after] if after != before else []):
        said = outgoing.update(
            id=urls.new_activity(),
            actor=after["id"],
            object=document,
            published=now,
            cc=[after["followers"]],
        )
        await announce.say(
            session,
            urls=urls,
            actor=actor,
            document=said,
            listed=False,
            inboxes=inboxes,
            now=now,
            replaces=document["id"],
        )


async def deleted(
    session: AsyncSession, urls: Urls, campaign: Campaign, actor: LocalActor, now: datetime
) -> None:
    """Call, news and actor are deleted wherever they went; what was not sent yet stays here."""
    news = await updates.of_campaign(session, campaign.id)
    notes = [urls.note(campaign.slug), *(urls.update(campaign.slug, each.number) for each in news)]
    inboxes = await whoever_has_it(session, campaign)
    _, organisation = await local_actors.organisation(session)
    said = await retractions.about(session, actor_id=actor.id, sharer_id=organisation.id, notes=notes)
    await deliveries.forget(session, said)
    await retractions.unsay(session, said)
    uri = urls.actor(actor.name)
    gone: list[str | dict[str, Any]] = [documents.tombstone(id=note, deleted=now) for note in notes]
    for each in (*gone, uri):
        document = outgoing.delete(
            id=urls.new_activity(), actor=uri, object=each, published=now, cc=[f"{uri}/followers"]
        )
        await announce.say(
            session, urls=urls, actor=actor, document=document, listed=False, inboxes=inboxes, now=now
        )


async def whoever_has_it(session: AsyncSession, campaign: Campaign) -> set[str]:
    """The inboxes of whoever follows the campaign or the organisation, hosts it, or ever dealt with it."""
    _, organisation = await local_actors.organisation(session)
    actor = await actor_of(session, campaign)
    inboxes = set(await announce.subscribers(session, organisation))
    inboxes |= set(await announce.subscribers(session, actor))
    inboxes |= set(await campaigns.reached_inboxes(session, campaign=campaign))
    coalition = await coalitions.of_campaign(session, campaign.id)
    if coalition is not None:
        # A partner hosts the campaign whether or not it follows it.
        partners = await members.accepted(session, coalition.id)
        inboxes |= {partner.inbox for partner in partners if partner.inbox}
    return inboxes


async def actor_of(session: AsyncSession, campaign: Campaign) -> LocalActor:
    """The actor of a campaign; raises LookupError for what can't be: a campaign without one."""
    actor = await local_actors.by_id(session, campaign.actor_id)
    if actor is None:
        raise LookupError(f"the campaign {campaign.slug} has no actor")
    return actor

"""Organisations and campaigns of other instances that ours follows, to see them in its directory."""

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from federation import discovery, outgoing, vocabulary
from federation.answers import Budget, Missing, Refused, RemoteError, Unusable
from federation.vocabulary import Malformed
from fedicause import announce
from fedicause.coalition import visit
from fedicause.fediverse import recognise
from fedicause.instance import Instance
from fedicause.publish import Impossible
from fedicause.urls import Urls
from storage import actors, deliveries, followings, foreign, local_actors
from storage.actors import Description
from storage.coalition_models import Following
from storage.followings import Followed

FETCHES: Final = 12
FOLLOWED: Final = frozenset({"Group", "Organization"})


class NotFollowed(Impossible):
    """Whoever is to be left was not followed; the text is for a person."""


async def find(instance: Instance, text: str) -> Description:
    """The organisation or campaign (Organization or Group) that a handle or an address stands for.

    The address may be the actor's, a campaign's page, or that of an organisation's whole site. The network
    only. Raises Malformed, its text for a person, and RemoteError.
    """
    text, budget = text.strip(), Budget(FETCHES)
    described = await _at(instance, text, budget)
    if described.type == "Application":
        described = await _described(instance, await _organisation_of(instance, described, budget), budget)
    if described.type not in FOLLOWED:
        raise Malformed(f"{text} is neither an organisation nor a campaign")
    if described.host == instance.settings.host:
        raise Malformed(f"{text} is on this server")
    return described


async def address_of(instance: Instance, text: str) -> str:
    """An address as it is; of a handle, whose actor it stands for. Raises Malformed, RemoteError."""
    text = text.strip()
    if _is_address(text):
        return text
    return await discovery.find_actor(instance.remote, text, budget=Budget(FETCHES))


async def follow(session: AsyncSession, *, urls: Urls, described: Description, now: datetime) -> Following:
    """Our organisation asks to follow somebody, or asks again; what they share is looked at from now on."""
    known = (await actors.remember(session, [described], now))[described.uri]
    await deliveries.revive(session, [described.inbox])
    _, organisation = await local_actors.organisation(session)
    document = outgoing.follow(
        id=urls.new_activity(),
        actor=urls.actor(organisation.name, organisation.kind),
        object=described.uri,
        published=now,
    )
    await announce.say(
        session,
        urls=urls,
        actor=organisation,
        document=document,
        listed=False,
        inboxes=[described.inbox],
        now=now,
    )
    return await followings.ask(session, actor_id=known.id, activity_uri=document["id"], now=now)


async def unfollow(session: AsyncSession, *, urls: Urls, actor_uri: str, now: datetime) -> list[str]:
    """Follows somebody no longer. Their campaigns leave the directory, but for those of our coalitions.

    Returns the names of pictures to be removed once this is committed. Raises NotFollowed.
    """
    found = await followings.of(session, actor_uri)
    if found is None:
        raise NotFollowed(f"{actor_uri} is not followed")
    following, actor = found
    _, organisation = await local_actors.organisation(session)
    uri = urls.actor(organisation.name, organisation.kind)
    asked = outgoing.follow(
        id=following.activity_uri, actor=uri, object=actor.uri, published=following.asked_at
    )
    await announce.say(
        session,
        urls=urls,
        actor=organisation,
        document=outgoing.undo(id=urls.new_activity(), actor=uri, object=asked, published=now),
        listed=False,
        inboxes=[actor.inbox],
        now=now,
    )
    await followings.remove(session, following.actor_id)
    return await foreign.forget_unwanted(session)


async def followed(session: AsyncSession, text: str) -> Followed:
    """Whom a handle or an address stands for, of those who are followed; raises NotFollowed."""
    text = text.strip().rstrip("/")
    for each in await followings.listed(session):
        names = {each.uri, (each.url or each.uri).rstrip("/"), each.shown, each.shown[1:]}
        if text.casefold() in {name.casefold() for name in names}:
            return each
    campaign = await foreign.by_note(session, text)
    if campaign is not None and campaign.actor_uri != text:
        return await followed(session, campaign.actor_uri)
    raise NotFollowed(f"{text} is not followed")


async def answered(
    session: AsyncSession, *, sender: str, follow_uri: str, is_accepted: bool, now: datetime
) -> bool:
    """Somebody accepts our Follow of this id, or rejects it, later too; whether there was such."""
    state = "accepted" if is_accepted else "refused"
    return await followings.answer(session, actor_uri=sender, activity_uri=follow_uri, state=state, now=now)


async def _at(instance: Instance, text: str, budget: Budget) -> Description:
    if _is_address(text):
        try:
            found = (await instance.remote.fetch(text, budget=budget)).data
        except (Missing, Refused, Unusable):
            found = None  # a page for people; WebFinger may know whose it is
        if found is not None:
            try:
                return recognise.describe(found)
            except Malformed:
                return await _described(instance, visit.author(found), budget)
    uri = await discovery.find_actor(instance.remote, text, budget=budget)
    return await _described(instance, uri, budget)


async def _described(instance: Instance, uri: str, budget: Budget) -> Description:
    described = recognise.describe((await instance.remote.fetch(uri, budget=budget)).data)
    if described.uri != uri:
        raise Unusable(f"{uri} has another id")
    return described


async def _organisation_of(instance: Instance, server: Description, budget: Budget) -> str:
    """Who runs a server of our kind, as its API says."""
    base = urlsplit(server.uri)
    try:
        told = await instance.remote.fetch_json(f"{base.scheme}://{base.netloc}/api/campaigns", budget=budget)
    except RemoteError as error:
        raise Malformed(f"{server.host} does not say whose it is: write the organisation's handle") from error
    named = told.data.get("organisation")
    uri = named.get("actor") if isinstance(named, dict) else None
    if not isinstance(uri, str) or not vocabulary.same_host(uri, server.uri):
        raise Malformed(f"{server.host} does not say whose it is: write the organisation's handle")
    return uri


def _is_address(text: str) -> bool:
    return text.lower().startswith(("https://", "http://"))

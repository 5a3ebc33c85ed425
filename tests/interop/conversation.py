"""All that instances really say to each other in the life of a coalition, as it arrives."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import partners, sign
from fedicause.coalition import follow, joining, mirror
from fedicause.coalition.compare import Comparer
from fedicause.here import Here
from storage import campaigns, coalitions, members
from storage.coalition_models import Coalition, ForeignCampaign, Member
from storage.models import Campaign
from tests import coalitions as cast
from tests.coalitions import Home


async def hold(org: Home, ally: Home, river: Home) -> list[dict[str, Any]]:
    """`org` runs the campaign, `ally` asks to join, `river` is asked: all activities that any received."""
    here = Here.at(org.instance)
    described = await follow.find(ally.instance, org.actor)
    await cast.follow(ally, described)
    await cast.settle(org, ally)
    await at_origin(
        org, ally, lambda session, campaign: joining.join(session, Here.at(ally.instance), campaign)
    )
    await org.change(lambda session: answer(session, org, ally.actor, partners.refuse))
    await cast.settle(org, ally)
    await at_origin(
        org, ally, lambda session, campaign: joining.join(session, Here.at(ally.instance), campaign)
    )
    await org.change(lambda session: answer(session, org, ally.actor, partners.accept))
    await cast.settle(org, ally)
    for is_accepted in (False, True):
        await invite(org, river)
        await river.look_around()
        await river.change(
            lambda session, said=is_accepted: answer_invitation(session, river, org, is_accepted=said)  # type: ignore[misc]
        )
        await cast.settle(org, river)
    await sign_at(ally, org)
    for home in (ally, org):
        await Comparer(home.instance, home.receiver.key_for).tell()
        await cast.settle(org, ally, river)
    await org.change(lambda session: answer(session, org, ally.actor, partners.remove))
    await at_origin(
        org, river, lambda session, campaign: joining.leave(session, Here.at(river.instance), campaign)
    )
    await ally.change(
        lambda session: follow.unfollow(session, urls=ally.urls, actor_uri=org.actor, now=here.now)
    )
    await cast.settle(org, ally, river)
    return [
        json.loads(each.body) for home in (org, ally, river) for each in home.asked if each.method == "POST"
    ]


async def look(home: Home, origin: Home) -> None:
    """This organisation reads the campaign where it is."""
    copy = await mirror.look(home.instance, origin.urls.note("forest"))
    await home.change(lambda session: mirror.store(session, home.instance, copy, home.instance.now()))


async def at_origin(
    origin: Home, home: Home, ask: Callable[[AsyncSession, ForeignCampaign], Awaitable[Any]]
) -> None:
    await look(home, origin)

    async def work(session: AsyncSession) -> None:
        await ask(session, await joining.campaign_at(session, "forest", origin.host))

    await home.change(work)
    await cast.settle(origin, home)


async def answer(
    session: AsyncSession,
    origin: Home,
    uri: str,
    verb: Callable[[AsyncSession, Here, int], Awaitable[Member]],
) -> None:
    member = await member_of(session, origin, uri)
    await verb(session, Here.at(origin.instance), member.id)


async def answer_invitation(session: AsyncSession, home: Home, origin: Home, *, is_accepted: bool) -> None:
    member = await member_of(session, origin, home.actor)
    await joining.answer_invitation(session, Here.at(home.instance), member.id, is_accepted=is_accepted)


async def member_of(session: AsyncSession, origin: Home, uri: str) -> Member:
    member = await members.of(session, (await coalition_of(session, origin)).id, uri)
    assert member is not None
    return member


async def coalition_of(session: AsyncSession, origin: Home) -> Coalition:
    coalition = await coalitions.by_uri(session, origin.urls.actor("forest"))
    assert coalition is not None
    return coalition


async def invite(origin: Home, guest: Home) -> None:
    described = await follow.find(origin.instance, guest.actor)

    async def work(session: AsyncSession) -> None:
        campaign: Campaign | None = await campaigns.by_slug(session, "forest")
        assert campaign is not None
        applicant = partners.Applicant(described.uri, described.name, described.inbox)
        await partners.invite(session, Here.at(origin.instance), campaign, applicant)

    await origin.change(work)
    await cast.settle(origin, guest)


async def sign_at(home: Home, origin: Home) -> None:
    async def work(session: AsyncSession) -> None:
        coalition = await coalition_of(session, origin)
        key = home.instance.seal.open(coalition.sketch_key_sealed or b"")
        given = {sketches.item(key, f"person{number}@people.example"): "IT" for number in range(30)}
        await sign.confirm(session, coalition.id, given, now=home.instance.now())

    await home.change(work)

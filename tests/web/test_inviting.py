"""Who else becomes a partner, and who does not: the invited, the blocked, the late, and strangers."""

import json
from datetime import timedelta
from typing import Any

import pytest

from federation import activities
from federation import coalition as outgoing
from fedicause import keyring, moderate, publish
from fedicause.publish import Impossible
from storage import local_actors
from tests import desk
from tests.coalitions import Home, Instances, settle
from tests.web import joint, writing
from tests.web.joint import (
    ask,
    compare,
    invite,
    join,
    leave,
    remove,
    repeat,
    roster,
    said_last,
    seen_by_both,
    sign_at,
    state,
)

DAY = timedelta(days=1)


async def test_an_invitation_waits_at_the_guest_and_is_accepted(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await invite(org, ally)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("invited", "invited")
        await ally.look_around()
        await joint.answer_invitation(ally, is_accepted=True)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        assert (await roster(ally, org)) == (await roster(org, org))
        await sign_at(ally, 3)
        await joint.talk(org, ally)
        assert await joint.seen(org, org) == {org.host: 0, ally.host: 3}
        with pytest.raises(Impossible, match="partner already"):
            await invite(org, ally)


async def test_an_invitation_is_declined_and_may_be_repeated(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await invite(org, ally)
        await settle(org, ally)
        await ally.look_around()
        await joint.answer_invitation(ally, is_accepted=False)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("refused", "refused")
        assert (await roster(org, org))["items"] == [org.actor]
        await invite(org, ally)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("invited", "invited")
        # Who asks to join is as good as who says yes.
        await join(ally, org, accept=False)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")


async def test_whoever_is_invited_while_asking_is_in(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        # The request arrived first:
        await join(ally, org, accept=False)
        await invite(org, ally)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        # Both set out at the same time:
        await ask(river, org)
        await invite(org, river)
        await settle(org, river, ally)
        assert await seen_by_both(org, river) == ("accepted", "accepted")
        assert (await joint.coalition(river)).sketch_key_sealed is not None
        assert (await roster(ally, org))["items"] == [org.actor, ally.actor, river.actor]


async def test_a_closed_campaign_is_joined_by_nobody(instances: Instances) -> None:
    async with instances(4) as (org, ally, river, air):
        await join(ally, org)
        await join(river, org, accept=False)
        await ask(air, org)
        await writing.end(org.instance, "forest")
        await settle(org, ally, air)
        assert await seen_by_both(org, air) == ("refused", "refused")
        with pytest.raises(Impossible, match="closed: nobody can join it"):
            await joint.answer(org, river, is_accepted=True)
        with pytest.raises(Impossible, match="closed: nobody can join it"):
            await invite(org, air)
        air.clock.advance(10)
        with pytest.raises(Impossible, match="is closed: nobody can join it"):
            await ask(air, org)
        # Who is in stays in, and is told so.
        await repeat(ally, org, await said_last(ally, "Join"))
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        assert ally.received()[-1] == "Accept"


async def test_a_draft_invites_nobody(instances: Instances) -> None:
    async with instances(2, campaign=False) as (org, ally):
        await writing.campaign(org.instance, "forest", public=False)
        with pytest.raises(Impossible, match="a draft: publish it first"):
            await invite(org, ally)


async def test_a_deleted_campaign_lets_nobody_in(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org)
        await org.change(
            lambda session: publish.delete(session, urls=org.urls, slug="forest", now=org.clock.now())
        )
        await settle(org, ally)
        assert await state(ally, ally) == "requested"
        await leave(ally, org)
        assert await state(ally, ally) == "left"


async def test_a_blocked_organisation_is_neither_asked_nor_heard(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await sign_at(ally, 4)
        await joint.talk(org, ally)

        async def block(home: Home, other: Home) -> None:
            await home.change(lambda session: moderate.block(session, other.host, "", now=home.clock.now()))
            home.clock.advance(6)

        await block(org, ally)
        await block(river, org)
        with pytest.raises(Impossible, match="is blocked here"):
            await ask(river, org)
        await sign_at(ally, 5)
        before = len(ally.asked)
        await joint.talk(ally, org)
        await compare(org)
        assert [each.method for each in ally.asked[before:]] == []
        # What it said before stays, until it is removed.
        assert await joint.seen(org, org) == {org.host: 0, ally.host: 4}
        await remove(org, ally)
        assert await joint.seen(org, org) == {org.host: 0}
        with pytest.raises(Impossible, match="is blocked here"):
            await invite(org, ally)


async def test_only_a_campaign_invites_and_only_its_own_answers_count(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org, accept=False)
        # River has no say in it.
        accept = outgoing.accept(
            id=river.urls.new_activity(),
            actor=river.actor,
            object={**(await said_last(ally, "Join"))},
            published=river.clock.now(),
            to=[ally.actor],
        )
        await tell_org(river, ally, accept)
        assert await seen_by_both(org, ally) == ("requested", "requested")
        removal = outgoing.remove(
            id=river.urls.new_activity(),
            actor=river.actor,
            object=ally.actor,
            target=f"{org.url}/campaigns/forest/partners",
            published=river.clock.now(),
        )
        await joint.answer(org, ally, is_accepted=True)
        await settle(org, ally)
        await tell_org(river, ally, removal)
        assert await state(ally, ally) == "accepted"
        # An organisation is no campaign.
        invitation = outgoing.invite(
            id=river.urls.new_activity(),
            actor=river.actor,
            object=ally.actor,
            target=river.actor,
            published=river.clock.now(),
        )
        await tell_org(river, ally, invitation)
        assert await desk.listed(ally, "partner", "requests") == []


async def tell_org(home: Home, other: Home, document: dict[str, Any]) -> None:
    assert activities.read(document)
    _, organisation = await home.look(local_actors.organisation)
    key = keyring.signing_key(organisation, home.instance.seal, home.urls)
    await home.instance.remote.deliver(f"{other.actor}/inbox", json.dumps(document).encode(), key)

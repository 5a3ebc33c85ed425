"""How organisations become partners of a campaign and cease to be: asked, invited, left, removed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from federation import activities, proofs
from federation import coalition as outgoing
from fedicause import keyring, moderate, partners, publish
from fedicause.publish import Impossible
from storage import local_actors
from storage.models import Activity, Delivery
from tests.coalitions import Home, Instances, Running, settle
from tests.web import joint, writing
from tests.web.joint import ask, compare, invite, join, leave, remove, roster, shared, sign_at, state

DAY = timedelta(days=1)


async def seen_by_both(origin: Home, partner: Home) -> tuple[str | None, str | None]:
    return await state(origin, partner), await state(partner, partner)


async def test_a_request_waits_for_the_admin_and_is_accepted(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org)
        assert await state(ally, ally) == "requested"
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("requested", "requested")
        assert await shared(ally) == []
        await joint.answer(org, ally, is_accepted=True)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        assert await shared(ally) == [org.urls.note("forest")]
        found = await joint.coalition(ally)
        kept = await joint.coalition(org)
        assert found.sketch_key_sealed is not None
        assert kept.sketch_key_sealed is not None
        key = ally.instance.seal.open(found.sketch_key_sealed)
        assert key == org.instance.seal.open(kept.sketch_key_sealed)
        assert found.roster == kept.roster


async def test_a_request_is_refused_and_may_be_made_again(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org, accept=False)
        await joint.answer(org, ally, is_accepted=False)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("refused", "refused")
        assert (await joint.coalition(ally)).sketch_key_sealed is None
        assert await shared(ally) == []
        await join(ally, org)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")


async def test_a_repeated_join_is_answered_again(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org, accept=False)
        first = await said_last(ally, "Join")
        await repeat(ally, org, first)
        assert await seen_by_both(org, ally) == ("requested", "requested")
        await joint.answer(org, ally, is_accepted=False)
        await settle(org, ally)
        # The same request is refused again; a new one is the admin's to decide.
        await repeat(ally, org, first)
        assert ally.received() == ["Reject", "Reject"]
        assert await state(org, ally) == "refused"
        await join(ally, org)
        version = (await roster(org, org))["fc:version"]
        for again in (await said_last(ally, "Join"), {**first, "id": ally.urls.new_activity()}):
            await repeat(ally, org, again)
            accepted = json.loads(ally.asked[-1].body)
            assert accepted["object"]["id"] == again["id"]
            assert accepted["result"] == await roster(org, org)
            assert len(accepted["fc:sketchKey"]) == 43
        assert await state(org, ally) == "accepted"
        assert (await roster(org, org))["fc:version"] == version


async def said_last(home: Home, kind: str) -> dict[str, Any]:
    """The last activity of this type that the organisation sent."""
    document = await home.look(
        lambda session: session.scalar(
            select(Activity.document).where(Activity.type == kind).order_by(Activity.id.desc()).limit(1)
        )
    )
    found: dict[str, Any] = json.loads(document or "")
    return found


async def repeat(home: Home, other: Home, document: dict[str, Any]) -> None:
    """Sends an activity that its queue does not have, and hears the answer."""
    _, organisation = await home.look(local_actors.organisation)
    key = keyring.signing_key(organisation, home.instance.seal, home.urls)
    inbox = f"{other.urls.actor('forest')}/inbox"
    answer = await home.instance.remote.deliver(inbox, json.dumps(document).encode(), key)
    assert answer.status == 202
    await settle(other, home)


async def test_who_hears_nothing_for_a_day_asks_again_and_says_so(instances: Instances) -> None:
    async with instances(2, clock=Running(datetime.now(UTC) - 3 * DAY)) as (org, ally):
        await ask(ally, org)
        await org.leave()
        first = await said_last(ally, "Join")
        await compare(ally)
        assert await said_last(ally, "Join") == first
        ally.clock.advance(DAY.total_seconds())
        await compare(ally)
        second = await said_last(ally, "Join")
        assert second["id"] != first["id"]
        # Only one of them waits to be delivered.
        assert len(await ally.look(_waiting)) == 1
        await compare(ally)
        assert await said_last(ally, "Join") == second
        ally.clock.advance(DAY.total_seconds() - 600)
        await compare(ally)
        assert await said_last(ally, "Join") == second
        [row] = await joint.listed(ally, "partner", "list")
        assert (row["state"], row["waits_for"]) == ("no answer yet", "them")
        ally.clock.advance(DAY.total_seconds())
        await org.begin()
        await compare(ally)
        await settle(ally, org)
        [row] = await joint.listed(org, "partner", "requests")
        assert row["state"] == "requested"
        await joint.answer(org, ally, is_accepted=True)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        [asked] = [row for row in await joint.listed(ally, "partner", "list") if row["organisation"] == "you"]
        assert asked["state"] == "accepted"


async def _waiting(session: Any) -> list[Delivery]:
    return list(await session.scalars(select(Delivery).where(Delivery.ended_at.is_(None))))


async def test_who_leaves_is_on_the_roster_no_more(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 20)
        await joint.talk(org, ally, river)
        assert (await joint.support(river, org))["total"] == 20
        await leave(ally, org)
        assert await state(ally, ally) == "left"
        await settle(org, ally, river)
        assert await state(org, ally) == "left"
        assert await state(river, ally) == "left"
        assert (await roster(river, org))["items"] == [org.actor, river.actor]
        assert await shared(ally) == []
        for home in (org, river):
            assert await joint.seen(home, org) == {org.host: 0, river.host: 0}
        # Who comes back brings along what was collected, and shares the call again.
        await join(ally, org)
        await joint.talk(org, ally, river)
        assert await joint.seen(river, org) == {org.host: 0, river.host: 0, ally.host: 20}
        assert await shared(ally) == [org.urls.note("forest")]


async def test_a_request_can_be_taken_back(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org, accept=False)
        await leave(ally, org)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("left", "left")
        with pytest.raises(partners.NotAsked):
            await joint.answer(org, ally, is_accepted=True)


async def test_who_is_removed_hears_it_and_counts_no_more(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 20)
        await joint.talk(org, ally, river)
        await remove(org, ally)
        await settle(org, ally, river)
        assert await seen_by_both(org, ally) == ("removed", "removed")
        assert ally.received()[-1] == "Remove"
        assert await shared(ally) == []
        assert (await roster(river, org))["items"] == [org.actor, river.actor]
        for home in (org, river):
            assert await joint.seen(home, org) == {org.host: 0, river.host: 0}
        await sign_at(ally, 5)
        await joint.talk(org, ally, river)
        assert (await joint.support(river, org))["total"] == 0
        with pytest.raises(partners.NotAsked, match="no partner of number"):
            await remove(org, ally)


async def test_the_undo_takes_back_the_same_announce(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        [announced] = [each for each in org.asked if each.method == "POST" and each.type == "Announce"]
        said = json.loads(announced.body)
        assert (said["actor"], said["object"]) == (ally.actor, org.urls.note("forest"))
        assert (await org.get("/campaigns/forest/shares"))["totalItems"] == 1
        # The key of the sketches was lost here: who asks for it again has not shared anything anew.
        await ally.change(lose_key)
        await ask(ally, org)
        await settle(org, ally)
        assert (await joint.coalition(ally)).sketch_key_sealed is not None
        await leave(ally, org)
        await settle(org, ally)
        [undone] = joint.embedded(org, "Undo")
        assert (undone["id"], undone["object"]) == (said["id"], said["object"])
        org.clock.advance(10)
        assert (await org.get("/campaigns/forest/shares"))["totalItems"] == 0


async def lose_key(session: Any) -> None:
    (await joint.coalition_at(session)).sketch_key_sealed = None


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


async def test_the_roster_is_signed_and_counts_its_changes(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        versions = []

        async def note() -> None:
            signed = await roster(org, org)
            assert await proofs.verify(signed, org.receiver.key_for, now=org.clock.now()) == org.urls.actor(
                "forest"
            )
            assert signed["attributedTo"] == org.urls.actor("forest")
            assert signed["items"][0] == org.actor
            assert signed["totalItems"] == len(signed["items"])
            versions.append((signed["fc:version"], len(signed["items"])))

        await org.comparer.tell()
        await note()
        await join(ally, org)
        await note()
        await join(river, org)
        await note()
        await joint.talk(org, ally, river)
        await note()
        await leave(ally, org)
        await settle(org, ally)
        await note()
        await remove(org, river)
        await settle(org, river)
        await note()
        assert versions == [(1, 1), (2, 2), (3, 3), (3, 3), (4, 2), (5, 1)]


async def test_whoever_has_forgotten_that_it_joined_asks_and_is_in(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await ally.change(forget(ally))
        await compare(ally)
        assert await state(ally, ally) is None
        await join(ally, org, accept=False)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")


def forget(home: Home) -> Any:
    async def work(session: Any) -> None:
        coalition = await joint.coalition_at(session)
        coalition.sketch_key_sealed = None
        await session.delete(await joint._member(session, home, home))

    return work


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
        assert await joint.listed(ally, "partner", "requests") == []


async def tell_org(home: Home, other: Home, document: dict[str, Any]) -> None:
    assert activities.read(document)
    _, organisation = await home.look(local_actors.organisation)
    key = keyring.signing_key(organisation, home.instance.seal, home.urls)
    await home.instance.remote.deliver(f"{other.actor}/inbox", json.dumps(document).encode(), key)


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

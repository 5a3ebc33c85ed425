"""How organisations become partners of a campaign and cease to be: asked, invited, left, removed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from federation import proofs
from fedicause import partners
from storage.models import Delivery
from tests import desk
from tests.coalitions import Home, Instances, Running, settle
from tests.web import joint
from tests.web.joint import (
    ask,
    compare,
    join,
    leave,
    remove,
    repeat,
    roster,
    said_last,
    seen_by_both,
    shared,
    sign_at,
    state,
)

DAY = timedelta(days=1)


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
        [row] = await desk.listed(ally, "partner", "list")
        assert (row["state"], row["waits_for"]) == ("no answer yet", "them")
        ally.clock.advance(DAY.total_seconds())
        await org.begin()
        await compare(ally)
        await settle(ally, org)
        [row] = await desk.listed(org, "partner", "requests")
        assert row["state"] == "requested"
        await joint.answer(org, ally, is_accepted=True)
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        [asked] = [row for row in await desk.listed(ally, "partner", "list") if row["organisation"] == "you"]
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
        await session.delete(await joint.row_of(session, home, home))

    return work

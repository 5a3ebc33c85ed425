"""What each organisation collected is told to all, and all of them show the same support."""

import json
from typing import Any

from federation import proofs
from fedicause import moderate
from storage import deliveries, signatures
from tests.coalitions import Home, Instances, heal, part, settle
from tests.web import joint
from tests.web.joint import (
    coalition_at,
    compare,
    join,
    seen,
    sign_at,
    support,
    talk,
    tallies,
    tell,
)

A_DAY = 86_400


async def test_a_partner_joins_and_both_count_alike(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(org, 12, "DE")
        await sign_at(ally, 30, "IT")
        await talk(org, ally)
        assert await seen(org, org) == await seen(ally, org) == {org.host: 12, ally.host: 30}
        both = [await support(home, org) for home in (org, ally)]
        assert [each["total"] for each in both] == [42, 42]
        assert [each["countries"] for each in both] == [{"IT": 30, "DE": 12}] * 2
        assert [each["people"]["low"] for each in both] == [30, 30]


async def test_the_first_tally_is_version_1_of_epoch_1(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await tell(org, ally)
        for author in (org, ally):
            told = (await tallies(org, org))[author.actor]
            assert (told["fc:epoch"], told["fc:version"]) == (1, 1)
            assert (told["fc:signatures"], told["fc:countries"]) == (0, {})
        await sign_at(ally, 3)
        await tell(ally)
        told = (await tallies(org, org))[ally.actor]
        assert (told["fc:epoch"], told["fc:version"]) == (1, 2)
        assert (told["fc:signatures"], told["fc:countries"]) == (3, {"ZZ": 3})


async def test_the_origin_passes_tallies_on_as_they_were_signed(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await talk(org, ally, river)
        asked = len(river.asked)
        await sign_at(ally, 5)
        await tell(ally, org)
        told = [each for each in joint.embedded(org, "Update") if each["type"] == "fc:Tally"][-1]
        announced = joint.embedded(river, "Announce")[-1]
        assert json.dumps(announced) == json.dumps(told)
        assert (await tallies(river, org))[ally.actor] == told
        assert (await tallies(ally, org))[ally.actor] == told
        assert await proofs.verify(told, river.receiver.key_for, now=river.clock.now()) == ally.actor
        # One message was enough: nobody was asked for anything.
        new = [(each.method, each.target) for each in river.asked[asked:] if each.method == "POST"]
        assert new == [("POST", f"{river.actor.removeprefix(river.url)}/inbox")]
        assert await seen(river, org) == {org.host: 0, river.host: 0, ally.host: 5}


async def test_a_tally_is_sent_at_most_once_in_a_while(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await talk(org, ally)
        before = org.received().count("Update")
        every = ally.instance.settings.tally_every.total_seconds()
        await sign_at(ally, 1)
        await tell(ally)
        assert org.received().count("Update") == before + 1
        for _ in range(3):
            await sign_at(ally, 1)
            await ally.comparer.tell()
            await settle(ally)
        ally.clock.advance(every)
        await ally.comparer.tell()
        await settle(ally)
        assert org.received().count("Update") == before + 2
        assert (await seen(org, org))[ally.host] == 4
        # Where nothing has changed, nothing is said.
        await talk(ally, org)
        assert org.received().count("Update") == before + 2


async def test_a_newer_tally_takes_the_place_of_one_that_still_waits(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await talk(org, ally)
        before = len(tallies_to(org))
        await org.leave()
        for _ in range(3):
            await sign_at(ally, 2)
            await tell(ally)
        assert await ally.look(deliveries.waiting) == 1
        await org.begin()
        ally.clock.advance(600)
        await settle(ally)
        assert [each["fc:signatures"] for each in tallies_to(org)[before:]] == [6]
        assert (await seen(org, org))[ally.host] == 6


def tallies_to(home: Home) -> list[dict[str, Any]]:
    """The tallies that were sent to the origin."""
    return [each for each in joint.embedded(home, "Update") if each["type"] == "fc:Tally"]


async def test_a_withdrawal_lowers_the_tally_with_a_higher_version(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        people = await sign_at(ally, 30, "IT")
        await talk(org, ally, river)
        before = (await tallies(river, org))[ally.actor]
        await joint.withdraw_at(ally, [*people[:4], people[0]])
        await talk(org, ally, river)
        after = (await tallies(river, org))[ally.actor]
        assert (after["fc:signatures"], after["fc:countries"]) == (26, {"IT": 26})
        assert after["fc:version"] > before["fc:version"]
        for home in (org, ally, river):
            assert (await support(home, org))["total"] == 26
            assert await joint.evidence(home, org) == []
        await joint.withdraw_at(ally, people)
        await talk(org, ally, river)
        assert (await support(river, org))["total"] == 0


async def test_a_country_of_few_is_nobodys_to_know(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        for country, number in (("IT", 10), ("FR", 9), ("DE", 6), ("ZZ", 2)):
            await sign_at(ally, number, country)
            await sign_at(org, number, country)
        await talk(org, ally)
        for author in (org, ally):
            told = (await tallies(org, org))[author.actor]
            assert (told["fc:signatures"], told["fc:countries"]) == (27, {"IT": 10, "ZZ": 17})
        # Its own page says no more than its tally does, nor do both together.
        for home in (org, ally):
            assert (await support(home, org))["countries"] == {"ZZ": 34, "IT": 20}


async def test_large_numbers_travel_whole(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        most = 2**53 - 1

        async def collect(session: Any) -> None:
            coalition = await coalition_at(session)
            moved = {"IT": most - 20, "DE": 20}
            await signatures.move(session, coalition.id, moved, serial=0, now=ally.clock.now())

        await ally.change(collect)
        await talk(org, ally)
        assert (await seen(org, org))[ally.host] == most
        assert (await support(org, org))["people"]["high"] == most


async def test_partners_hear_of_each_other_while_the_origin_is_down(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await talk(org, ally, river)
        await org.leave()
        await sign_at(ally, 5)
        await sign_at(river, 7)
        await tell(ally, river)
        assert (await seen(ally, org))[river.host] == 0
        await compare(ally, river)
        expected = {org.host: 0, ally.host: 5, river.host: 7}
        assert await seen(ally, org) == await seen(river, org) == expected
        await org.begin()
        await compare(org)
        assert await seen(org, org) == expected


async def test_who_can_not_hear_the_author_hears_of_it_from_anybody(instances: Instances) -> None:
    async with instances(4) as (org, ally, river, air):
        for home in (ally, river, air):
            await join(home, org)
        await talk(org, ally, river, air)
        # Only River can talk with Ally now, and Air only with River.
        part(ally, org)
        part(ally, air)
        part(air, org)
        await sign_at(ally, 9)
        await tell(ally, org)
        assert (await seen(org, org))[ally.host] == 0
        await compare(river)
        await compare(air, org)
        for home in (org, river, air):
            assert (await seen(home, org))[ally.host] == 9
        heal(org, ally, river, air)
        await talk(org, ally, river, air)
        assert await joint.evidence(org, org) == []


async def test_partners_who_know_the_same_ask_only_whether_they_do(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 5)
        await talk(org, ally)
        await compare(org, ally)
        target = f"/campaigns/forest@{org.host}/tallies"
        before = ally.fetches(target)
        ally.clock.advance(2)
        _, tag = await joint.status(ally, target)
        assert (await joint.status(org, "/campaigns/forest/tallies"))[1] == tag
        row = await joint.member(org, ally)
        ally.clock.advance(60)
        await compare(org)
        assert ally.fetches(target) == before + 2
        again = await joint.member(org, ally)
        assert row is not None
        assert again is not None
        assert row.heard_at is not None
        assert again.heard_at is not None
        assert again.heard_at > row.heard_at


async def test_what_a_blocked_partner_says_arrives_by_nobodys_hand_but_theirs(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await talk(org, ally, river)
        await org.change(lambda session: moderate.block(session, ally.host, "", now=org.clock.now()))
        org.clock.advance(10)
        await sign_at(ally, 5)
        await tell(ally)
        assert (await seen(org, org))[ally.host] == 0
        before = len(ally.asked)
        await org.comparer.round()
        assert len(ally.asked) == before
        # It is on the roster, so it counts for everybody: its own word, whoever passes it on.
        await compare(river)
        await compare(org)
        assert (await seen(org, org))[ally.host] == 5

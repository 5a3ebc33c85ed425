"""An instance that goes on from an old backup: it is believed again, and nobody calls it a liar."""

from tests.coalitions import Instances, settle
from tests.web import backups, joint
from tests.web.joint import compare, evidence, join, roster, seen, sign_at, state, talk, tallies, tell


async def test_a_partner_goes_on_from_an_old_backup_in_a_new_epoch(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 10)
        await talk(org, ally, river)
        backup = await backups.take(ally)
        for _ in range(3):
            await sign_at(ally, 5)
            await talk(org, ally, river)
        before = (await tallies(river, org))[ally.actor]
        assert (before["fc:epoch"], before["fc:signatures"]) == (1, 25)
        await backups.restore(ally, backup)
        await sign_at(ally, 2)
        await talk(ally, org, river)
        await compare(ally, org, river)
        after = (await tallies(river, org))[ally.actor]
        assert after["fc:epoch"] == 2
        # What was lost is lost: it counts what it has.
        for home in (org, ally, river):
            assert (await seen(home, org))[ally.host] == 12
            assert await evidence(home, org) == []
            assert (await joint.states(home, org))[ally.host] == "partner"


async def test_a_partner_from_a_backup_hears_of_it_though_nothing_is_new(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 10)
        await talk(org, ally)
        backup = await backups.take(ally)
        await sign_at(ally, 5)
        await talk(org, ally)
        await backups.restore(ally, backup)
        await ally.comparer.tell()
        await compare(ally, org)
        await settle(ally, org)
        assert (await tallies(org, org))[ally.actor]["fc:epoch"] == 2
        assert await seen(org, org) == await seen(ally, org) == {org.host: 0, ally.host: 10}
        assert await evidence(org, org) == await evidence(ally, org) == []


async def test_a_partner_that_can_ask_nobody_passes_over_what_they_may_know(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 10)
        await talk(org, ally, river)
        backup = await backups.take(ally)
        await sign_at(ally, 5)
        await talk(org, ally, river)
        await org.leave()
        await river.leave()
        await backups.restore(ally, backup)
        await sign_at(ally, 1)
        await tell(ally)
        await org.begin()
        await river.begin()
        await compare(org, river, ally)
        newest = (await tallies(river, org))[ally.actor]
        assert newest["fc:epoch"] > 2
        for home in (org, ally, river):
            assert (await seen(home, org))[ally.host] == 11
            assert await evidence(home, org) == []


async def test_an_origin_from_before_its_partners_takes_up_their_roster(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await sign_at(org, 10)
        await talk(org, ally)
        backup = await backups.take(org)
        await sign_at(org, 5)
        await join(river, org)
        await sign_at(river, 3)
        await talk(org, ally, river)
        before = await roster(ally, org)
        await backups.restore(org, backup)
        assert await state(org, river) is None
        await compare(org)
        await compare(ally, river, org)
        await talk(org, ally, river)
        after = await roster(org, org)
        assert after["items"] == before["items"] == [org.actor, ally.actor, river.actor]
        assert after["fc:version"] > before["fc:version"]
        assert await state(org, river) == "accepted"
        found = await joint.member(org, river)
        assert found is not None
        assert (found.name, found.inbox) == (river.name, f"{river.actor}/inbox")
        for home in (org, ally, river):
            assert await seen(home, org) == {org.host: 10, ally.host: 0, river.host: 3}
            assert await evidence(home, org) == []
            assert await roster(home, org) == after
        assert (await tallies(river, org))[org.actor]["fc:epoch"] == 2


async def test_an_origin_from_before_a_removal_does_not_take_the_partner_back(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(river, 3)
        await talk(org, ally, river)
        backup = await backups.take(org)
        await joint.remove(org, river)
        await settle(org, ally, river)
        await backups.restore(org, backup)
        await compare(org)
        await compare(ally, org)
        assert (await roster(org, org))["items"] == [org.actor, ally.actor]
        for home in (org, ally):
            assert await seen(home, org) == {org.host: 0, ally.host: 0}
            assert await evidence(home, org) == []


async def test_a_restart_without_a_loss_says_nothing_anew(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 10)
        await talk(org, ally)
        before = await tallies(org, org)
        for home in (org, ally):
            await backups.restore(home, await backups.take(home))
        await talk(org, ally)
        await compare(org, ally)
        assert await tallies(org, org) == before
        await sign_at(ally, 1)
        await talk(ally, org)
        newest = (await tallies(org, org))[ally.actor]
        assert newest["fc:epoch"] == 1
        assert newest["fc:version"] == before[ally.actor]["fc:version"] + 1


async def test_a_partner_from_before_it_joined_asks_again_and_is_in(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        backup = await backups.take(ally)
        await join(ally, org)
        await sign_at(ally, 10)
        await talk(org, ally)
        await backups.restore(ally, backup)
        await join(ally, org, accept=False)
        assert await state(ally, ally) == "accepted"
        await sign_at(ally, 1)
        await talk(ally, org)
        assert await seen(org, org) == await seen(ally, org) == {org.host: 0, ally.host: 1}
        assert await evidence(org, org) == []
        assert (await tallies(org, org))[ally.actor]["fc:epoch"] > 1

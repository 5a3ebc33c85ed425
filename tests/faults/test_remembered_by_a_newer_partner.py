"""A partner from an old backup, of whose last words only somebody has heard who joined since."""

from tests import coalitions
from tests.coalitions import Instances
from tests.web import backups
from tests.web.joint import compare, evidence, join, seen, sign_at, talk, tallies, tell


async def test_who_is_restored_from_before_another_joined_does_not_say_one_thing_twice(
    instances: Instances,
) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await sign_at(ally, 10)
        await talk(org, ally)
        backup = await backups.take(ally)
        await join(river, org)
        await talk(org, ally, river)
        coalitions.part(org, ally)
        await sign_at(ally, 5)
        await tell(ally)
        await compare(river)
        assert (await tallies(river, org))[ally.actor]["fc:signatures"] == 15
        coalitions.heal(org, ally)
        await backups.restore(ally, backup)
        await sign_at(ally, 1)
        await tell(ally)
        await compare(org, ally, river)
        for home in (org, ally, river):
            assert await evidence(home, org) == []
            assert (await seen(home, org))[ally.host] == 11

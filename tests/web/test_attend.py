"""The worker looks whether there is anything to do between partners, and founds what nobody has founded."""

from federation import keys
from federation.httpsig import Forged
from fedicause import tally
from fedicause.campaigning.launch import launch
from fedicause.coalition.attend import Attendant
from fedicause.here import Here
from fedicause.instance import Instance
from storage import campaigns, coalitions, tallies
from tests.clock import Clock
from tests.web import writing

OURS = "https://ours.test/actors/org"


async def nobody(key_id: str, *, fresh: bool) -> keys.Key:
    raise Forged(key_id)


async def roster_and_tally(instance: Instance, slug: str) -> tuple[int, int | None] | None:
    """How many are on the roster, and how many signatures our tally tells."""
    async with instance.database.reading() as session:
        campaign = await campaigns.by_slug(session, slug)
        assert campaign is not None
        coalition = await coalitions.of_campaign(session, campaign.id)
        if coalition is None:
            return None
        roster = tally.roster_of(coalition)
        assert roster is not None
        head = (await tallies.heads(session, coalition.id, [OURS])).get(OURS)
        return len(roster.members), None if head is None else head.signatures


async def test_a_coalition_is_founded_with_its_campaign_or_by_the_worker(
    instance: Instance, clock: Clock
) -> None:
    attendant = Attendant(instance, nobody)
    assert not await attendant.tell()
    await attendant.round()
    await writing.campaign(instance, "forest", public=False)
    assert not await attendant.tell()
    async with instance.database.writing() as session:
        await launch(session, Here.at(instance), "forest")
    assert await roster_and_tally(instance, "forest") == (1, 0)
    # There is nothing left to do, then and later.
    clock.advance(3600)
    assert not await attendant.tell()
    # An older version has published this one.
    await writing.campaign(instance, "river")
    assert await roster_and_tally(instance, "river") is None
    assert await attendant.tell()
    assert await roster_and_tally(instance, "river") == (1, 0)
    await attendant.round()
    assert not await attendant.tell()

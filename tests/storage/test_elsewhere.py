"""Counts from elsewhere: which of them hold, and what else is kept."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import elsewhere
from storage.coalition_models import ElsewhereCount
from storage.database import Database
from tests.clock import Clock
from tests.storage.test_campaigns import draft

NOW = Clock().now()


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    database = Database(database_url)
    async with database.writing() as opened:
        yield opened
    await database.close()


async def enter(
    session: AsyncSession,
    campaign_id: int,
    count: int,
    *,
    source: str = "Paper",
    country: str | None = None,
    days: int = 0,
) -> ElsewhereCount:
    """A count that is so many days old."""
    return await elsewhere.add(
        session,
        campaign_id=campaign_id,
        source=source,
        count=count,
        country=country,
        counted_at=NOW - timedelta(days=days),
        now=NOW,
    )


async def test_the_newest_count_of_a_source_and_country_holds(session: AsyncSession) -> None:
    campaign = await draft(session, "forest")
    await enter(session, campaign.id, 20, days=2)
    await enter(session, campaign.id, 30, days=1)
    # Entered late, and older: it changes nothing that is shown.
    await enter(session, campaign.id, 10, days=3)
    await enter(session, campaign.id, 5, country="IT", days=9)
    await enter(session, campaign.id, 7, source="Official", country="IT", days=9)
    found = await elsewhere.of_campaign(session, campaign.id)
    assert [(each.source, each.country, each.count) for each in found] == [
        ("Official", "IT", 7),
        ("Paper", None, 30),
        ("Paper", "IT", 5),
    ]
    assert [each.count for each in await elsewhere.every(session, campaign.id)] == [30, 20, 10, 7, 5]


async def test_of_two_counts_of_one_day_the_one_entered_last_holds(session: AsyncSession) -> None:
    campaign = await draft(session, "forest")
    await enter(session, campaign.id, 20)
    corrected = await enter(session, campaign.id, 12)
    assert await elsewhere.of_campaign(session, campaign.id) == [corrected]


async def test_the_count_before_a_removed_one_holds_again(session: AsyncSession) -> None:
    campaign = await draft(session, "forest")
    first = await enter(session, campaign.id, 20, days=2)
    wrong = await enter(session, campaign.id, 900, days=1)
    assert await elsewhere.remove(session, wrong.id)
    assert await elsewhere.of_campaign(session, campaign.id) == [first]
    assert not await elsewhere.remove(session, wrong.id)


async def test_counts_of_several_campaigns_are_kept_apart(session: AsyncSession) -> None:
    forest, river, bog = [(await draft(session, slug)).id for slug in ("forest", "river", "bog")]
    await enter(session, forest, 1)
    await enter(session, river, 2, days=1)
    found = await elsewhere.of_campaigns(session, [forest, river, bog])
    assert {key: [each.count for each in rows] for key, rows in found.items()} == {forest: [1], river: [2]}
    await elsewhere.forget(session, forest)
    assert set(await elsewhere.of_campaigns(session, [forest, river, bog])) == {river}
    assert await elsewhere.of_campaigns(session, []) == {}

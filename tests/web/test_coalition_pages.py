"""The pages of campaigns that several organisations collect for, through the front door."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.campaigning import elsewhere
from fedicause.instance import Instance
from storage.coalition_models import Coalition
from storage.models import Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import alliances, writing
from tests.web.test_pages import SOON, page


async def together(
    session: AsyncSession,
    campaign: Campaign,
    *,
    now: datetime,
    here: dict[str, int] | None = None,
    heard: timedelta = timedelta(0),
) -> Coalition:
    """Friends, Allies and River Watch collect for `forest`.

    `here` is what the Friends have by country, `heard` how long ago River Watch was heard of.
    """
    coalition = await alliances.coalition(session, "https://ours.test/actors/forest", campaign_id=campaign.id)
    await alliances.member(session, coalition, alliances.OURS, "Friends", now=now, place=0)
    await alliances.member(session, coalition, alliances.ALLY, "Alpine Allies", now=now, place=1)
    await alliances.member(session, coalition, alliances.RIVER, "River Watch", now=now, place=2, heard=heard)
    await alliances.collected_here(session, coalition, here or {"IT": 300, "DE": 12})
    await alliances.collected(session, coalition, alliances.ALLY, {"DE": 1000, "AT": 234}, now=now)
    await alliances.collected(session, coalition, alliances.RIVER, {"IT": 454}, now=now, age=heard)
    return coalition


def plain(html: str) -> str:
    """What the page says, in a line, without what only pictures say."""
    shown = re.sub(r"<svg.*?</svg>|<head.*?</head>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def row(html: str, name: str) -> str:
    """The line of the sum that this name is in."""
    body = html.partition('<table class="sum">')[2].partition("</table>")[0]
    return next(plain(each) for each in body.split("<tr") if name in each)


async def test_a_page_shows_what_each_organisation_collected_and_that_it_adds_up(
    client: Client, instance: Instance, fediverse: Fediverse, campaign: Campaign
) -> None:
    bob = await (await fediverse.server()).person("bob")
    await bob.like("https://ours.test/campaigns/forest")
    async with instance.database.writing() as session:
        await together(session, campaign, now=instance.now())
    html = await page(client, "/campaigns/forest")
    assert "3 organisations, one total" in html
    assert "together with" in plain(html)
    assert "Alpine Allies, River Watch" in html
    assert row(html, "Endorsements").endswith("counted by Friends of the Old Forest 1")
    assert "this site · began this campaign" in row(html, "Friends of the Old Forest</span>")
    assert row(html, "Alpine Allies").endswith("ally.test 1,234")
    assert row(html, "Total").endswith("2,001")
    assert re.search(r"data-total>2,001<", html)
    assert "signatures and endorsements" in html
    # The largest part, and the sum; nobody has compared sketches.
    assert "at least 1,234 at most 2,001" in plain(html)
    assert "our estimate" not in html
    assert 'href="/campaigns/forest/tallies"' in html
    assert 'href="/campaigns/forest/partners"' in html
    assert "anybody can recompute the total" in html
    assert 'href="https://ally.test/campaigns/forest@ours.test"' in html


async def test_the_bars_of_the_parts_end_where_the_next_ones_begin(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        await together(session, campaign, now=instance.now())
    html = await page(client, "/campaigns/forest")
    bars = re.findall(r'x="(\d+)" width="(\d+)" height="10" data-piece', html)
    assert [int(start) for start, _ in bars][1:] == [int(start) + int(width) for start, width in bars][:-1]
    assert (int(bars[0][0]), int(bars[-1][0]) + int(bars[-1][1])) == (0, 1000)


async def test_a_partner_that_is_silent_keeps_its_count_with_its_age(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        await together(session, campaign, now=instance.now(), heard=timedelta(days=3))
    html = await page(client, "/campaigns/forest")
    assert "its last count is from 3 days ago. 454" in row(html, "River Watch")
    assert row(html, "Total").endswith("2,000")


async def test_who_signed_two_counts_as_one_does_not_count_and_the_page_shows_both(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        coalition = await together(session, campaign, now=instance.now())
        await alliances.forged(session, coalition, alliances.ALLY, now=instance.now())
    html = await page(client, "/campaigns/forest")
    assert "Does not count" in row(html, "Alpine Allies")
    assert row(html, "Alpine Allies").endswith(" 0")
    assert row(html, "Total").endswith("766")
    assert 'href="/campaigns/forest/evidence"' in html
    assert "2 organisations, one total" in html


async def test_an_origin_that_signed_two_lists_of_partners_is_not_trusted_silently(
    client: Client, instance: Instance, clock: Clock, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        coalition = await together(session, campaign, now=instance.now())
    assert "two different lists" not in await page(client, "/campaigns/forest")
    async with instance.database.writing() as session:
        await alliances.forged(session, coalition, alliances.OURS, now=instance.now(), kind="roster")
    clock.advance(SOON)
    html = await page(client, "/campaigns/forest")
    assert "Friends of the Old Forest signed two different lists of partners as one" in html
    assert 'href="/campaigns/forest/evidence"' in html


async def test_people_are_estimated_with_an_error_where_sketches_were_compared(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        coalition = await together(session, campaign, now=instance.now())
        coalition.sketched, coalition.people, coalition.error = 2000, 1800, 0.0201
    said = plain(await page(client, "/campaigns/forest"))
    # An error is rounded up.
    assert "at least 1,234 our estimate, ±2.1% ≈ 1,800 at most 2,000" in said


async def test_the_way_of_each_country_to_its_threshold_can_be_read_without_the_picture(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        found = await session.get(Campaign, campaign.id)
        assert found is not None
        found.thresholds, found.registered_at = "eci", datetime(2021, 1, 7, tzinfo=UTC)
        await together(session, campaign, now=instance.now(), here={"MT": 4300, "DE": 12})
    said = plain(await page(client, "/campaigns/forest"))
    assert "1 of 7 countries needed have reached their threshold" in said
    assert re.search(r"Malta ✓ reached 4,300 of 4,230", said)
    assert re.search(r"Germany 1,012 of 67,680", said)
    assert "20 more countries" in said


async def test_counts_from_elsewhere_stand_apart(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    now = instance.now()
    async with instance.database.writing() as session:
        await elsewhere.enter(
            session,
            slug="forest",
            source="Paper forms <Bozen>",
            count=5000,
            country="IT",
            counted_on=(now - timedelta(days=1)).date(),
            now=now,
        )
    html = await page(client, "/campaigns/forest")
    said = plain(html)
    assert "They are not part of the total" in said
    assert re.search(r"Paper forms &lt;Bozen&gt;, Italy 20 November 2026 5,000", said)
    assert re.search(r"data-total>0<", html)


async def test_every_language_tells_of_a_coalition(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        coalition = await together(session, campaign, now=instance.now(), heard=timedelta(days=3))
        coalition.sketched, coalition.people, coalition.error = 2000, 1800, 0.02
        await alliances.forged(session, coalition, alliances.ALLY, now=instance.now())
    told = {
        "it": ("2 organizzazioni, un solo totale", "è di 3 giorni fa"),
        "de": ("2 Organisationen, eine Gesamtzahl", "letzte Zählung vor 3 Tagen"),
        "fr": ("2 organisations, un seul total", "dernier décompte il y a 3 jours"),
    }
    for language, words in told.items():
        said = plain(await page(client, f"/campaigns/forest?lang={language}"))
        assert all(each in said for each in words), language


async def test_a_page_alone_says_nothing_of_coalitions(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.campaign(instance, "river")
    html = await page(client, "/campaigns/river")
    assert 'id="together"' not in html
    assert "organisations" not in plain(html)

"""The pages of campaigns that several organisations collect for, through the front door."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import elsewhere
from fedicause.instance import Instance
from storage.coalition_models import Coalition, ForeignCampaign
from storage.models import Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import alliances, writing
from tests.web.test_pages import BROWSER, SOON, page

RIVER = "/campaigns/clean-river@ally.test"
TEXTS = {
    "en": ("Clean water", "<p>The river is <strong>ours</strong>.</p>"),
    "it": ("Acqua pulita", "<p>Il fiume è nostro.</p>"),
}


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


async def river(session: AsyncSession, *, now: datetime, follow: bool = True, **more: Any) -> ForeignCampaign:
    """The campaign of the Allies, whom we follow."""
    if follow:
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=now)
    return await alliances.foreign(
        session, alliances.ALLY, "Alpine Allies", "clean-river", TEXTS, now=now, **more
    )


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
    assert "at least 1,234 our estimate, ± 2.1% ≈ 1,800 at most 2,000" in said


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


async def test_the_directory_shows_whose_campaigns_it_shows(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        await river(session, now=instance.now(), topic="environment")
    html = await page(client, "/")
    said = plain(html)
    assert f'href="{RIVER}"' in html
    assert "causes 2 organisations 2" in said
    assert re.search(r"Clean water.*Alpine Allies.*Counted at ally\.test", said)
    # One topic, however each of them writes it; ours come first.
    assert html.count('class="topic"') == 1
    assert html.index("Save the old forest") < html.index("Clean water")
    assert "Clean water" in await page(client, "/topics/Environment")


async def test_what_is_not_followed_any_more_is_nowhere(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        await river(session, now=instance.now(), follow=False)
    assert "Clean water" not in await page(client, "/")
    await page(client, RIVER, status=404)
    await page(client, "/campaigns/clean-river@elsewhere.test", status=404)
    await page(client, "/campaigns/clean-river@%00", status=404)


@pytest.mark.usefixtures("campaign")
async def test_a_followed_campaign_has_a_page_in_our_look_and_no_count_that_we_do_not_know(
    client: Client, instance: Instance
) -> None:
    async with instance.database.writing() as session:
        await river(session, now=instance.now(), goal=5000)
    async with client.get(RIVER, headers=BROWSER) as response:
        html = await response.text()
        assert (
            response.headers["Link"]
            == '<https://ally.test/campaigns/clean-river>; rel="alternate"; type="application/activity+json"'
        )
    said = plain(html)
    assert re.search(r"By Alpine Allies at ally\.test", said)
    assert "<strong>ours</strong>" in html
    assert 'value="https://ally.test/campaigns/clean-river"' in html
    assert f'action="{RIVER}/endorse"' in html
    assert "@clean-river@ally.test" in html
    assert "data-total" not in html
    assert "see the count at ally.test" in said
    assert "counts nothing itself" in said
    assert "Acqua pulita" in await page(client, f"{RIVER}?lang=it")


@pytest.mark.usefixtures("campaign")
async def test_a_partners_page_shows_the_same_sum_as_the_origins(client: Client, instance: Instance) -> None:
    now = instance.now()
    async with instance.database.writing() as session:
        found = await river(session, now=now, follow=False)
        coalition = await alliances.coalition(session, found.actor_uri, foreign_id=found.id)
        await alliances.member(session, coalition, alliances.ALLY, "Alpine Allies", now=now, place=0)
        await alliances.member(session, coalition, "https://ours.test/actors/org", "Friends", now=now)
        await alliances.collected(session, coalition, alliances.ALLY, {"IT": 42}, now=now, endorsements=8)
        await alliances.collected_here(session, coalition, {"IT": 18})
    html = await page(client, RIVER)
    assert row(html, "Endorsements").endswith("counted by Alpine Allies 8")
    assert row(html, "Friends of the Old Forest").endswith("this site 18")
    assert row(html, "Total").endswith("68")
    assert f'href="{RIVER}/tallies"' in html
    assert "it collects here for the same call" in html


@pytest.mark.usefixtures("campaign")
async def test_servers_are_sent_to_the_note_of_the_origin(client: Client, instance: Instance) -> None:
    async with instance.database.writing() as session:
        await river(session, now=instance.now())
    headers = {"Accept": "application/activity+json"}
    async with client.get(RIVER, headers=headers, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "https://ally.test/campaigns/clean-river"
        assert "Accept" in response.headers["Vary"]
    async with client.get(
        RIVER.replace("river", "River"), headers=BROWSER, allow_redirects=False
    ) as response:
        assert response.status == 301
        assert response.headers["Location"] == RIVER
    async with client.get("/campaigns/forest@ours.test", allow_redirects=False) as response:
        assert response.headers["Location"] == "/campaigns/forest"


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize(("state", "status"), [("closed", 200), ("deleted", 410)])
async def test_what_ends_at_its_origin_ends_here(
    client: Client, instance: Instance, clock: Clock, state: str, status: int
) -> None:
    async with instance.database.writing() as session:
        found = await river(session, now=instance.now())
    assert "<form" in await page(client, RIVER)
    async with instance.database.writing() as session:
        (await session.merge(found)).state = state
    clock.advance(SOON)
    html = await page(client, RIVER, status=status)
    assert "<form" not in html
    assert ("This campaign is closed" in html) == (state == "closed")


@pytest.mark.usefixtures("campaign")
async def test_the_form_leads_to_the_origins_post_on_ones_own_server(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    async with instance.database.writing() as session:
        await river(session, now=instance.now())
    bob = await (await fediverse.server()).person("bob")
    handle = bob.account.removeprefix("acct:")
    query = {"handle": handle}
    async with client.get(f"{RIVER}/endorse", params=query, allow_redirects=False) as response:
        assert response.status == 303
        assert "ally.test" in response.headers["Location"]
    assert "A handle has a name" in await page(client, f"{RIVER}/endorse?handle=bob", status=422)


@pytest.mark.usefixtures("campaign")
async def test_what_an_origin_says_cannot_run_here(client: Client, instance: Instance) -> None:
    async with instance.database.writing() as session:
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=instance.now())
        await alliances.foreign(
            session,
            alliances.ALLY,
            "<script>alert(1)</script>",
            "clean-river",
            {"en": ("<script>alert(2)</script>", "<p onclick='x()'>Text<script>alert(3)</script></p>")},
            now=instance.now(),
            picture_alt='"><script>alert(4)</script>',
            topic="<script>alert(5)</script>",
        )
    for path in ("/", RIVER):
        html = await page(client, path)
        assert "<script>alert" not in html
        assert "onclick" not in html


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

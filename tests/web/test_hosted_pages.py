"""Our pages of campaigns of other instances, through the front door."""

import re
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.instance import Instance
from storage.coalition_models import ForeignCampaign
from storage.models import Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import alliances
from tests.web.test_coalition_pages import plain, row
from tests.web.test_pages import BROWSER, SOON, page

RIVER = "/campaigns/clean-river@ally.test"
TEXTS = {
    "en": ("Clean water", "<p>The river is <strong>ours</strong>.</p>"),
    "it": ("Acqua pulita", "<p>Il fiume è nostro.</p>"),
}


async def river(session: AsyncSession, *, now: datetime, follow: bool = True, **more: Any) -> ForeignCampaign:
    """The campaign of the Allies, whom we follow."""
    if follow:
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=now)
    return await alliances.foreign(
        session, alliances.ALLY, "Alpine Allies", "clean-river", TEXTS, now=now, **more
    )


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

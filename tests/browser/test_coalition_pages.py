"""The pages of coalitions as people see them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import update

from fedicause.campaigning import elsewhere
from fedicause.instance import Instance
from storage import campaigns
from storage.coalition_models import Coalition, Tally
from storage.models import Campaign
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.clock import Clock
from tests.web import alliances

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
HOSTED = "/campaigns/clean-river@ally.test"
LONG = "Arbeitsgemeinschaft-für-Donaudampfschifffahrtsgesellschaftsuferschutz"


async def coalition(instance: Instance) -> Coalition:
    """`forest` with everything that its page can show, and a campaign of the Allies."""
    now, urls = instance.now(), instance.urls
    own = urls.actor("org", "organisation")
    async with instance.database.writing() as session:
        campaign = await campaigns.by_slug(session, "forest")
        assert campaign is not None
        campaign.thresholds, campaign.registered_at = "eci", datetime(2021, 1, 7, tzinfo=UTC)
        row = await alliances.coalition(session, urls.actor("forest"), campaign_id=campaign.id)
        await alliances.member(session, row, own, "Friends", now=now, place=0)
        await alliances.member(session, row, alliances.ALLY, LONG, now=now)
        await alliances.member(
            session, row, alliances.RIVER, "River Watch", now=now, place=2, heard=timedelta(days=3)
        )
        await alliances.collected_here(session, row, {"MT": 4300, "DE": 12})
        await alliances.collected(session, row, alliances.ALLY, {"DE": 1000}, now=now)
        await alliances.collected(session, row, alliances.RIVER, {"IT": 454}, now=now)
        await alliances.forged(session, row, alliances.RIVER, now=now)
        row.sketched, row.people, row.error = 5312, 5000, 0.02
        await elsewhere.enter(
            session, slug="forest", source="Paper", count=5000, country=None, counted_on=now.date(), now=now
        )
        await alliances.follow(session, alliances.ALLY, LONG, now=now)
        await alliances.foreign(
            session, alliances.ALLY, LONG, "clean-river", {"en": ("Clean water", "<p>Ours.</p>")}, now=now
        )
    return row


async def sum_of(page: Page) -> tuple[list[int], int]:
    """The lines of the sum, and what stands below them."""
    lines = await page.locator(".sum [data-part]").all_inner_texts()
    total = await page.locator(".sum tfoot [data-total]").inner_text()
    return [int(re.sub(r"\D", "", line)) for line in lines], int(total.replace(",", ""))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_coalition_fits_says_nothing_and_asks_nobody_else(
    open_tab: Open, dev_instance: Instance, scheme: str, size: dict[str, int]
) -> None:
    await coalition(dev_instance)
    async with open_tab(viewport=size, color_scheme=scheme, java_script_enabled=False) as tab:
        for path in ("/", "/topics/Environment", "/campaigns/forest", HOSTED, "/campaigns/forest?lang=de"):
            assert await tab.open(path) == 200
            width = await tab.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], path
        assert tab.is_clean(), (tab.complaints, tab.asked)


async def test_a_sum_stays_a_sum_while_it_moves(open_tab: Open, dev_instance: Instance, clock: Clock) -> None:
    await coalition(dev_instance)
    async with open_tab(reduced_motion="reduce") as tab:
        await tab.open("/campaigns/forest")
        lines, total = await sum_of(tab.page)
        assert (sum(lines), total) == (5312, 5312)
        async with dev_instance.database.writing() as session:
            await session.execute(
                update(Tally).where(Tally.author_uri == alliances.ALLY).values(signatures=2688)
            )
        clock.advance(2)
        await expect(tab.page.locator(".sum tfoot [data-total]")).to_have_text("7,000", timeout=8000)
        lines, total = await sum_of(tab.page)
        assert (sum(lines), total) == (7000, 7000)
        await expect(tab.page.locator("[data-people='high']")).to_have_text("7,000")
        last = tab.page.locator("[data-piece='ally.test']")
        assert int(await last.get_attribute("x") or 0) + int(await last.get_attribute("width") or 0) == 1000
        assert tab.is_clean(), (tab.complaints, tab.asked)


async def test_a_new_partner_shows_while_somebody_looks(
    open_tab: Open, dev_instance: Instance, clock: Clock
) -> None:
    async with open_tab(reduced_motion="reduce") as tab:
        await tab.open("/campaigns/forest")
        await expect(tab.page.locator(".sum")).to_have_count(0)
        now = dev_instance.now()
        async with dev_instance.database.writing() as session:
            campaign = await campaigns.by_slug(session, "forest")
            assert isinstance(campaign, Campaign)
            uri = dev_instance.urls.actor("forest")
            row = await alliances.coalition(session, uri, campaign_id=campaign.id)
            await alliances.member(session, row, alliances.ALLY, "Alpine Allies", now=now)
            await alliances.collected(session, row, alliances.ALLY, {"DE": 1000}, now=now)
        clock.advance(2)
        await expect(tab.page.locator(".sum [data-part='ally.test']")).to_have_text("1,000", timeout=8000)
        await expect(tab.page.locator(".total [data-noun]")).to_have_text("signatures")
        assert tab.is_clean(), (tab.complaints, tab.asked)


async def test_a_keyboard_gets_to_the_sum_and_to_every_country(
    open_tab: Open, dev_instance: Instance
) -> None:
    await coalition(dev_instance)
    async with open_tab() as tab:
        await tab.open("/campaigns/forest")
        link = tab.page.get_by_role("link", name="Who collects what")
        await link.focus()
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.get_by_role("heading", name="organisations, one total")).to_be_in_viewport()
        more = tab.page.locator(".race summary")
        await more.focus()
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.get_by_role("cell", name="of 36,660")).to_be_visible()


async def test_what_pictures_say_is_said_in_tables(open_tab: Open, dev_instance: Instance) -> None:
    await coalition(dev_instance)
    async with open_tab() as tab:
        await tab.open("/campaigns/forest")
        table = tab.page.get_by_role("table", name="What each organisation collected, and the total")
        # The lines with bars are no rows for who can't see them.
        names = await table.get_by_role("rowheader").all_inner_texts()
        assert [name.partition("\n")[0] for name in names][-1] == "Total"
        assert await table.get_by_role("row").count() == 1 + len(names)
        row = tab.page.get_by_role("table", name="thresholds").first.get_by_role("row", name="Malta")
        await expect(row).to_contain_text("reached")
        await expect(row).to_contain_text("4,300 of 4,230")
        bar = tab.page.get_by_role("progressbar", name="Progress to the goal")
        await expect(bar).to_have_attribute("aria-valuenow", "1000")

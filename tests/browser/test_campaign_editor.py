"""A campaigner without a developer: from an empty form to a public campaign in two languages."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Dialog, Page, expect

from fedicause import rounds
from fedicause.instance import Instance
from tests.browser.conftest import DESKTOP, PHONE, Open, Tab
from tests.clock import Clock
from tests.web import campaigning, staff

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

WIDE = {"width": 1440, "height": 900}
TEXT = "The river **stinks**.\n\nWe ask the council to clean it."


async def come_in(tab: Tab, instance: Instance, email: str = "carol@ours.test") -> None:
    password = await staff.hire(instance, email, "campaigner")
    await tab.open("/admin/login")
    await tab.page.get_by_label("Mail address").fill(email)
    await tab.page.get_by_label("Password").fill(password)
    await tab.page.get_by_role("button", name="Log in").click()
    await tab.page.wait_for_url("**/admin")


async def write(page: Page) -> None:
    await page.get_by_label("Title").fill("A clean river for everybody’s children")
    await page.get_by_label("Topic").fill("Water")
    await page.get_by_label("Text", exact=True).fill(TEXT)
    await page.get_by_label("Goal", exact=True).fill("5000")


@pytest.mark.parametrize(
    ("size", "script"), [(WIDE, True), (PHONE, False)], ids=["desktop", "phone without a script"]
)
async def test_a_campaign_is_written_translated_and_published(
    open_tab: Open, dev_instance: Instance, tmp_path: Path, size: dict[str, int], script: bool
) -> None:
    photo = tmp_path / "river.jpg"
    photo.write_bytes(campaigning.photo((800, 400)))
    async with open_tab(viewport=size, java_script_enabled=script) as tab:
        page = tab.page
        await come_in(tab, dev_instance)
        await tab.open("/admin/campaigns")
        await page.get_by_role("link", name="New campaign").click()
        await write(page)
        if script:
            await expect(page.get_by_label("Address")).to_have_value("a-clean-river-for-everybodys-children")
        # Without words for those who can't see it, no picture is taken; and it needn't be chosen again.
        await page.get_by_label("Choose a picture").set_input_files(photo)
        await page.get_by_role("button", name="Save", exact=True).click()
        alt = page.get_by_label("What it shows")
        await expect(alt).to_be_focused()
        await alt.fill("A brown river")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("The draft is saved.")).to_be_visible()

        await page.get_by_role("link", name="Translations").click()
        await page.get_by_role("link", name="Translate (German)").click()
        await expect(page.get_by_text("We ask the council to clean it.")).to_be_visible()
        await page.get_by_label("Title").fill("Ein sauberer Fluss")
        await page.get_by_label("Text", exact=True).fill("Er **stinkt**.")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("The translation is saved.")).to_be_visible()

        await page.get_by_role("link", name="Publish", exact=True).click()
        await expect(page.get_by_text("#Water")).to_be_visible()
        await page.get_by_role("button", name="Publish now").click()
        await expect(page.get_by_text("The campaign is public")).to_be_visible()
        await page.get_by_role("link", name="The public page", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "A clean river for everybody’s children"
        )
        await expect(page.get_by_role("img", name="A brown river")).to_be_visible()
        await page.get_by_role("link", name="German").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Ein sauberer Fluss")
        assert all(url.startswith((f"{tab.base}/", "blob:", "about:")) for url in tab.asked), tab.asked


async def test_the_page_is_beside_the_form_while_it_is_written(
    open_tab: Open, dev_instance: Instance, tmp_path: Path
) -> None:
    photo = tmp_path / "river.jpg"
    photo.write_bytes(campaigning.photo((800, 400)))
    async with open_tab(viewport=WIDE) as tab:
        await come_in(tab, dev_instance)
        await tab.open("/admin/campaigns/new")
        shown = tab.page.frame_locator("[data-pane] iframe")
        await write(tab.page)
        await expect(shown.get_by_role("heading", level=1)).to_have_text(
            "A clean river for everybody’s children"
        )
        await expect(shown.locator(".call strong")).to_have_text("stinks")
        await tab.page.get_by_label("Choose a picture").set_input_files(photo)
        await expect(shown.locator(".picture img")).to_have_attribute("src", re.compile("^blob:"))
        await tab.page.get_by_label("Kind").select_option("consultation")
        await tab.page.get_by_label("Answers, a line each").fill("Clean it\nLeave it")
        await expect(shown.get_by_role("rowheader", name="Leave it")).to_be_visible()
        assert not tab.complaints, tab.complaints


async def test_who_leaves_with_unsaved_words_is_asked(open_tab: Open, dev_instance: Instance) -> None:
    async with open_tab(viewport=DESKTOP) as tab:
        asked: list[str] = []

        async def stay(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        await come_in(tab, dev_instance)
        tab.page.on("dialog", stay)
        await tab.open("/admin/campaigns/forest")
        await tab.page.get_by_role("link", name="News").click()
        await tab.page.wait_for_url("**/news")
        assert asked == []
        await tab.open("/admin/campaigns/forest")
        await tab.page.get_by_label("Title").fill("Something else")
        await tab.page.get_by_role("link", name="News").click(no_wait_after=True)
        await expect(tab.page.get_by_label("Title")).to_have_value("Something else")
        await tab.page.wait_for_function("document.readyState === 'complete'")
        assert asked == ["beforeunload"]
        await tab.page.get_by_role("button", name="Save", exact=True).click()
        await expect(tab.page.get_by_text("Saved. Other servers are told")).to_be_visible()
        assert asked == ["beforeunload"]


async def test_what_was_written_outlives_the_session(open_tab: Open, dev_instance: Instance) -> None:
    async with open_tab(viewport=DESKTOP) as tab:
        page = tab.page
        await come_in(tab, dev_instance)
        await tab.open("/admin/campaigns/new")
        await write(page)
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.wait_for_url("**/admin/login*")
        await come_in(tab, dev_instance, "dave@ours.test")
        await tab.open("/admin/campaigns/new")
        await page.get_by_role("button", name="Put it back").click()
        await expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("The draft is saved.")).to_be_visible()
        await tab.open("/admin/campaigns/new")
        await expect(page.get_by_role("button", name="Put it back")).to_be_hidden()


@pytest.mark.parametrize("zone", ["Europe/Rome", "America/New_York"])
async def test_a_time_is_the_writers_own(
    open_tab: Open, dev_instance: Instance, clock: Clock, zone: str
) -> None:
    async with open_tab(timezone_id=zone) as tab:
        await come_in(tab, dev_instance)
        await tab.open("/admin/campaigns/new")
        await write(tab.page)
        await tab.page.get_by_role("button", name="Save, then publish").click()
        await expect(tab.page.get_by_text(zone)).to_be_visible()
        # By then summer time has begun in both.
        await tab.page.get_by_label("Day and time").fill("2027-06-01T09:30")
        await tab.page.get_by_role("button", name="Schedule").click()
        hour = {"Europe/Rome": "07:30", "America/New_York": "13:30"}[zone]
        await expect(tab.page.get_by_text(f"1 Jun 2027, {hour} UTC")).to_be_visible()
        await expect(tab.page.get_by_label("Day and time")).to_have_value("2027-06-01T09:30")
        clock.advance(timedelta(days=200).total_seconds())
        await rounds.keep_dates(dev_instance)
        assert await tab.open("/campaigns/a-clean-river-for-everybodys-children") == 200

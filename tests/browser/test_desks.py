"""A moderator works by keyboard alone, with the script that ticks boxes and without it."""

import pytest
from playwright.async_api import expect

from fedicause.instance import Instance
from tests.browser.conftest import Open
from tests.web import desks, staff

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_reasons_are_ticked_and_shown_by_keyboard(
    open_tab: Open, dev_instance: Instance, script: bool
) -> None:
    await desks.fill(dev_instance)
    password = await staff.hire(dev_instance, "bob@ours.test", "moderator")
    async with open_tab(java_script_enabled=script) as tab:
        page = tab.page
        await tab.open("/admin/login?next=/admin/moderation/reasons")
        await page.get_by_label("Mail address").focus()
        await page.keyboard.type("bob@ours.test")
        await page.keyboard.press("Tab")
        await page.keyboard.type(password)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Moderation")).to_be_visible()
        ticks = page.locator('input[name="id"]')
        await expect(ticks).to_have_count(12)
        await ticks.first.focus()
        await page.keyboard.press("Space")
        if script:
            await page.keyboard.press("ArrowDown")
            await expect(ticks.nth(1)).to_be_focused()
            await page.keyboard.press("Space")
            await expect(ticks.nth(1)).to_be_checked()
            everything = page.get_by_label("All on this page")
            await everything.focus()
            await page.keyboard.press("Space")
        await expect(page.locator('input[name="id"]:checked')).to_have_count(12 if script else 1)
        await page.get_by_role("button", name="Show the chosen ones").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/admin/moderation/reasons?done=allow")
        await expect(page.get_by_role("status")).to_contain_text("It is shown")
        await expect(ticks).to_have_count(0 if script else 11)
        assert tab.is_clean(), (tab.complaints, tab.asked)

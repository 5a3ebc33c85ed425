"""Somebody takes a signature back in a real browser, on a phone and at a desk, with and without a script."""

import pytest
from playwright.async_api import expect

from fedicause.instance import Instance
from tests import letters
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.browser.test_signing import fill
from tests.clock import Clock

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("size", "script"), [(PHONE, True), (DESKTOP, False)], ids=["phone", "desktop without script"]
)
async def test_what_was_signed_is_taken_back_and_erased(
    open_tab: Open, dev_instance: Instance, clock: Clock, size: dict[str, int], script: bool
) -> None:
    async with open_tab(viewport=size, java_script_enabled=script, accept_downloads=True) as tab:
        page = tab.page
        await tab.open("/campaigns/forest")
        await fill(page)
        await page.get_by_role("button", name="Sign").click()
        if not script:
            clock.advance(5)
            await page.get_by_role("button", name="Yes, sign").click()
        await expect(page.get_by_role("heading", name="look into your mailbox")).to_be_visible(timeout=30_000)
        (letter,) = await letters.waiting(dev_instance)
        await tab.open(letter.links["confirm"])
        await page.get_by_role("button", name="Confirm my signature").click()
        await page.get_by_role("link", name="What I signed").click()
        await page.get_by_label("Your mail address").fill("bob@mail.example")
        await page.get_by_role("button", name="Send me the link").click()
        if not script:
            clock.advance(5)
            await page.get_by_role("button", name="Yes, send it").click()
        await expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible(timeout=30_000)
        (_, letter) = await letters.waiting(dev_instance)
        await tab.open(letter.links["me"])
        await expect(page.get_by_text("Signed, and counted")).to_be_visible()
        await page.get_by_text("Change something").click()
        await page.get_by_label("Initials", exact=True).check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_have_text("Your changes are saved.")
        await expect(page.get_by_text("your initials")).to_be_visible()
        await page.get_by_role("button", name="Take my signature back").click()
        await expect(page.get_by_role("status")).to_have_text("Taken back. It does not count.")
        body = await page.locator("body").bounding_box()
        assert body is not None
        assert body["width"] <= size["width"]
        await page.get_by_role("link", name="Receipt").click()
        await expect(page.get_by_text("A signature was taken back")).to_be_visible()
        await page.get_by_role("link", name="Back to my page").click()
        await page.get_by_role("link", name="Erase everything").click()
        await page.get_by_role("button", name="Erase everything").click()
        await expect(page.get_by_role("heading", name="Everything is erased")).to_be_visible()
        async with page.expect_download() as started:
            await page.get_by_role("button", name="Download the receipt").click()
        receipt = await started.value
        await tab.open("/receipts")
        await page.get_by_label("Or its file").set_input_files(await receipt.path())
        await page.get_by_role("button", name="Check it").click()
        await expect(page.get_by_role("status")).to_contain_text("Genuine.")
        assert await page.context.cookies() == []
        assert tab.is_clean(), (tab.complaints, tab.asked)

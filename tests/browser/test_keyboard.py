"""Signing, sharing and taking it back by keyboard alone, in each of the four languages."""

import pytest
from playwright.async_api import Page

from fedicause.instance import Instance
from tests import letters
from tests.browser.conftest import DESKTOP, PHONE, Open

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

FURTHEST = 80


async def reach(page: Page, selector: str) -> None:
    """Presses Tab until it is there, and no further than the page goes."""
    for _ in range(FURTHEST):
        if await page.evaluate("(wanted) => document.activeElement?.matches(wanted)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


async def write(page: Page, selector: str, text: str) -> None:
    await reach(page, selector)
    await page.keyboard.type(text)


async def press(page: Page, selector: str, then: str) -> None:
    """Enter on something that leads to a page at an address like this."""
    await reach(page, selector)
    async with page.expect_navigation(url=then, timeout=30_000):
        await page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("language", "size"), [("en", DESKTOP), ("it", PHONE), ("de", DESKTOP), ("fr", PHONE)]
)
async def test_somebody_signs_and_takes_it_back(
    open_tab: Open, dev_instance: Instance, language: str, size: dict[str, int]
) -> None:
    async with open_tab(viewport=size) as tab:
        page = tab.page
        await tab.open(f"/campaigns/forest?lang={language}")
        assert await page.get_attribute("html", "lang") == language
        await write(page, "#sign-name", "Bob Miller")
        await write(page, "#sign-mail", "bob@mail.example")
        await write(page, "#sign-country", "I")
        await press(page, "#sign button[type=submit]", "**/signatures/sent*")
        (letter,) = await letters.waiting(dev_instance)
        assert letter.language == language
        await tab.open(letter.links["confirm"])
        await press(page, "main form button", "**/signed/*")
        assert await page.get_attribute("html", "lang") == language
        await reach(page, "#main [data-copy]")
        await press(page, "footer a[href^='/me']", "**/me*")
        await write(page, "input[name=mail]", "bob@mail.example")
        await press(page, "main form button", "**/me/sent*")
        (_, letter) = await letters.waiting(dev_instance)
        assert letter.language == language
        await tab.open(letter.links["me"])
        await press(page, "form[action*='/withdraw'] button", "**/me/*")
        assert await page.get_attribute("html", "lang") == language
        assert await page.locator("form[action*='/withdraw']").count() == 0
        assert tab.is_clean(), (tab.complaints, tab.asked)

"""Somebody signs in a real browser: on a phone, at a desk, with and without a script, by keyboard alone."""

import pytest
from playwright.async_api import Page, expect

from fedicause.instance import Instance
from tests import letters
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.clock import Clock

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

ALLOWED = "Friends of the Old Forest may write to me"


async def fill(page: Page) -> None:
    await page.get_by_label("Your name").fill("Bob Miller")
    await page.get_by_label("Your mail address").fill("bob@mail.example")
    await page.get_by_label("Country").select_option("AT")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_somebody_signs_confirms_and_shares(
    open_tab: Open, dev_instance: Instance, clock: Clock, size: dict[str, int], script: bool
) -> None:
    async with open_tab(viewport=size, java_script_enabled=script) as tab:
        await tab.open("/campaigns/forest")
        await fill(tab.page)
        await tab.page.get_by_role("button", name="Sign").click()
        if not script:
            await expect(tab.page.get_by_role("heading", name="Is this right?")).to_be_visible()
            clock.advance(5)
            await tab.page.get_by_role("button", name="Yes, sign").click()
        await expect(tab.page.get_by_role("heading", name="look into your mailbox")).to_be_visible(
            timeout=30_000
        )
        (letter,) = await letters.waiting(dev_instance)
        await tab.open(letter.links["confirm"])
        await expect(tab.page.get_by_text("Bob Miller")).to_be_visible()
        await tab.page.get_by_role("button", name="Confirm my signature").click()
        await expect(tab.page.get_by_role("heading", name="Your signature counts")).to_be_visible()
        await expect(tab.page.get_by_label("Your link")).to_have_value(
            f"{tab.base}/campaigns/forest?via={tab.page.url.split('/')[4].partition('?')[0]}"
        )
        await tab.page.get_by_text("Show it as a QR code").click()
        await expect(tab.page.get_by_role("img", name="QR code")).to_be_visible()
        body = await tab.page.locator("body").bounding_box()
        assert body is not None
        assert body["width"] <= size["width"]
        assert await tab.page.context.cookies() == []
        assert tab.is_clean(), (tab.complaints, tab.asked)


async def test_the_whole_form_is_on_one_screen_of_a_phone(open_tab: Open) -> None:
    async with open_tab(viewport=PHONE) as tab:
        await tab.open("/campaigns/forest")
        name = await tab.page.get_by_label("Your name").bounding_box()
        button = await tab.page.get_by_role("button", name="Sign").bounding_box()
        assert name is not None
        assert button is not None
        assert button["y"] + button["height"] - name["y"] < PHONE["height"] - 120


async def test_by_keyboard_alone(open_tab: Open, dev_instance: Instance) -> None:
    async with open_tab() as tab:
        await tab.open("/campaigns/forest")
        await tab.page.get_by_label("Your name").focus()
        keys = tab.page.keyboard
        await keys.type("Bob Miller")
        await keys.press("Tab")
        await keys.type("bob@mail.example")
        await keys.press("Tab")
        await keys.type("Aus")
        await keys.press("Tab")
        await expect(tab.page.get_by_text("Say why you sign")).to_be_focused()
        await keys.press("Tab")
        await expect(tab.page.get_by_label("Nothing")).to_be_focused()
        await keys.press("ArrowRight")
        await expect(tab.page.get_by_label("Initials")).to_be_checked()
        await keys.press("Tab")
        await keys.press("Space")
        await expect(tab.page.get_by_label(ALLOWED)).to_be_checked()
        await keys.press("Tab")
        await keys.press("Enter")
        await expect(tab.page.get_by_role("heading", name="look into your mailbox")).to_be_visible(
            timeout=30_000
        )
        assert len(await letters.waiting(dev_instance)) == 1


async def test_a_mistake_is_where_the_eye_and_the_cursor_are(open_tab: Open) -> None:
    async with open_tab(viewport=PHONE, java_script_enabled=False) as tab:
        await tab.open("/campaigns/forest")
        await fill(tab.page)
        await tab.page.get_by_label("Your mail address").fill("bob@localhost")
        await tab.page.get_by_role("button", name="Sign").click()
        field = tab.page.get_by_label("Your mail address")
        await expect(field).to_be_focused()
        await expect(field).to_be_in_viewport()
        await expect(field).to_have_value("bob@localhost")
        await expect(field).to_have_accessible_description(
            "That is no mail address. It looks like name@example.org."
        )


async def test_a_slip_in_the_address_is_seen_and_moves_nothing(open_tab: Open) -> None:
    async with open_tab(viewport=PHONE) as tab:
        await tab.open("/campaigns/forest")
        await fill(tab.page)
        # Where the button is in the form, however far that has been scrolled.
        place = "document.querySelector('#sign > button').offsetTop"
        before = await tab.page.evaluate(place)
        await tab.page.get_by_label("Your mail address").fill("bob@gmial.com")
        await tab.page.get_by_label("Your name").focus()
        offer = tab.page.get_by_role("button", name="Did you mean bob@gmail.com?")
        await expect(offer).to_be_visible()
        assert await tab.page.evaluate(place) == before
        await offer.click()
        await expect(tab.page.get_by_label("Your mail address")).to_have_value("bob@gmail.com")


@pytest.mark.parametrize(("locale", "country"), [("de-CH", "CH"), ("fr-BE", "BE"), ("it", "IT")])
async def test_the_country_is_guessed_from_the_browsers_language(
    open_tab: Open, locale: str, country: str
) -> None:
    async with open_tab(locale=locale) as tab:
        await tab.open("/campaigns/forest")
        await expect(tab.page.locator("[name=country]")).to_have_value(country)


async def test_who_comes_back_can_sign_for_somebody_else(open_tab: Open, dev_instance: Instance) -> None:
    async with open_tab() as tab:
        await tab.open("/campaigns/forest")
        for name in ("bob", "carol"):
            await fill(tab.page)
            await tab.page.get_by_label("Your mail address").fill(f"{name}@mail.example")
            await tab.page.get_by_role("button", name="Sign").click()
            await expect(tab.page.get_by_role("heading", name="look into your mailbox")).to_be_visible(
                timeout=30_000
            )
            await tab.page.go_back()
        assert [each.to for each in await letters.waiting(dev_instance)] == [
            "bob@mail.example",
            "carol@mail.example",
        ]

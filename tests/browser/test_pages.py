"""The pages as people see them."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect

from fedicause.instance import Instance
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.fediverse import Fediverse
from tests.web import writing

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_every_page_fits_says_nothing_and_asks_nobody_else(
    open_tab: Open, dev_instance: Instance, scheme: str, size: dict[str, int], script: bool
) -> None:
    await writing.news(dev_instance, "forest", "The council listens", "It has read our letter.")
    paths = ("/", "/about", "/topics/Environment", "/campaigns/forest", "/campaigns/forest/updates/1")
    async with open_tab(viewport=size, color_scheme=scheme, java_script_enabled=script) as tab:
        for path in paths:
            assert await tab.open(path) == 200
            await expect(tab.page.locator("h1")).to_be_visible()
            box = await tab.page.locator("main").bounding_box()
            assert box is not None
            assert box["width"] <= size["width"]
            # A word too long would make a phone scroll sideways.
            body = await tab.page.locator("body").bounding_box()
            assert body is not None
            assert body["width"] <= size["width"]
        assert tab.is_clean(), (tab.complaints, tab.asked)


async def test_the_count_moves_while_somebody_looks(
    open_tab: Open, dev_instance: Instance, dev_fediverse: Fediverse
) -> None:
    async with open_tab() as tab:
        await tab.open("/campaigns/forest")
        total = tab.page.locator(".total [data-total]")
        await expect(total).to_have_text("0")
        bob = await (await dev_fediverse.server()).person("bob")
        assert (await bob.like(dev_instance.urls.note("forest"))).status == 202
        await expect(total).to_have_text("1", timeout=8000)
        await expect(tab.page.locator("[data-noun]")).to_have_text("endorsement")
        await bob.undo()
        await expect(total).to_have_text("0", timeout=8000)
        # Nobody yet, of either kind: the page asks for a signature first.
        await expect(tab.page.locator("[data-noun]")).to_have_text("signatures")
        assert tab.is_clean(), (tab.complaints, tab.asked)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_the_form_leads_to_ones_own_server(
    open_tab: Open, dev_instance: Instance, dev_fediverse: Fediverse, script: bool
) -> None:
    elsewhere = await dev_fediverse.server()
    await elsewhere.person("bob")
    async with open_tab(java_script_enabled=script) as tab:
        await tab.open("/campaigns/forest")
        await tab.page.get_by_text("Endorse from the fediverse instead").click()
        field = tab.page.get_by_label("Your handle in the fediverse")
        await field.fill("bob")
        await tab.page.get_by_role("button", name="Endorse").click()
        await expect(tab.page.locator("#problem")).to_contain_text("A handle has a name and a server")
        await expect(field).to_have_value("bob")
        await field.fill(f"@bob@{elsewhere.host}")
        async with tab.page.expect_request(lambda request: elsewhere.host in request.url) as asked:
            await tab.page.get_by_role("button", name="Endorse").click()
        target = urlsplit((await asked.value).url)
        assert parse_qs(target.query)["uri"] == [dev_instance.urls.note("forest")]
        # The content security policy lets the form lead there.
        assert not any("security policy" in said.lower() for said in tab.complaints)


async def test_the_browser_remembers_the_handle_and_nobody_else_does(
    open_tab: Open, dev_instance: Instance, dev_fediverse: Fediverse
) -> None:
    elsewhere = await dev_fediverse.server()
    await elsewhere.person("bob")
    handle = f"@bob@{elsewhere.host}"
    async with open_tab() as tab:
        await tab.open("/campaigns/forest")
        await tab.page.get_by_text("Endorse from the fediverse instead").click()
        await tab.page.get_by_label("Your handle in the fediverse").fill(handle)
        async with tab.page.expect_request(lambda request: elsewhere.host in request.url):
            await tab.page.get_by_role("button", name="Endorse").click()
        await tab.page.wait_for_load_state()
        await tab.open("/campaigns/forest")
        await expect(tab.page.get_by_label("Your handle in the fediverse")).to_have_value(handle)
        assert await tab.page.context.cookies() == []


async def test_the_address_of_the_call_can_be_copied(open_tab: Open, dev_instance: Instance) -> None:
    async with open_tab(permissions=["clipboard-read", "clipboard-write"]) as tab:
        await tab.open("/campaigns/forest")
        await tab.page.get_by_text("Endorse from the fediverse instead").click()
        await tab.page.get_by_role("button", name="Copy").click()
        await expect(tab.page.get_by_role("button", name="Copied")).to_be_visible()
        copied = await tab.page.evaluate("navigator.clipboard.readText()")
        assert copied == dev_instance.urls.note("forest")


async def test_a_phone_has_the_form_at_hand_wherever_it_is_in_the_text(open_tab: Open) -> None:
    async with open_tab(viewport=PHONE | {"height": 600}) as tab:
        await tab.open("/campaigns/forest")
        bar = tab.page.locator(".sticky")
        await tab.page.get_by_label("Your mail address").scroll_into_view_if_needed()
        await expect(bar).to_be_hidden()
        await tab.page.locator("#who").scroll_into_view_if_needed()
        await expect(bar).to_be_visible()
        await expect(bar).to_be_in_viewport()
        await bar.get_by_role("link", name="Sign").click()
        await expect(tab.page.get_by_label("Your mail address")).to_be_in_viewport()
        await tab.page.locator("#who").scroll_into_view_if_needed()
        await bar.get_by_role("link", name="Endorse from the fediverse").click()
        await expect(tab.page.get_by_label("Your handle in the fediverse")).to_be_in_viewport()


async def test_a_keyboard_finds_the_content_first_and_sees_where_it_is(open_tab: Open) -> None:
    async with open_tab() as tab:
        await tab.open("/")
        await tab.page.keyboard.press("Tab")
        skip = tab.page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator("main")).to_be_focused()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_who_wants_calm_gets_it(open_tab: Open, motion: str) -> None:
    async with open_tab(reduced_motion=motion) as tab:
        await tab.open("/")
        length = await tab.page.evaluate(
            "getComputedStyle(document.querySelector('.card')).transitionProperty"
        )
        assert (length == "none") == (motion == "reduce")

"""A campaign on somebody else's site, as a browser shows it there."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from fedicause.instance import Instance
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.fediverse import Fediverse

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

# What a careful site allows: the script, the frame and the badge, and nothing inline.
POLICY = "default-src 'none'; script-src {ours}; frame-src {ours}; img-src {ours} data:"


@pytest.fixture
async def blog(dev_instance: Instance) -> AsyncIterator[str]:
    """The address of a page on another site that shows the forest."""
    ours = dev_instance.settings.url
    html = (
        "<!doctype html><html lang=en><title>A blog</title><link rel=icon href='data:,'>"
        "<meta name=viewport content='width=device-width'><h1>A blog</h1>"
        f'<a class="fedicause" href="{ours}/campaigns/forest?lang=de">Save the old forest</a>'
        '<a class="fedicause" href="https://evil.example/campaigns/forest">Elsewhere</a>'
        f'<p><img src="{ours}/campaigns/forest/badge.svg" alt="Badge"></p>'
        f'<script async src="{ours}/embed.js"></script>'
    )

    async def page(request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY.format(ours=ours)}
        return web.Response(text=html, content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_get("/", page)
    async with TestServer(app, host="localhost") as server:
        yield str(server.make_url("/"))


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_site_shows_a_campaign_with_a_link_and_a_script(
    open_tab: Open, blog: str, size: dict[str, int]
) -> None:
    async with open_tab(viewport=size) as tab:
        await tab.page.goto(blog)
        frame = tab.page.locator("iframe")
        await expect(frame).to_have_count(1)
        await expect(frame).to_have_attribute("title", "Save the old forest")
        inside = tab.page.frame_locator("iframe")
        await expect(inside.get_by_role("link", name="Save the old forest")).to_be_visible()
        await expect(inside.locator(".count")).to_contain_text("Unterstützungen")
        # As high as its words need, and no wider than the site.
        await expect(frame).not_to_have_css("height", "360px")
        box = await frame.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= size["width"]
        needed = await inside.locator(".box").evaluate("() => document.documentElement.scrollHeight")
        assert needed <= box["height"] + 1
        # A link to somebody else's campaign stays a link.
        await expect(tab.page.get_by_role("link", name="Elsewhere")).to_be_visible()
        assert await tab.page.locator("img").evaluate("badge => badge.complete && badge.naturalWidth > 0")
        assert tab.complaints == []
        assert all(url.startswith((tab.base + "/", blog, "data:")) for url in tab.asked)
        assert await tab.page.context.cookies() == []
        async with tab.page.context.expect_page() as opened:
            await inside.locator(".button").click()
        page = await opened.value
        await expect(page.locator("h1")).to_have_text("Save the old forest")


async def test_without_scripts_a_site_shows_a_link(open_tab: Open, blog: str) -> None:
    async with open_tab(java_script_enabled=False) as tab:
        await tab.page.goto(blog)
        await expect(tab.page.locator("iframe")).to_have_count(0)
        await tab.page.get_by_role("link", name="Save the old forest").click()
        await expect(tab.page.locator("h1")).to_have_text("Save the old forest")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_code_to_copy_shows_what_it_does(open_tab: Open, scheme: str) -> None:
    async with open_tab(
        viewport=PHONE, color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"]
    ) as tab:
        await tab.open("/campaigns/forest")
        await tab.page.get_by_role("link", name="Show this on your site").click()
        await expect(tab.page.frame_locator("iframe").locator(".button")).to_be_visible()
        await tab.page.get_by_role("button", name="Copy").first.click()
        copied = await tab.page.evaluate("navigator.clipboard.readText()")
        assert copied.endswith(f'<script async src="{tab.base}/embed.js"></script>')
        body = await tab.page.locator("body").bounding_box()
        assert body is not None
        assert body["width"] <= PHONE["width"]
        assert tab.is_clean(), (tab.complaints, tab.asked)


async def test_the_count_in_a_frame_moves(
    open_tab: Open, dev_instance: Instance, dev_fediverse: Fediverse
) -> None:
    async with open_tab() as tab:
        await tab.page.clock.install()
        await tab.open("/embed/forest")
        total = tab.page.locator("[data-total]")
        await expect(total).to_have_text("0")
        bob = await (await dev_fediverse.server()).person("bob")
        assert (await bob.like(dev_instance.urls.note("forest"))).status == 202
        for _ in range(5):
            await tab.page.clock.run_for(20_000)
        await expect(total).to_have_text("1")
        await expect(tab.page.locator("[data-noun]")).to_have_text("endorsement")
        await expect(tab.page.locator("progress")).to_have_js_property("value", 1)
        assert tab.is_clean(), (tab.complaints, tab.asked)

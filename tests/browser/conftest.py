"""A real browser, which sees our pages and nothing else of the world."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests import components
from tests.conftest import Client

# Nothing that calls home, and what root needs.
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass
class Tab:
    """A page, and what went on in it: addresses asked for, complaints of the console."""

    page: Page
    base: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> int:
        """Opens a path of ours; the status of the answer."""
        response = await self.page.goto(self.base + path)
        assert response is not None
        return response.status

    def is_clean(self) -> bool:
        """Whether nothing was complained about, and nobody else was asked for anything."""
        return not self.complaints and all(url.startswith(self.base + "/") for url in self.asked)


Open = Callable[..., AbstractAsyncContextManager[Tab]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    with tempfile.TemporaryDirectory() as home:
        async with async_playwright() as playwright:
            opened = await playwright.chromium.launch(
                executable_path=components.chromium(), args=SWITCHES, env={"HOME": home}
            )
            yield opened
            await opened.close()


@pytest.fixture
def open_tab(browser: Browser, dev_client: Client) -> Open:
    """A new tab at the application in development mode; the arguments are those of a browser's context."""
    base = str(dev_client.make_url("")).rstrip("/")

    @asynccontextmanager
    async def opening(**how: Any) -> AsyncIterator[Tab]:
        context = await browser.new_context(**({"viewport": DESKTOP, "locale": "en-GB"} | how))
        tab = Tab(await context.new_page(), base)
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.on("console", lambda said: tab.complaints.append(said.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        yield tab
        await context.close()

    return opening

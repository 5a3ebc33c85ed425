"""axe-core finds nothing on any page, public or of the staff; and none is left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from playwright.async_api import ViewportSize

from fedicause.instance import Instance
from tests import components, letters
from tests.browser.conftest import DESKTOP, PHONE, Open, Tab
from tests.browser.test_coalition_pages import HOSTED, coalition
from tests.browser.test_signing import fill
from tests.conftest import Client
from tests.web import desks, outages, staff, supporters, writing

pytestmark = [pytest.mark.parametrize("dialect", ["sqlite"], indirect=True), pytest.mark.timeout(400)]

LOOKS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "desktop, light": (DESKTOP, "light"),
    "phone, dark": (PHONE, "dark"),
}
"""How each page is looked at, without another visit: what a page shows in which of them its styles say."""
OWNER = "owner@ours.test"
NO_LINKS = ("/static/", "/media/", "/art/", "/.well-known/")
"""What pages link to that is none."""


@dataclass
class Inspection:
    """Opens pages and whatever they link to, one of each route, and keeps what axe finds."""

    tab: Tab
    app: web.Application
    script: str
    routes: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)

    async def walk(self, paths: Iterable[str]) -> None:
        waiting = list(paths)
        while waiting:
            path = waiting.pop(0)
            route = await self._route(path)
            if route in self.routes or route.startswith(NO_LINKS):
                continue
            self.routes.add(route)
            if await self._is_page(path):
                await self.tab.open(path)
                await self.inspect(path)
                waiting += await self._links()

    async def inspect(self, name: str) -> None:
        """The page that is open."""
        page = self.tab.page
        await page.evaluate(self.script)
        for look, (size, scheme) in LOOKS.items():
            await page.set_viewport_size(size)
            # Without motion: half-way from one colour to another no contrast is enough.
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            result: dict[str, Any] = await page.evaluate("axe.run()")
            for violation in result["violations"]:
                where = [node["target"] for node in violation["nodes"]][:5]
                self.found.append(f"{name} ({look}): {violation['id']} ({violation['help']}): {where}")

    async def _is_page(self, path: str) -> bool:
        answer = await self.tab.page.context.request.get(
            self.tab.base + path, headers={"Accept": "text/html"}
        )
        kind = answer.headers.get("content-type", "")
        return kind.startswith("text/html") and "attachment" not in answer.headers.get(
            "content-disposition", ""
        )

    async def _links(self) -> list[str]:
        urls: list[str] = await self.tab.page.evaluate("[...document.links].map((link) => link.href)")
        ours = [urlsplit(url) for url in urls if url.startswith(self.tab.base + "/")]
        return [f"{url.path}?{url.query}" if url.query else url.path for url in ours]

    async def _route(self, path: str) -> str:
        found = await self.app.router.resolve(make_mocked_request("GET", path))
        resource = found.route.resource
        return resource.canonical if resource is not None else path


def inspection(tab: Tab, client: Client) -> Inspection:
    assert client.app is not None
    return Inspection(tab, client.app, components.axe().read_text())


KINDS: dict[str, dict[str, object]] = {
    "letter": {"kind": "open-letter"},
    "message": {"kind": "message", "subject": "The hill", "letter": "Keep the oaks, please."},
    "helpers": {"kind": "pledge", "roles": "[organiser, translator]"},
    "park": {"kind": "consultation", "options": "[Trees, Benches]"},
}


async def one_of_each_kind(instance: Instance) -> None:
    """Campaigns of all kinds, and people who want to be seen below a letter."""
    for slug, fields in KINDS.items():
        await writing.campaign(instance, slug, **fields)
    await supporters.many(instance, "letter", ["Ada Lang", "Bob Miller", "Cleo Tan"])


async def test_the_public_pages(open_tab: Open, dev_instance: Instance, dev_client: Client) -> None:
    await coalition(dev_instance)
    await one_of_each_kind(dev_instance)
    async with open_tab() as tab:
        seen = inspection(tab, dev_client)
        for slug in KINDS:
            await tab.open(f"/campaigns/{slug}")
            await seen.inspect(f"/campaigns/{slug}")
        await seen.walk(["/campaigns/letter/signatories", "/", HOSTED, "/nothing-here", "/confirm/forgotten"])
        assert not seen.found, "\n".join(seen.found)
        assert {"/", "/about", "/topics/{topic}", "/campaigns/{slug}"} <= seen.routes


async def test_the_way_of_whoever_signs(open_tab: Open, dev_instance: Instance, dev_client: Client) -> None:
    async with open_tab() as tab:
        seen = inspection(tab, dev_client)
        await tab.open("/campaigns/forest")
        await fill(tab.page)
        await tab.page.get_by_label("Your mail address").fill("bob@localhost")
        await tab.page.get_by_role("button", name="Sign").click()
        await tab.page.wait_for_selector("[aria-invalid]")
        await seen.inspect("the form with a mistake")
        await tab.page.get_by_label("Your mail address").fill("bob@mail.example")
        await tab.page.get_by_role("button", name="Sign").click()
        await tab.page.wait_for_url("**/signatures/sent*")
        await seen.inspect("what is shown to whoever has sent the form")
        (letter,) = await letters.waiting(dev_instance)
        await seen.walk([letter.links["decline"], letter.links["confirm"]])
        await tab.open(letter.links["confirm"])
        await tab.page.get_by_role("button", name="Confirm my signature").click()
        await tab.page.wait_for_url("**/signed/*")
        await seen.walk([urlsplit(tab.page.url).path])
        assert not seen.found, "\n".join(seen.found)
        assert {"/confirm/{token}", "/decline/{token}", "/signed/{token}"} <= seen.routes


async def test_the_pages_of_the_staff(open_tab: Open, dev_instance: Instance, dev_client: Client) -> None:
    await coalition(dev_instance)
    await desks.fill(dev_instance)
    await outages.fill(dev_instance)
    await one_of_each_kind(dev_instance)
    password = await staff.hire(dev_instance, OWNER, "owner")
    async with open_tab() as tab:
        seen = inspection(tab, dev_client)
        await tab.open("/admin/login")
        await seen.inspect("/admin/login")
        await tab.page.get_by_label("Mail address").fill(OWNER)
        await tab.page.get_by_label("Password").fill(password)
        await tab.page.get_by_role("button", name="Log in").click()
        await tab.page.wait_for_url("**/admin")
        await seen.walk(["/admin", "/admin/nothing-here", "/admin/campaigns/message/kind"])
        await seen.walk(["/admin/campaigns/message/targets", "/admin/campaigns/letter/organisations"])
        await seen.walk(["/admin/campaigns/helpers/volunteers"])
        assert not seen.found, "\n".join(seen.found)
        assert _of_the_staff(dev_client) <= seen.routes


def _of_the_staff(client: Client) -> set[str]:
    """What can be opened below /admin, but for the door."""
    assert client.app is not None
    routes = {
        route.resource.canonical
        for route in client.app.router.routes()
        if route.method == "GET" and route.resource is not None
    }
    # Pictures that wait for their form are no pages.
    no_pages = ("login", "/pictures/")
    return {
        route
        for route in routes
        if route.startswith("/admin") and not any(part in route for part in no_pages)
    }

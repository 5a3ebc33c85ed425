"""Markup in every field that anybody can fill in: it is text wherever it is shown, and runs nowhere."""

import pytest

from fedicause.instance import Instance
from tests import forms, letters, signing
from tests.browser.conftest import Open
from tests.browser.test_accessibility import Inspection, inspection
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import staff, writing

pytestmark = [pytest.mark.parametrize("dialect", ["sqlite"], indirect=True), pytest.mark.timeout(300)]

OWNER = "owner@ours.test"
MARKUP = """'"></title></script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"""
SHORT = '"><script>alert(1)</script><img src=x>'
HTML = (
    f'<p onclick="alert(1)">{MARKUP}<a href="javascript:alert(1)">here</a><svg onload="alert(1)"></svg></p>'
)
FOUND = """() => [...document.querySelectorAll('script:not([src]), img[src=x]')]
    .concat([...document.querySelectorAll('[onload], [onerror], [onclick]')])
    .map((each) => each.outerHTML)
    .concat([...document.querySelectorAll('a[href], form[action]')]
        .map((each) => each.getAttribute('href') || each.getAttribute('action'))
        .filter((address) => /^\\s*(javascript|data|vbscript):/i.test(address)))"""


class Search(Inspection):
    """Looks at every page for what came of the markup."""

    async def inspect(self, name: str) -> None:
        found = await self.tab.page.evaluate(FOUND)
        self.found += [f"{name}: {each}" for each in found]


@pytest.fixture
async def poisoned(dev_instance: Instance, dev_client: Client, dev_fediverse: Fediverse) -> None:
    """Campaigns, signers and people elsewhere, all of whose words are markup."""
    words = MARKUP.replace("'", "''")
    asks = {"asks": "postcode?, city?, street?, phone?"}
    for slug, kind in (("letter", "open-letter"), ("park", "consultation"), ("helpers", "pledge")):
        more = {"park": {"options": f"['{SHORT}', 'Other']"}, "helpers": {"roles": f"['{SHORT}']"}}
        await writing.campaign(
            dev_instance,
            slug,
            kind=kind,
            title=f"'{words}'",
            topic=f"'{SHORT}'",
            text=f"{MARKUP}\n\n{HTML}",
            privacy=f"'{words}'",
            **asks,
            **more.get(slug, {}),
        )
        await writing.translation(dev_instance, slug, "de", f"'{words}'", MARKUP)
        await writing.news(dev_instance, slug, f"'{words}'", HTML)
        fields = {
            "name": MARKUP[:100], "mail": f"bob{slug}@mail.example", "reason": MARKUP, "shown": "name",
            "postcode": MARKUP[:120], "city": MARKUP[:120], "street": MARKUP[:120], "phone": MARKUP[:120],
            "choice": "1", "roles-1": "yes", "consent-own": "yes",
        }  # fmt: skip
        if slug == "letter":
            fields |= {"organisation": MARKUP[:100], "website": "https://mail.example", "role": MARKUP[:100]}
        answer = await forms.sign(dev_client, slug, None, **fields)
        assert answer.status == 303, answer.text
        letter = (await letters.waiting(dev_instance, f"bob{slug}@mail.example"))[-1]
        assert "<script>" not in letter.html
        assert (await forms.post(dev_client, letter.links["confirm"], {})).status == 303
    server = await dev_fediverse.server()
    mallory = await server.person("mallory", summary=HTML)
    server.documents[signing.target(mallory.uri)] = mallory.document | {"name": MARKUP}
    base = dev_instance.settings.url
    for slug in ("letter", "park"):
        assert (await mallory.reply(f"{base}/campaigns/{slug}", HTML)).status == 202


async def test_no_markup_of_anybody_is_markup_of_ours(
    open_tab: Open, dev_instance: Instance, dev_client: Client, clock: Clock, poisoned: None
) -> None:
    password = await staff.hire(dev_instance, OWNER, "owner")
    async with open_tab() as tab:
        walker = inspection(tab, dev_client)
        seen = Search(tab, walker.app, "")
        tab.page.on("dialog", lambda dialog: seen.found.append(f"a dialog: {dialog.message}"))
        await tab.open("/admin/login")
        await tab.page.get_by_label("Mail address").fill(OWNER)
        await tab.page.get_by_label("Password").fill(password)
        await tab.page.get_by_role("button", name="Log in").click()
        await tab.page.wait_for_url("**/admin")
        for desk in ("/admin/moderation", "/admin/moderation/reasons"):
            await tab.open(desk)
            await seen.inspect(desk)
            for box in await tab.page.locator("input[name=id]").all():
                await box.check()
            await tab.page.get_by_role("button", name="Show the chosen ones").click()
        clock.advance(5)
        slugs = ("letter", "park", "helpers")
        for slug in slugs:
            for path in (f"/campaigns/{slug}", f"/campaigns/{slug}?lang=de", f"/admin/campaigns/{slug}"):
                await tab.open(path)
                await seen.inspect(path)
        await seen.walk(["/", "/campaigns/letter/signatories", "/campaigns/park/debate", "/admin"])
        await seen.walk(["/admin/campaigns/letter/organisations", "/admin/campaigns/helpers/volunteers"])
        await tab.open("/campaigns/letter")
        assert await tab.page.get_by_text("onerror=alert(1)").count() >= 3
        assert not await tab.page.get_by_text("49", exact=True).count()
    assert not seen.found, "\n".join(seen.found)
    assert len(seen.routes) > 40

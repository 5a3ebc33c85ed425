"""Organisations sign an open letter: known by their domain, listed first, with a logo that we drew."""

import io
import re

import aiohttp
import pytest
from PIL import Image
from sqlalchemy import select

from federation import sketches
from fedicause.fields import Unusable
from fedicause.instance import Instance
from fedicause.signing import cosign
from storage.cosigner_models import Cosigner
from storage.models import Campaign
from tests import forms, letters
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import alliances, staff, supporters, writing

ORGANISATION = {"organisation": "Oak & Friends", "website": "www.oaks.example/about?x#y", "role": "Chair"}


@pytest.fixture
async def letter(instance: Instance) -> Campaign:
    return await writing.campaign(instance, "letter", kind="open letter")


async def page(client: Client, clock: Clock, path: str = "/campaigns/letter") -> str:
    clock.advance(2)
    answer = await forms.get(client, path)
    assert answer.status == 200
    return answer.text


def drawn(size: tuple[int, int] = (1200, 600)) -> bytes:
    output = io.BytesIO()
    Image.new("RGBA", size, (20, 120, 60, 128)).save(output, "PNG")
    return output.getvalue()


async def with_logo(client: Client, path: str, data: bytes) -> tuple[int, str]:
    form = aiohttp.FormData()
    form.add_field("logo", io.BytesIO(data), filename="logo.png", content_type="image/png")
    async with client.post(path, data=form, headers=forms.BROWSER, allow_redirects=False) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("domain", "website", "proven"),
    [
        ("oaks.example", "https://oaks.example", True),
        ("oaks.example", "https://www.oaks.example/about", True),
        ("oaks.example", "https://berlin.oaks.example", True),
        ("me.freehost.example", "https://freehost.example", False),
        ("oaks.example", "https://notoaks.example", False),
        ("gmail.com", "https://gmail.com", False),
    ],
)
def test_who_speaks_for_a_website(domain: str, website: str, proven: bool) -> None:
    assert cosign.is_proven(domain, website) is proven


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("oaks.example", "https://oaks.example"),
        (" HTTP://Oaks.Example/a/?x#y", "http://oaks.example/a"),
        ("bäume.example", "https://xn--bume-loa.example"),
    ],
)
def test_a_website_is_kept_in_one_spelling(written: str, kept: str) -> None:
    assert cosign.website(written) == kept


@pytest.mark.parametrize(
    "written",
    ["", "oaks", "javascript:alert(1)", "http://127.0.0.1", "https://[::1]/", "ftp://oaks.example",
     "a b.example", 'https://oaks.example/"onclick="x', "https://bob@oaks.example", "https://oaks.example\\evil"],
)  # fmt: skip
def test_what_is_no_website(written: str) -> None:
    with pytest.raises(Unusable):
        cosign.website(written)


async def test_an_organisation_is_listed_once_its_person_has_confirmed_from_its_domain(
    client: Client, instance: Instance, letter: Campaign, clock: Clock
) -> None:
    path = await supporters.sign(
        client, instance, "letter", "ann@oaks.example", shown="nothing", **ORGANISATION
    )
    assert "Oak &amp; Friends" not in await page(client, clock)
    shown = (await forms.get(client, path)).text
    assert "Oak &amp; Friends, Chair" in shown
    assert "Your address is at oaks.example" in shown
    assert (await with_logo(client, path, drawn()))[0] == 303
    text = await page(client, clock)
    assert 'href="https://www.oaks.example/about"' in text
    assert "signed from oaks.example" in text
    assert "Chair" not in text
    logo = re.search(r'<img src="(/campaigns/letter/organisations/\d+/logo\?\d+)"[^>]* width="480"', text)
    assert logo is not None
    async with client.get(logo[1]) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
        assert Image.open(io.BytesIO(await answer.read())).size == (480, 240)
    async with client.get("/api/campaigns/letter/support") as answer:
        assert (await answer.json())["signatures"] == 1
    # Nothing of it stays with who takes the signature back.
    await forms.post(client, path.replace("/confirm/", "/decline/"), {"withdraw": "yes"})
    assert "Oak &amp; Friends" not in await page(client, clock)
    assert (await forms.get(client, logo[1])).status == 404
    async with instance.database.reading() as session:
        assert list(await session.scalars(select(Cosigner))) == []


async def test_the_role_is_shown_where_it_is_wanted(
    client: Client, instance: Instance, letter: Campaign, clock: Clock
) -> None:
    await supporters.signs(
        client,
        instance,
        "letter",
        "ann@oaks.example",
        role_shown="yes",
        **(ORGANISATION | {"role": "<b>Chair"}),
    )
    assert '<p class="role"><bdi>&lt;b&gt;Chair</bdi></p>' in await page(client, clock)


async def test_one_without_an_address_of_its_own_waits_for_the_staff(
    client: Client, instance: Instance, letter: Campaign, clock: Clock
) -> None:
    path = await supporters.sign(client, instance, "letter", "ann@gmail.com", **ORGANISATION)
    assert "Your address is not at oaks.example" in (await forms.get(client, path)).text
    await supporters.confirm(client, path)
    assert "Oak &amp; Friends" not in await page(client, clock)
    alice = await staff.come_in(client, instance, "campaigner")
    desk = await alice.get("/admin/campaigns/letter/organisations")
    (number,) = set(re.findall(r'action="/admin/campaigns/letter/organisations/(\d+)"', desk.text))
    assert "Oak &amp; Friends" in desk.text
    address = f"/admin/campaigns/letter/organisations/{number}"
    assert (await alice.post(address, {"state": "listed"})).status == 303
    text = await page(client, clock)
    assert "Oak &amp; Friends" in text
    assert "checked by Friends of the Old Forest" in text
    assert (await alice.post(address, {"state": "hidden"})).status == 303
    assert "Oak &amp; Friends" not in await page(client, clock)
    assert (await alice.post(address, {"state": "elsewhere"})).status == 400
    assert (await alice.post("/admin/campaigns/letter/organisations/9999", {"state": "listed"})).status == 404
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.post(address, {"state": "listed"})).status == 403


async def test_an_account_of_an_organisation_is_listed_while_it_endorses(
    client: Client, instance: Instance, letter: Campaign, clock: Clock, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test")
    oaks, bob = await server.person("oaks"), await server.person("bob")
    oaks.more["type"] = "Organization"
    oaks.publish()
    note = "https://ours.test/campaigns/letter"
    for person in (oaks, bob):
        assert (await person.like(note)).status == 202
    alice = await staff.come_in(client, instance, "campaigner")
    address = "/admin/campaigns/letter/organisations"
    await alice.get(address)
    assert (await alice.post(address, {"account": bob.uri})).status == 422
    assert (await alice.post(address, {"account": "https://nobody.example/x"})).status == 422
    assert (await alice.post(address, {"account": oaks.uri})).status == 303
    assert "by its own account at elsewhere.test" in await page(client, clock)
    await oaks.undo()
    assert "by its own account" not in await page(client, clock)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"organisation": "", "website": "oaks.example"}, "Please write the name of the organisation"),
        ({"website": ""}, "Please write the address of its website"),
        ({"website": "javascript:alert(1)"}, "Please write the address of its website"),
        ({"role": "x" * 101}, "That is too long"),
    ],
)
async def test_what_is_wrong_with_an_organisation_is_said(
    client: Client, instance: Instance, letter: Campaign, fields: dict[str, str], said: str
) -> None:
    answer = await forms.sign(client, "letter", mail="ann@oaks.example", **(ORGANISATION | fields))
    assert answer.status == 422
    assert said in answer.text
    assert await letters.waiting(instance) == []


async def test_what_is_no_picture_is_no_logo_and_nothing_is_counted(
    client: Client, instance: Instance, letter: Campaign, clock: Clock
) -> None:
    path = await supporters.sign(client, instance, "letter", "ann@oaks.example", **ORGANISATION)
    for data in (b"<svg onload=alert(1)>", drawn()[:200]):
        status, text = await with_logo(client, path, data)
        assert status == 422
        assert 'id="problem-logo"' in text
    assert (await with_logo(client, path, b"x" * 4_000_000))[0] == 413
    async with client.get("/api/campaigns/letter/support") as answer:
        assert (await answer.json())["signatures"] == 0


async def test_a_petition_asks_for_no_organisation(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    assert 'name="organisation"' not in await page(client, clock, "/campaigns/forest")
    await supporters.signs(client, instance, "forest", "ann@oaks.example", **ORGANISATION)
    assert "Oak" not in await page(client, clock, "/campaigns/forest")


async def test_an_organisation_signs_with_a_partner_of_the_letters_origin(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    path = "clean-river@ally.test"
    async with instance.database.writing() as session:
        river = await alliances.foreign(
            session, alliances.ALLY, "Alpine Allies", "clean-river", {"en": ("River", "")}, now=clock.now()
        )
        river.kind = "open-letter"
        key = instance.seal.close(sketches.new_key())
        coalition = await alliances.coalition(
            session, river.actor_uri, foreign_id=river.id, sketch_key_sealed=key
        )
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=clock.now())
        await alliances.member(session, coalition, alliances.OURS, "Friends", now=clock.now())
    link = await supporters.sign(
        client, instance, path, "ann@oaks.example", name="Ann Aha", shown="name", **ORGANISATION
    )
    assert (await with_logo(client, link, drawn()))[0] == 303
    for shown in (f"/campaigns/{path}", f"/campaigns/{path}/signatories"):
        text = await page(client, clock, shown)
        assert "Oak &amp; Friends" in text
        assert "Ann Aha" in text
    logo = re.search(r'<img src="(/campaigns/clean-river@ally\.test/organisations/\d+/logo\?\d+)"', text)
    assert logo is not None
    assert (await client.get(logo[1])).status == 200

"""The link to somebody's own page: who gets one, for how long, and that looking changes nothing."""

import re

import pytest

from fedicause.instance import Instance
from storage.models import Campaign
from tests import forms, letters, own_page
from tests.clock import Clock
from tests.conftest import Client

BOB = "bob@mail.example"


async def test_every_address_sees_the_same_and_only_its_owner_learns_more(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    await forms.sign(client, mail="carol@mail.example")
    asked = [await own_page.ask(client, mail) for mail in (BOB, "carol@mail.example", "nobody@mail.example")]
    assert [each.status for each in asked] == [303, 303, 303]
    assert {(each.text, each.location) for each in asked} == {("", "/me/sent?lang=en")}
    assert "look into your mailbox" in (await forms.get(client, asked[0].location)).text.lower()
    written = [each.to for each in await letters.waiting(instance) if each.kind == "page"]
    assert written == [BOB, "carol@mail.example"]
    # Spelt otherwise it is the same mailbox, and the letter goes to the address that was confirmed.
    await own_page.ask(client, "Bob+news@Mail.Example")
    assert [each.to for each in await letters.waiting(instance) if each.kind == "page"][2:] == [BOB]


async def test_letters_and_forms_have_limits(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    for _ in range(6):
        assert (await own_page.ask(client)).status == 303
        clock.advance(600)
    assert [each.kind for each in await letters.waiting(instance)].count("page") == 4
    clock.advance(86400)
    await own_page.ask(client)
    assert [each.kind for each in await letters.waiting(instance)].count("page") == 5
    late = None
    for number in range(12):
        asked = (await forms.post(client, "/me", {"mail": f"{number}@few.example"})).hidden()
        clock.advance(5)
        answer = await forms.post(client, "/me?lang=en", asked)
        late = answer if answer.status == 429 else late
    assert late is not None
    assert int(late.headers["Retry-After"]) > 0
    assert "try again in a few minutes" in late.text


async def test_without_a_script_a_second_press_sends_it(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    asked = await forms.post(client, "/me", {"mail": BOB})
    assert (asked.status, "Is this right?" in asked.text) == (200, True)
    assert "very quick" in (await forms.post(client, "/me", asked.hidden())).text
    clock.advance(5)
    assert (await forms.post(client, "/me", asked.hidden())).status == 303
    again = await forms.post(client, "/me", asked.hidden())
    assert "Is this right?" in again.text
    assert [each.kind for each in await letters.waiting(instance)].count("page") == 1
    for wrong in ("", "bob", "bob@localhost", "a\r\nBcc: x@y.example"):
        answer = await forms.post(client, "/me", {"mail": wrong})
        assert (answer.status, 'id="problem-mail"' in answer.text) == (422, True)


async def test_a_form_from_elsewhere_does_nothing(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    path = await own_page.door(client, instance)
    signature = await own_page.only(client, path)
    for form in ("withdraw", "change", "erase"):
        fields = {"signature": signature, "shown": "name"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert (await forms.post(client, f"{path}/{form}", fields, **headers)).status == 403
    assert (await forms.post(client, "/me", {"mail": BOB}, Origin="https://evil.example")).status == 403
    assert await own_page.counted(client, clock) == 1


async def test_looking_at_everything_changes_nothing(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    path = await own_page.door(client, instance)
    signature = await own_page.only(client, path)
    before = await own_page.contents(instance)
    for way in ("", "/erase", "/export", f"/receipts/{signature}", "?done=withdrawn"):
        assert (await forms.get(client, path + way)).status == 200
        async with client.head(path + way) as answer:
            assert answer.status == 200
    for way in ("/withdraw", "/change"):
        assert (await forms.get(client, path + way)).status == 405
    assert await own_page.contents(instance) == before
    assert await own_page.counted(client, clock) == 1


async def test_a_door_that_is_closed_offers_another_one(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    path = await own_page.door(client, instance)
    clock.advance(48 * 3600 - 60)
    assert (await forms.get(client, path)).status == 200
    clock.advance(61)
    for way in ("", "/erase", "/export", "/receipts/1"):
        answer = await forms.get(client, path + way)
        assert (answer.status, "This link works no more" in answer.text) == (404, True)
        assert 'action="/me"' in answer.text
    for way in ("/erase", "/withdraw", "/change"):
        answer = await forms.post(client, path + way, {"signature": "1", "shown": "name"})
        assert (answer.status, "This link works no more" in answer.text) == (404, True)
    assert (await forms.get(client, "/me/nobodys-door-nobodys-door-xx")).status == 404
    assert await own_page.counted(client, clock) == 1


@pytest.mark.parametrize("language", ["de", "fr", "it"])
async def test_the_pages_and_the_letter_speak_the_readers_language(
    client: Client, instance: Instance, campaign: Campaign, language: str
) -> None:
    await own_page.sign(client, instance)
    fields = {"mail": BOB, "altcha": await own_page.solved(client)}
    asked = await forms.post(client, f"/me?lang={language}", fields)
    assert asked.location == f"/me/sent?lang={language}"
    letter = [each for each in await letters.waiting(instance) if each.kind == "page"][-1]
    assert letter.language == language
    path = letter.links["me"]
    own = path.partition("?")[0]
    for address in ("/me", "/me/sent", own, f"{own}/erase", "/receipts"):
        page = await forms.get(client, f"{address}?lang={language}")
        assert f'<html lang="{language}">' in page.text
        assert not re.search(r"What I signed|Erase everything|Take my signature|Check a receipt", page.text)
    # That it was not he who asked can be said in that letter as well.
    assert (await forms.get(client, letter.links["decline"])).status == 200

"""Receipts: what they say and don't, whether they are ours, and whether they are unaltered."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from aiohttp import FormData

from federation import keys, proofs
from fedicause import keyring, tally
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.people import receipt
from storage import coalitions, local_actors
from storage.models import Campaign
from tests import forms, own_page
from tests.clock import Clock
from tests.conftest import Client


def shown(page: forms.Answer) -> str:
    """The receipt in the page's field."""
    found = re.search(r'<textarea id="receipt"[^>]*>(.*?)</textarea>', page.text, re.DOTALL)
    assert found is not None
    return unescape(found[1])


async def told(instance: Instance, campaign: Campaign) -> None:
    """Our tally of the forest, as the worker tells it."""
    async with instance.database.writing() as session:
        coalition = await coalitions.of_campaign(session, campaign.id)
        assert coalition is not None
        await tally.issue(session, Here.at(instance), coalition.id)


async def of_bob(client: Client, instance: Instance, **fields: str) -> tuple[str, str]:
    """His page, and the path of the receipt of what he signed."""
    await own_page.sign(client, instance, **fields)
    path = await own_page.door(client, instance)
    return path, f"{path}/receipts/{await own_page.only(client, path)}"


async def check(client: Client, text: str) -> str:
    """What the page says of a receipt that is pasted."""
    answer = await forms.post(client, "/receipts?lang=en", {"receipt": text})
    found = re.search(r"<strong>([^<]*)</strong>", answer.text)
    assert found is not None
    assert answer.status == (200 if found[1] == "Genuine." else 422)
    assert answer.headers["Cache-Control"] == "no-store"
    return found[1]


async def test_a_receipt_says_what_was_recorded_and_not_of_whom(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    clock.advance(60)
    path, own = await of_bob(client, instance, reason="I swim there.")
    confirmed_at = clock.now()
    await told(instance, campaign)
    clock.advance(60)
    page = await forms.get(client, f"{own}?lang=en")
    assert "A signature was confirmed, and counts" in page.text
    assert "Our newest tally then: 1 signature (epoch 1, version 1)" in page.text
    document = json.loads(shown(page))
    assert document["event"] == "confirmed"
    assert document["campaign"] == "https://ours.test/campaigns/forest"
    assert document["at"] == f"{confirmed_at:%Y-%m-%dT%H:%M:%SZ}"
    assert document["tally"]["version"] == 1
    assert not re.search(r"Bob|Miller|mail\.example|swim", shown(page))
    await forms.post(client, f"{path}/withdraw", {"signature": own.rpartition("/")[2]})
    back = json.loads(shown(await forms.get(client, own)))
    assert (back["event"], back["at"]) == ("withdrawn", f"{clock.now():%Y-%m-%dT%H:%M:%SZ}")


async def test_others_can_check_it_without_us(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    _, own = await of_bob(client, instance)
    document = json.loads(shown(await forms.get(client, own)))
    async with client.get("/actors/org", headers={"Accept": "application/activity+json"}) as answer:
        published = {key.id: key for key in keys.keys_of(await answer.json())}

    async def key_for(key_id: str, *, fresh: bool) -> keys.Key:
        return published[key_id]

    assert await proofs.verify(document, key_for, now=clock.now()) == document["issuer"]


async def test_it_is_downloaded_as_a_file(client: Client, instance: Instance, campaign: Campaign) -> None:
    _, own = await of_bob(client, instance)
    text = shown(await forms.get(client, own))
    answer = await forms.post(client, "/receipts/file", {"receipt": text})
    assert answer.status == 200
    assert re.fullmatch(
        r'attachment; filename="receipt-confirmed-[\d-]{10}\.json"', answer.headers["Content-Disposition"]
    )
    assert json.loads(answer.text) == json.loads(text)
    assert await check(client, answer.text) == "Genuine."
    # Nobody makes us hand out a file of theirs.
    forged = text.replace('"confirmed"', '"withdrawn"')
    assert (await forms.post(client, "/receipts/file", {"receipt": forged})).status == 422


def another(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update({name: value})


@pytest.mark.parametrize(
    "change",
    [
        another("event", "withdrawn"),
        another("at", "2020-01-01T00:00:00Z"),
        another("campaign", "https://ours.test/campaigns/river"),
        another("name", "Bob Miller"),
        lambda document: document.pop("tally"),
        lambda document: document["proof"].update(created="2020-01-01T00:00:00Z"),
        lambda document: document["proof"].update(proofPurpose="authentication"),
        lambda document: document.update(proof=[document["proof"], document["proof"]]),
    ],
)
async def test_whatever_is_changed_shows(
    client: Client, instance: Instance, campaign: Campaign, change: Callable[[dict[str, Any]], object]
) -> None:
    _, own = await of_bob(client, instance)
    document = json.loads(shown(await forms.get(client, own)))
    assert await check(client, json.dumps(document)) == "Genuine."
    change(document)
    assert await check(client, json.dumps(document)) == "Not genuine."


async def test_what_is_not_ours_or_no_receipt_is_told_apart(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    for text in ("", "x", "[]", "[" * 10_000, "\ud800".encode(errors="replace").decode(), "{" * 40, "\0"):
        assert await check(client, text) == "Unreadable."
    somebody = keys.SigningKey("https://ally.test/actors/ally#ed25519-key", keys.generate_ed25519())
    said = {"type": receipt.TYPE, "issuer": "https://ours.test/actors/org", "event": "confirmed"}
    assert await check(client, json.dumps(said)) == "Not from here."
    assert await check(client, json.dumps(proofs.sign(said, somebody, clock.now()))) == "Not from here."
    async with instance.database.reading() as session:
        _, actor = await local_actors.organisation(session)
    own = keyring.proof_key(actor, instance.seal, instance.urls)
    pretended = proofs.sign(said, keys.SigningKey(own.id, keys.generate_ed25519()), clock.now())
    assert await check(client, json.dumps(pretended)) == "Not genuine."
    another_kind = proofs.sign({**said, "type": "fc:Tally"}, own, clock.now())
    assert await check(client, json.dumps(another_kind)) == "No receipt."
    broken = {**said, "event": "<script>alert(1)</script>", "proof": {"verificationMethod": own.id}}
    answer = await forms.post(client, "/receipts", {"receipt": f"</textarea>{json.dumps(broken)}"})
    assert "<script>alert" not in answer.text
    assert answer.text.count("</textarea>") == 1


async def test_an_uploaded_file_is_checked_as_well(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    _, own = await of_bob(client, instance)
    text = shown(await forms.get(client, own))
    for body, status in ((text.encode(), 200), (b"\xff\xfe{}", 422), (b"x" * (receipt.LARGEST + 10), 422)):
        form = FormData({"receipt": ""})
        form.add_field("file", body, filename="receipt.json", content_type="application/json")
        async with client.post("/receipts", data=form) as answer:
            assert answer.status == status
    too_long = {"receipt": "x" * (4 * receipt.LARGEST)}
    assert (await forms.post(client, "/receipts", too_long)).status == 413
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert (await forms.post(client, "/receipts", {"receipt": text}, **elsewhere)).status == 403


async def test_the_receipt_of_an_erasure_says_how_much_was_removed(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    path, _ = await of_bob(client, instance, **{"consent-own": "yes"})
    page = await forms.post(client, f"{path}/erase?lang=en", {})
    assert "Everything about a person was erased" in page.text
    document = json.loads(shown(page))
    removed = document["removed"]
    assert (removed["people"], removed["signatures"], removed["consents"]) == (1, 1, 1)
    assert removed["letters"] == 2
    assert [each["campaign"] for each in document["campaigns"]] == ["https://ours.test/campaigns/forest"]
    assert not re.search(r"Bob|Miller|mail\.example", shown(page))
    assert await check(client, shown(page)) == "Genuine."

"""Somebody's own page: what they signed, changed, and took back."""

import asyncio
import re

import pytest
from sqlalchemy import select, text

from federation import sketches
from fedicause.instance import Instance
from storage import signatures
from storage.coalition_models import Signature
from storage.cosigner_models import Cosigner
from storage.models import Campaign
from storage.partner_models import Sketch
from storage.people_models import Consent, Pledge
from tests import forms, letters, own_page
from tests.clock import Clock
from tests.conftest import Client
from tests.web import alliances, writing

BOB = "bob@mail.example"


async def test_the_page_tells_what_was_signed_and_keeps_its_address_to_itself(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.campaign(instance, "river", title="Clean the river")
    await own_page.sign(
        client, instance, reason="I swim there.", **{"consent-own": "yes", "shown": "initials"}
    )
    await forms.sign(client, "river", name="Robert Miller")
    path = await own_page.door(client, instance)
    page = await forms.get(client, f"{path}?lang=en")
    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert BOB in page.text
    (river, forest) = own_page.entries(page)
    for words in ("Save the old forest", "Signed, and counted", "Bob Miller", "Germany", "your initials"):
        assert words in forest
    assert "I swim there." in forest
    assert re.search(r"May write to you</dt><dd>\s*Friends of the Old Forest", forest)
    for words in ("Clean the river", "Not confirmed yet", "Robert Miller", "nothing of your name", "nobody"):
        assert words in river
    # Nobody else is asked for anything, nor told where a link was.
    assert not re.findall(r'(?:src|action)="(?:https?:)?//', page.text)


async def test_it_tells_what_only_some_kinds_ask(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.campaign(instance, "way", kind="consultation", options="[by train, by bus]")
    await writing.campaign(instance, "garden", kind="pledge", roles="[organiser, baker]")
    await writing.campaign(instance, "letter", kind="open-letter")
    await own_page.sign(client, instance, "way", choice="2")
    await own_page.sign(client, instance, "garden", **{"roles-1": "yes", "roles-2": "yes"})
    fields = {"organisation": "Alpine Allies", "website": "ally.test", "role": "Treasurer"}
    await own_page.sign(client, instance, "letter", **fields)
    path = await own_page.door(client, instance)
    letter, pledge, consultation = own_page.entries(await forms.get(client, path))
    assert re.search(r"Your answer</dt><dd>\s*by bus\s*</dd>", consultation)
    assert re.search(r"I can help as</dt><dd>\s*Organiser\s*,\s*baker\s*</dd>", pledge)
    assert re.search(r"You sign for</dt><dd>\s*Alpine Allies, Treasurer\s*</dd>", letter)
    assert len(await own_page.rows(instance, Cosigner)) == 1
    await forms.post(client, f"{path}/withdraw", {"signature": own_page.number(letter)})
    assert await own_page.rows(instance, Cosigner) == []
    await forms.post(client, f"{path}/withdraw", {"signature": own_page.number(consultation)})
    withdrawn = own_page.entries(await forms.get(client, path))
    assert "Alpine Allies" not in withdrawn[0]
    assert "by bus" not in withdrawn[2]


async def test_taking_a_signature_back_lowers_the_count_and_forgets_what_was_written(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance, reason="I swim there.", **{"consent-own": "yes", "shown": "name"})
    async with instance.database.writing() as session:
        coalition_id = await session.scalar(select(Signature.coalition_id))
        session.add(
            Sketch(
                coalition_id=coalition_id,
                author_uri=alliances.OURS,
                epoch=1,
                version=1,
                signatures=1,
                value=b"",
                document="{}",
                built_at=clock.now(),
            )
        )
    path = await own_page.door(client, instance)
    fields = {"signature": await own_page.only(client, path)}
    assert await own_page.counted(client, clock) == 1
    done = await forms.post(client, f"{path}/withdraw?lang=en", fields)
    assert (done.status, done.location) == (303, f"{path}?lang=en&done=withdrawn")
    assert await own_page.counted(client, clock) == 0
    (entry,) = own_page.entries(page := await forms.get(client, done.location))
    assert "It does not count" in page.text
    assert "Taken back" in entry
    assert "Bob" not in entry
    assert "swim" not in entry
    (pledge,) = await own_page.rows(instance, Pledge)
    assert (pledge.reason_sealed, pledge.shown) == (None, "nothing")
    (signature,) = await own_page.rows(instance, Signature)
    assert not signature.is_named
    (consent,) = await own_page.rows(instance, Consent)
    assert consent.withdrawn_at is not None
    (sketch,) = await own_page.rows(instance, Sketch)
    assert sketch.spoilt == 1
    # Twice is once; and the letter that confirmed it confirms it no more.
    assert (await forms.post(client, f"{path}/withdraw", fields)).location == path
    (first, *_) = await letters.waiting(instance)
    assert (await forms.get(client, first.links["confirm"])).status == 404
    assert (await forms.post(client, first.links["confirm"], {})).status == 404
    async with instance.database.reading() as session:
        assert all(each.agrees for each in await signatures.recount(session))
    # Whoever signs again, has signed.
    await own_page.sign(client, instance)
    assert await own_page.counted(client, clock) == 1


async def test_pressed_twice_at_once_it_is_taken_back_once(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance, mail="carol@mail.example")
    await own_page.sign(client, instance)
    path = await own_page.door(client, instance)
    fields = {"signature": await own_page.only(client, path)}
    pressed = [forms.post(client, f"{path}/withdraw", fields) for _ in range(3)]
    answers = await asyncio.gather(*pressed, forms.post(client, f"{path}/erase", {}))
    assert {each.status for each in answers} <= {200, 303, 404}
    assert await own_page.counted(client, clock) == 1
    async with instance.database.reading() as session:
        assert all(each.agrees for each in await signatures.recount(session))


async def test_what_was_signed_for_another_organisation_is_taken_back_here_whatever_became_of_it(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    async with instance.database.writing() as session:
        texts = {"en": ("Clean water", "")}
        river = await alliances.foreign(
            session, alliances.ALLY, "Alpine Allies", "clean-river", texts, now=clock.now()
        )
        coalition = await alliances.coalition(
            session,
            river.actor_uri,
            foreign_id=river.id,
            sketch_key_sealed=instance.seal.close(sketches.new_key()),
        )
        await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=clock.now())
        name = "Friends of the Old Forest"
        member = await alliances.member(session, coalition, alliances.OURS, name, now=clock.now())
    await own_page.sign(client, instance, "clean-river@ally.test", **{"consent-origin": "yes"})
    async with instance.database.writing() as session:
        (await session.merge(member)).state = "left"
    path = await own_page.door(client, instance)
    (entry,) = own_page.entries(await forms.get(client, path))
    assert "Clean water" in entry
    assert re.search(r"May write to you</dt><dd>\s*Alpine Allies\s*</dd>", entry)
    fields = {"signature": own_page.number(entry), "shown": "nothing", "reason": ""}
    await forms.post(client, f"{path}/change", fields)
    (consent,) = await own_page.rows(instance, Consent)
    assert consent.withdrawn_at is not None
    await forms.post(client, f"{path}/withdraw", fields)
    async with instance.database.reading() as session:
        assert [each.stored for each in await signatures.recount(session) if each.stored] == []
    assert [each.state for each in await own_page.rows(instance, Signature)] == ["withdrawn"]


async def test_what_was_not_confirmed_is_forgotten(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await forms.sign(client)
    path = await own_page.door(client, instance)
    await forms.post(client, f"{path}/withdraw", {"signature": await own_page.only(client, path)})
    assert "There is nothing here any more" in (await forms.get(client, path)).text
    assert await own_page.rows(instance, Signature) == []


async def test_reason_name_and_consents_can_be_changed(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await own_page.sign(client, instance, reason="I swim there.")
    async with instance.database.writing() as session:
        await session.execute(text("UPDATE pledges SET reason_state = 'allowed'"))
    path = await own_page.door(client, instance)
    fields = {"signature": await own_page.only(client, path), "shown": "name", "reason": "I swim there."}
    done = await forms.post(client, f"{path}/change?lang=en", fields | {"may_write": alliances.OURS})
    assert done.location == f"{path}?lang=en&done=changed"
    (pledge,), (signature,) = await own_page.rows(instance, Pledge), await own_page.rows(instance, Signature)
    # The same words as before are still allowed.
    assert (pledge.shown, pledge.reason_state, signature.is_named) == ("name", "allowed", True)
    (consent,) = await own_page.rows(instance, Consent)
    assert (consent.organisation_uri, consent.withdrawn_at) == (alliances.OURS, None)
    await forms.post(client, f"{path}/change", fields | {"shown": "nothing", "reason": "<b>Fish!</b>"})
    (pledge,), (signature,) = await own_page.rows(instance, Pledge), await own_page.rows(instance, Signature)
    assert (pledge.shown, pledge.reason_state, signature.is_named) == ("nothing", "pending", False)
    (consent,) = await own_page.rows(instance, Consent)
    assert consent.withdrawn_at is not None
    page = await forms.get(client, path)
    assert "&lt;b&gt;Fish!&lt;/b&gt;" in page.text
    assert "<b>Fish!</b>" not in page.text
    await forms.post(client, f"{path}/change", fields | {"may_write": alliances.OURS})
    (consent,) = await own_page.rows(instance, Consent)
    assert consent.withdrawn_at is None
    await forms.post(client, f"{path}/change", fields | {"reason": "", "may_write": "https://evil.example/"})
    assert [each.organisation_uri for each in await own_page.rows(instance, Consent)] == [alliances.OURS]
    (pledge,) = await own_page.rows(instance, Pledge)
    assert pledge.reason_sealed is None


@pytest.mark.parametrize("wrong", [{"reason": "x" * 501}, {"shown": "everything"}])
async def test_what_can_not_be_saved_is_said(
    client: Client, instance: Instance, campaign: Campaign, wrong: dict[str, str]
) -> None:
    await own_page.sign(client, instance, reason="I swim there.")
    path = await own_page.door(client, instance)
    fields = {"signature": await own_page.only(client, path), "shown": "name", "reason": ""} | wrong
    answer = await forms.post(client, f"{path}/change", fields)
    assert answer.status == 422
    assert '<details class="me-change" open>' in answer.text
    (pledge,) = await own_page.rows(instance, Pledge)
    assert pledge.reason_sealed is not None


async def test_nobody_changes_what_another_has_signed(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await own_page.sign(client, instance)
    await own_page.sign(client, instance, mail="carol@mail.example")
    bobs = await own_page.door(client, instance)
    carols = await own_page.only(client, await own_page.door(client, instance, "carol@mail.example"))
    assert (await forms.get(client, f"{bobs}/receipts/{carols}")).status == 404
    for form in ("withdraw", "change"):
        answer = await forms.post(client, f"{bobs}/{form}", {"signature": carols, "shown": "name"})
        assert answer.location == bobs
    assert await own_page.counted(client, clock) == 2
    for number in ("", "0", "-1", "x", "9" * 30, "٣"):
        assert (await forms.post(client, f"{bobs}/withdraw", {"signature": number})).status == 303

"""Some months after its end a campaign knows how many signed it, and not who."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from federation import keys, sketches
from federation.httpsig import Forged
from fedicause import keyring, publish, rounds, settings
from fedicause import sign as sign_verbs
from fedicause.campaigning import conclude
from fedicause.coalition import compare, estimate
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.people import retention
from storage import audit, campaigns, signatures
from storage.coalition_models import Coalition, Signature
from storage.models import Campaign
from storage.partner_models import Sketch
from storage.people_models import Anonymised, Consent, Door, Letter, Person, Pledge, ShareLink
from tests import letters
from tests.clock import Clock
from tests.conftest import Client
from tests.forms import get, post, sign
from tests.web import staff

MONTH = 31 * 86_400


async def signed(client: Client, instance: Instance, **fields: str) -> None:
    assert (await sign(client, **fields)).status == 303
    letter = (await letters.waiting(instance, fields.get("mail", "bob@mail.example")))[-1]
    assert (await post(client, f"/confirm/{letter.token()}", {"lang": "en"})).status == 303


async def close(instance: Instance) -> None:
    async with instance.database.writing() as session:
        await publish.close(session, urls=instance.urls, slug="forest", now=instance.now())


async def number(instance: Instance, model: type) -> int:
    async with instance.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def test_who_signed_is_forgotten_and_how_many_stays(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance, reason="My grandmother planted it")
    await signed(client, instance, mail="carol@mail.example", country="FR")
    before = await (await client.get("/api/campaigns/forest/support")).json()
    await close(instance)
    clock.advance(5 * MONTH)
    await rounds.forget_signers(instance)
    assert await number(instance, Pledge) == 2
    clock.advance(2 * MONTH)
    await rounds.forget_signers(instance)

    for model in (Pledge, Person, Consent, Door, Letter):
        assert await number(instance, model) == 0, model
    after = await (await client.get("/api/campaigns/forest/support")).json()
    counted = ("total", "signatures", "countries", "people")
    assert {name: after[name] for name in counted} == {name: before[name] for name in counted}
    async with instance.database.reading() as session:
        rows = list(await session.scalars(select(Signature).order_by(Signature.serial)))
        assert all(each.agrees for each in await signatures.recount(session))
        done = (await session.scalars(select(Anonymised))).one()
        links = list(await session.scalars(select(ShareLink)))
    assert done.signatures == 2
    assert [(row.state, row.country) for row in rows] == [("confirmed", "DE"), ("confirmed", "FR")]
    # Not even a guessed address leads to a row, nor does the moment of a letter.
    assert len({row.item for row in rows}) == 2
    assert all(row.confirmed_at and row.confirmed_at.hour == 0 for row in rows)
    assert all(link.signature_id is None for link in links)
    # Once is enough.
    items = [row.item for row in rows]
    await rounds.forget_signers(instance)
    async with instance.database.reading() as session:
        assert list(await session.scalars(select(Signature.item).order_by(Signature.serial))) == items


async def test_no_address_leads_to_a_signature_any_more(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    async with instance.database.reading() as session:
        coalition = (await session.scalars(select(Coalition))).one()
        item = sketches.item(instance.seal.open(coalition.sketch_key_sealed or b""), "bob@mail.example")
        assert await signatures.by_items(session, coalition.id, [item])
    await close(instance)
    clock.advance(7 * MONTH)
    await rounds.forget_signers(instance)
    async with instance.database.reading() as session:
        assert not await signatures.by_items(session, coalition.id, [item])


async def test_how_many_people_they_were_is_never_reckoned_from_what_is_random_now(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    async with instance.database.writing() as session:
        coalition = (await session.scalars(select(Coalition))).one()
        people = {number.to_bytes(32): "DE" for number in range(sketches.FROM)}
        await sign_verbs.confirm(session, coalition.id, people, now=instance.now())
    await compare.Comparer(instance, keyring.with_our_own(instance, nobody)).tell()
    await estimate.refresh(instance, coalition.id)
    async with instance.database.writing() as session:
        row = (await session.scalars(select(Sketch))).one()
        before = row.value
        # Somebody has just withdrawn, for which it would be built anew.
        row.spoilt = 1
    await close(instance)
    clock.advance(7 * MONTH)
    await rounds.forget_signers(instance)
    await estimate.refresh(instance, coalition.id)
    async with instance.database.reading() as session:
        assert (await session.scalars(select(Sketch.value))).one() == before


async def nobody(key_id: str, *, fresh: bool) -> keys.Key:
    raise Forged(key_id)


async def test_whoever_agreed_to_be_written_to_stays_for_that_alone(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    async with instance.database.writing() as session:
        found = await campaigns.by_slug(session, "forest")
        assert found is not None
        found.asks = json.dumps({"postcode": False})
    await signed(
        client, instance, reason="For the owls", postcode="01067", shown="name", **{"consent-own": "yes"}
    )
    await close(instance)
    clock.advance(7 * MONTH)
    await rounds.forget_signers(instance)
    async with instance.database.reading() as session:
        person = (await session.scalars(select(Person))).one()
        pledge = (await session.scalars(select(Pledge))).one()
        signature = (await session.scalars(select(Signature))).one()
    assert instance.seal.open(person.address_sealed) == b"bob@mail.example"
    assert json.loads(instance.seal.open(pledge.details_sealed)) == {"name": "Bob Miller"}
    assert (pledge.reason_sealed, pledge.network, pledge.token, pledge.shown) == (None, None, None, "nothing")
    assert not signature.is_named


async def test_who_takes_that_back_later_is_forgotten_then(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance, **{"consent-own": "yes"})
    await close(instance)
    clock.advance(7 * MONTH)
    await rounds.forget_signers(instance)
    assert await number(instance, Person) == 1
    async with instance.database.writing() as session:
        consent = (await session.scalars(select(Consent))).one()
        consent.withdrawn_at = instance.now()
    await rounds.forget_signers(instance)
    assert (await number(instance, Person), await number(instance, Pledge)) == (0, 0)


async def test_who_also_signed_something_open_is_known_there(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    async with instance.database.writing() as session:
        # The same person has something else here.
        other = (await session.scalars(select(Coalition))).one()
        second = Coalition(campaign_uri="https://ours.test/actors/river")
        session.add(second)
        await session.flush()
        kept = Signature(
            coalition_id=second.id, item=b"x" * 32, country="DE", state="confirmed", serial=1,
            asked_at=instance.now(), confirmed_at=instance.now(), withdrawn_at=None,
        )  # fmt: skip
        session.add(kept)
        await session.flush()
        person = (await session.scalars(select(Person))).one()
        session.add(
            Pledge(
                signature_id=kept.id, person_id=person.id, details_sealed=instance.seal.close(b"{}"),
                shown="nothing", language="en",
            )
        )  # fmt: skip
    await close(instance)
    clock.advance(7 * MONTH)
    await rounds.forget_signers(instance)
    assert other.id != second.id
    assert (await number(instance, Person), await number(instance, Pledge)) == (1, 1)


async def test_a_step_is_small_and_can_be_done_again(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    for place in range(3):
        await signed(client, instance, mail=f"m{place}@mail.example")
    await close(instance)
    async with instance.database.reading() as session:
        coalition = (await session.scalars(select(Coalition))).one()
    async with instance.database.writing() as session:
        assert await retention.step(session, Here.at(instance), coalition.id, 0) is None
    with pytest.raises(IntegrityError):
        # It is noted once; whoever does it twice by mistake changes nothing.
        async with instance.database.writing() as session:
            await retention.step(session, Here.at(instance), coalition.id, 0)
    assert await number(instance, Pledge) == 0


async def test_a_campaign_says_for_how_long_and_keeps_to_it(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    alice = await staff.come_in(client, instance, "campaigner")
    assert (await alice.post("/admin/campaigns/forest/retention", {"months": "2"})).status == 303
    for wrong in ("0", "-1", "121", "x"):
        assert (await alice.post("/admin/campaigns/forest/retention", {"months": wrong})).status == 422
    async with instance.database.reading() as session:
        latest = (await audit.page(session, limit=1)).entries[0]
    assert (latest.deed, latest.about) == ("campaign.retention", "forest: 2")
    clock.advance(5)
    assert "2 months after the campaign has ended" in (await get(client, "/campaigns/forest/privacy")).text
    await close(instance)
    clock.advance(3 * MONTH)
    await rounds.forget_signers(instance)
    assert await number(instance, Person) == 0
    owner = await staff.come_in(client, instance)
    assert "Who signed is forgotten" in (await owner.get("/admin/campaigns/forest/handover")).text
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.post("/admin/campaigns/forest/retention", {"months": "9"})).status == 403


async def test_what_is_forgotten_does_not_begin_again(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await signed(client, instance)
    await close(instance)
    clock.advance(7 * MONTH)
    await rounds.forget_signers(instance)
    with pytest.raises(publish.Impossible, match="could sign again"):
        async with instance.database.writing() as session:
            await conclude.reopen(session, urls=instance.urls, slug="forest", now=instance.now())


async def test_the_data_protection_text_says_what_why_and_for_how_long(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    async with instance.database.writing() as session:
        found = await campaigns.by_slug(session, "forest")
        assert found is not None
        found.privacy = "Ask <b>Alice</b>.\n\nShe is our officer."
    said = {
        "en": "6 months after the campaign has ended",
        "de": "6 Monate nach dem Ende der Kampagne",
        "it": "6 mesi dopo la fine della campagna",
        "fr": "6 mois après la fin de la campagne",
    }
    for language, words in said.items():
        page = await get(client, f"/campaigns/forest/privacy?lang={language}")
        assert page.status == 200
        assert words in page.text
        assert "Friends of the Old Forest" in page.text
        assert "Ask &lt;b&gt;Alice&lt;/b&gt;." in page.text
        form = await get(client, f"/campaigns/forest?lang={language}")
        assert f'href="/campaigns/forest/privacy?lang={language}"' in form.text
    assert (await get(client, "/campaigns/nothing/privacy")).status == 404


def test_months_end_on_the_same_day_or_the_last_one() -> None:
    from datetime import UTC, datetime

    assert retention.until(datetime(2026, 8, 31, tzinfo=UTC), 6) == datetime(2027, 2, 28, tzinfo=UTC)
    assert retention.until(datetime(2026, 12, 1, tzinfo=UTC), 1) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("given", ["0", "121", "half", "-6"])
def test_an_instance_keeps_names_for_some_months_at_most(given: str, tmp_path: Path) -> None:
    with pytest.raises(settings.Misconfigured, match=re.escape("FEDICAUSE_RETENTION_MONTHS")):
        settings.load(
            {"FEDICAUSE_URL": "https://a.test", "FEDICAUSE_RETENTION_MONTHS": given}, dotenv=tmp_path / "no"
        )

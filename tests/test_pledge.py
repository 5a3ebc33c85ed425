"""Somebody signs: what waits, what counts, and which letters go to whom."""

import secrets
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from fedicause import sign
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.signing import pledge, remind, unconfirmed
from fedicause.signing.acquaint import Given
from fedicause.signing.clerk import Clerk
from fedicause.signing.pledge import Confirmed, Outcome, Wish
from storage import signatures
from storage.coalition_models import Coalition, CountryCount, Signature
from storage.models import Campaign
from storage.people_models import Consent, Door, Letter, Person, Pledge, ShareLink
from tests import letters
from tests.clock import Clock
from tests.web import writing

BOB = Given(name="Bob Miller", address="bob@mail.example", country="DE", language="en")


def wish(
    given: Given = BOB, *, slug: str = "forest", proof: str | None = None, now: Clock | None = None
) -> Wish:
    """A form with a proof of its own."""
    until = (now or Clock()).now() + timedelta(minutes=20)
    return Wish(slug, None, given, proof or secrets.token_hex(32), until)


async def ask(instance: Instance, *wishes: Wish) -> list[Outcome]:
    async with instance.database.writing() as session:
        return await pledge.ask(session, Here.at(instance), wishes)


async def confirm(instance: Instance, *tokens: str) -> list[Confirmed | None]:
    async with instance.database.writing() as session:
        return await pledge.confirm(session, Here.at(instance), tokens)


async def decline(instance: Instance, token: str, *, withdraw: bool = False) -> bool:
    async with instance.database.writing() as session:
        return await pledge.decline(session, Here.at(instance), token, withdraw=withdraw)


async def remember(instance: Instance) -> int:
    async with instance.database.writing() as session:
        return await remind.remind(session, Here.at(instance), 100)


async def sweep(instance: Instance) -> None:
    async with instance.database.writing() as session:
        await unconfirmed.forget(session, Here.at(instance), 100)


async def rows(instance: Instance, table: type) -> list:  # type: ignore[type-arg]
    async with instance.database.reading() as session:
        return list(await session.scalars(select(table)))


async def counted(instance: Instance) -> tuple[int, dict[str, int]]:
    """Our signatures of the forest: all, and by country; as stored, which must be as they are."""
    async with instance.database.reading() as session:
        assert all(each.agrees for each in await signatures.recount(session))
        stored = await session.scalar(select(Coalition.signatures))
        by_country = await session.execute(select(CountryCount.country, CountryCount.signatures))
        return stored or 0, {country: number for country, number in by_country if number}


async def test_a_form_counts_nothing_and_writes_a_letter(instance: Instance, campaign: Campaign) -> None:
    assert await ask(instance, wish()) == ["taken"]
    assert await counted(instance) == (0, {})
    (letter,) = await letters.waiting(instance)
    assert (letter.kind, letter.to) == ("confirm", "bob@mail.example")
    assert "Save the old forest" in letter.subject
    assert "Bob Miller" not in letter.text + letter.html
    (signature,) = await rows(instance, Signature)
    assert signature.state == "pending"


async def test_the_letters_link_makes_it_count_once(instance: Instance, campaign: Campaign) -> None:
    await ask(instance, wish())
    token = (await letters.waiting(instance))[0].token()
    (first,) = await confirm(instance, token)
    assert first is not None
    assert first.is_new
    (second,) = await confirm(instance, token)
    assert second is not None
    assert (second.share, second.is_new) == (first.share, False)
    assert await counted(instance) == (1, {"DE": 1})


async def test_what_nobody_was_sent_confirms_nothing(instance: Instance, campaign: Campaign) -> None:
    await ask(instance, wish())
    assert await confirm(instance, secrets.token_urlsafe(24), "", "\udcff") == [None, None, None]
    assert await counted(instance) == (0, {})


async def test_who_signs_again_before_confirming_gets_a_letter_again(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await ask(instance, wish())
    clock.advance(60)
    await ask(instance, wish(replace(BOB, name="Robert Miller", country="AT")))
    older, newer = await letters.waiting(instance)
    assert (older.kind, newer.kind) == ("confirm", "confirm")
    # What waits is what was written last: the older letter speaks of something else.
    assert await confirm(instance, older.token()) == [None]
    async with instance.database.reading() as session:
        waiting = await pledge.look(session, Here.at(instance), newer.token())
    assert waiting is not None
    assert (waiting.name, waiting.country) == ("Robert Miller", "AT")
    assert await confirm(instance, newer.token()) != [None]
    assert await counted(instance) == (1, {"AT": 1})


async def test_who_has_signed_already_hears_that_and_nothing_changes(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await ask(instance, wish())
    await confirm(instance, (await letters.waiting(instance))[0].token())
    clock.advance(60)
    mallory = replace(BOB, address="BOB+x@mail.example", name="Mallory", country="FR")
    assert await ask(instance, wish(mallory)) == ["taken"]
    letter = (await letters.waiting(instance))[-1]
    # Not to the spelling that Mallory wrote: it may be another mailbox.
    assert (letter.kind, letter.to) == ("known", "bob@mail.example")
    assert set(letter.links) == {"me", "decline"}
    assert len(await rows(instance, Door)) == 1
    assert await counted(instance) == (1, {"DE": 1})
    (kept,) = await rows(instance, Pledge)
    assert b"Mallory" not in instance.seal.open(kept.details_sealed)


async def test_one_address_gets_few_letters_a_day(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    for _ in range(pledge.LETTERS_A_DAY + 3):
        clock.advance(60)
        assert await ask(instance, wish()) == ["taken"]
    sent = await letters.waiting(instance)
    assert len(sent) == pledge.LETTERS_A_DAY
    # The last letter is still about what waits.
    assert await confirm(instance, sent[-1].token()) != [None]
    clock.advance(25 * 3600)
    await ask(instance, wish())
    assert len(await letters.waiting(instance)) == pledge.LETTERS_A_DAY + 1


async def test_one_proof_is_good_for_one_form(instance: Instance, campaign: Campaign) -> None:
    carol = replace(BOB, address="carol@mail.example")
    assert await ask(instance, wish(proof="a" * 64), wish(carol, proof="a" * 64)) == ["taken", "used"]
    assert await ask(instance, wish(carol, proof="a" * 64)) == ["used"]
    assert len(await letters.waiting(instance)) == 1


async def test_spellings_of_one_address_are_one_signature(instance: Instance, campaign: Campaign) -> None:
    spelt = ("bob@mail.example", " Bob@Mail.Example ", "bob+forest@mail.example")
    await ask(instance, *(wish(replace(BOB, address=each)) for each in spelt))
    assert len(await rows(instance, Signature)) == 1
    assert len(await rows(instance, Person)) == 1
    assert len(await letters.waiting(instance)) == 1


async def test_a_closed_campaign_takes_nothing_and_confirms_nothing(
    instance: Instance, campaign: Campaign
) -> None:
    await ask(instance, wish())
    token = (await letters.waiting(instance))[0].token()
    await writing.end(instance, "forest")
    carol = replace(BOB, address="carol@mail.example")
    assert await ask(instance, wish(carol), wish(carol, slug="nowhere")) == ["closed", "missing"]
    assert await confirm(instance, token) == [None]
    assert await counted(instance) == (0, {})


async def test_that_was_not_me_forgets_everything_and_stops_the_letters(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await ask(instance, wish(replace(BOB, consents=frozenset({"own"}))))
    (letter,) = await letters.waiting(instance)
    assert await decline(instance, letter.token("decline"))
    assert await confirm(instance, letter.token()) == [None]
    assert not await decline(instance, letter.token("decline"))
    for table in (Signature, Pledge, Consent):
        assert await rows(instance, table) == []
    (person,) = await rows(instance, Person)
    assert (person.address_sealed, person.domain) == (b"", "")
    clock.advance(24 * 3600)
    assert await ask(instance, wish()) == ["taken"]
    assert await letters.waiting(instance) == []
    # Nor for ever: the owner may want to sign some day.
    clock.advance(unconfirmed.DECLINED_FOR.total_seconds())
    await sweep(instance)
    await ask(instance, wish())
    assert [each.to for each in await letters.waiting(instance)] == ["bob@mail.example"]


async def test_that_was_not_me_leaves_what_counts_unless_that_is_taken_back_too(
    instance: Instance, campaign: Campaign
) -> None:
    await ask(instance, wish())
    (letter,) = await letters.waiting(instance)
    await confirm(instance, letter.token())
    assert await decline(instance, letter.token("decline"))
    assert await counted(instance) == (1, {"DE": 1})
    assert await decline(instance, letter.token("decline"), withdraw=True)
    assert await counted(instance) == (0, {})
    assert await rows(instance, Pledge) == []


async def test_who_withdrew_can_sign_again(instance: Instance, campaign: Campaign, clock: Clock) -> None:
    await ask(instance, wish())
    (letter,) = await letters.waiting(instance)
    await confirm(instance, letter.token())
    async with instance.database.writing() as session:
        (signature,) = await session.scalars(select(Signature))
        own = instance.urls.actor("org", "organisation")
        await sign.withdraw(
            session, signature.coalition_id, [signature.item], own_uri=own, now=instance.now()
        )
    clock.advance(60)
    await ask(instance, wish())
    again = (await letters.waiting(instance))[-1]
    assert again.kind == "confirm"
    assert await counted(instance) == (0, {})
    await confirm(instance, again.token())
    assert await counted(instance) == (1, {"DE": 1})


async def test_who_was_found_to_be_a_fake_is_not_written_to(instance: Instance, campaign: Campaign) -> None:
    await ask(instance, wish())
    async with instance.database.writing() as session:
        (signature,) = await session.scalars(select(Signature))
        signature.state = "invalid"
    assert await ask(instance, wish()) == ["taken"]
    assert len(await letters.waiting(instance)) == 1


async def test_a_consent_is_kept_for_each_organisation_that_was_ticked(
    instance: Instance, campaign: Campaign
) -> None:
    carol = replace(BOB, address="carol@mail.example", consents=frozenset({"own", "origin"}))
    await ask(instance, wish(), wish(carol))
    # The campaign is ours: there is no other organisation to allow it to.
    (consent,) = await rows(instance, Consent)
    assert consent.organisation_uri == "https://ours.test/actors/org"
    assert consent.organisation_name == "Friends of the Old Forest"
    assert consent.withdrawn_at is None


async def test_a_link_counts_who_came_through_it_and_confirmed(
    instance: Instance, campaign: Campaign
) -> None:
    await ask(instance, wish())
    (confirmed,) = await confirm(instance, (await letters.waiting(instance))[0].token())
    assert confirmed is not None
    carol = replace(BOB, address="carol@mail.example", via=confirmed.share)
    dave = replace(BOB, address="dave@mail.example", via=confirmed.share)
    await ask(instance, wish(carol), wish(dave), wish(replace(dave, address="e@mail.example", via="nope")))
    await confirm(instance, *[each.token() for each in (await letters.waiting(instance))[1:2]])
    links = {row.token: row.signatures for row in await rows(instance, ShareLink)}
    assert links[confirmed.share] == 1


async def test_one_reminder_after_two_days_with_the_same_link(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await ask(instance, wish())
    assert await remember(instance) == 0
    clock.advance(unconfirmed.REMINDED_AFTER.total_seconds() + 1)
    assert await remember(instance) == 1
    assert await remember(instance) == 0
    first, second = await letters.waiting(instance)
    assert second.kind == "remind"
    assert first.token() == second.token()
    assert await confirm(instance, second.token()) != [None]


async def test_nobody_is_reminded_who_confirmed_declined_or_can_not_be_reached(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    names = ("confirms", "declines", "bounces")
    await ask(instance, *(wish(replace(BOB, address=f"{name}@mail.example")) for name in names))
    to = {each.to.partition("@")[0]: each for each in await letters.waiting(instance)}
    await confirm(instance, to["confirms"].token())
    await decline(instance, to["declines"].token("decline"))
    async with instance.database.writing() as session:
        rows = await session.scalars(select(Person).where(Person.declined_at.is_(None)))
        for person in rows:
            person.bounced_at = clock.now()
    clock.advance(unconfirmed.REMINDED_AFTER.total_seconds() + 1)
    await remember(instance)
    assert [each.kind for each in await letters.waiting(instance)].count("remind") == 0


async def test_what_is_not_confirmed_is_forgotten_with_the_person(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    carol = replace(BOB, address="carol@mail.example", consents=frozenset({"own"}))
    await ask(instance, wish(), wish(carol))
    await confirm(instance, (await letters.waiting(instance, BOB.address))[0].token())
    clock.advance(unconfirmed.FORGOTTEN_AFTER.total_seconds() - 60)
    await sweep(instance)
    assert len(await rows(instance, Signature)) == 2
    clock.advance(120)
    await sweep(instance)
    assert [each.state for each in await rows(instance, Signature)] == ["confirmed"]
    assert await rows(instance, Consent) == []
    (left,) = await rows(instance, Person)
    assert instance.seal.open(left.address_sealed) == b"bob@mail.example"
    assert {each.person_id for each in await rows(instance, Letter)} == {left.id}
    assert await counted(instance) == (1, {"DE": 1})


async def test_networks_are_forgotten_after_a_week(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    network = instance.seal.blind("network", b"192.0.2.0/24")
    await ask(instance, wish(replace(BOB, network=network)))
    clock.advance(unconfirmed.NETWORKS_KEPT_FOR.total_seconds() - 60)
    await sweep(instance)
    assert [each.network for each in await rows(instance, Pledge)] == [network]
    clock.advance(120)
    await sweep(instance)
    assert [each.network for each in await rows(instance, Pledge)] == [None]


async def test_a_mailbox_that_was_full_is_tried_again_a_day_later(
    instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    await ask(instance, wish())
    async with instance.database.writing() as session:
        (person,) = await session.scalars(select(Person))
        person.bounced_at = clock.now()
    clock.advance(3600)
    await ask(instance, wish())
    assert len(await letters.waiting(instance)) == 1
    clock.advance(24 * 3600)
    await ask(instance, wish())
    assert len(await letters.waiting(instance)) == 2


async def test_nothing_that_was_written_is_readable_without_the_secret(
    instance: Instance, campaign: Campaign
) -> None:
    given = replace(BOB, reason="Because of the owls", more={"postcode": "12345-X"})
    await ask(instance, wish(given))
    await confirm(instance, (await letters.waiting(instance))[0].token())
    async with instance.database.reading() as session:
        everything = b""
        for table in (Person, Pledge, Letter, Signature, Consent, ShareLink, Door):
            for row in (await session.execute(select(table.__table__))).all():
                everything += b"|".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )
    for word in (b"bob@", b"Bob Miller", b"owls", b"12345-X"):
        assert word not in everything


async def test_many_forms_and_confirmations_go_through_the_clerk_together(
    instance: Instance, campaign: Campaign
) -> None:
    import asyncio

    given = [replace(BOB, address=f"p{number}@mail.example") for number in range(300)]
    async with Clerk(instance) as clerk:
        outcomes = await asyncio.gather(*(clerk.ask(wish(each)) for each in given))
        assert set(outcomes) == {"taken"}
        tokens = [each.token() for each in await letters.waiting(instance)]
        assert len(set(tokens)) == 300
        confirmed = await asyncio.gather(*(clerk.confirm(token) for token in tokens))
        assert len({each.share for each in confirmed if each}) == 300
        assert await clerk.decline(tokens[0], withdraw=True)
    assert await counted(instance) == (299, {"DE": 299})


@pytest.mark.parametrize("purpose", ["network", "mail address"])
async def test_keyed_hashes_of_two_purposes_have_nothing_in_common(instance: Instance, purpose: str) -> None:
    seal = instance.seal
    assert seal.blind(purpose, b"x") == seal.blind(purpose, b"x") != seal.blind("another", b"x")
    assert len(seal.blind(purpose, b"x")) == 32

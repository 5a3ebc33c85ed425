"""Sketches: one spelling for each address, one item for each person, and estimates that hosts agree on."""

import base64
import contextlib
import hmac
from typing import Any

import datasketches  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import proofs, sketches
from federation.vocabulary import Malformed
from tests.federation import papers
from tests.federation.papers import ALLY, CAMPAIGN, NOW, SKETCH_KEY


def people(start: int, stop: int) -> list[bytes]:
    return [sketches.item(SKETCH_KEY, f"person{number}@example.org") for number in range(start, stop)]


SMALL = sketches.grown(None, people(0, 5))
FULL = sketches.grown(None, people(0, 3000))

# Addresses


@pytest.mark.parametrize(
    ("address", "spelling"),
    [
        ("bob@example.org", "bob@example.org"),
        ("  Bob@Example.ORG\t\n", "bob@example.org"),
        ("bob+petitions@example.org", "bob@example.org"),
        ("bob+a+b@example.org", "bob@example.org"),
        ("b.o.b@example.org", "b.o.b@example.org"),
        ("STRASSE@example.org", "strasse@example.org"),
        ("straße@example.org", "strasse@example.org"),
        ("zoe\u0308@example.org", "zoë@example.org"),
        ("ZOË@example.org", "zoë@example.org"),
        ("bob@BÜCHER.example", "bob@xn--bcher-kva.example"),
        ("bob@bu\u0308cher.example", "bob@xn--bcher-kva.example"),
        ("bob@XN--BCHER-KVA.example", "bob@xn--bcher-kva.example"),
        ("bob@例え。テスト", "bob@xn--r8jz45g.xn--zckzah"),
        ("o'neil@mail.example.org", "o'neil@mail.example.org"),
        ("bob@localhost", "bob@localhost"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
    ],
)
def test_an_address_has_one_spelling(address: str, spelling: str) -> None:
    assert sketches.canonical(address) == spelling
    assert sketches.canonical(spelling) == spelling


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bob",
        "@example.org",
        "+petitions@example.org",
        "bob@",
        "bob@ ",
        "bob@example.org.",
        "bob@.example.org",
        "bob@exa mple.org",
        "bob@example.org:25",
        "bob@example.org/",
        "bob@127.0.0.1",
        "bob@[127.0.0.1]",
        "bob@[IPv6:::1]",
        "bob@" + "x" * 64 + ".org",
        "bob@-\u200d.org",
        "bob smith@example.org",
        "bob@smith@example.org",
        '"bob"@example.org',
        "Bob <bob@example.org>",
        "bob,carol@example.org",
        "bob\x00@example.org",
        "bob\ud800@example.org",
        "bob@\ud800.org",
        "x" * 65 + "@example.org",
        "ß" * 40 + "@example.org",
    ],
)
def test_what_can_be_no_address_has_no_spelling(address: str) -> None:
    with pytest.raises(Malformed):
        sketches.canonical(address)


@given(st.text(st.characters()) | st.builds("{}@{}".format, st.text(st.characters()), st.text(max_size=10)))
def test_any_text_is_an_address_or_malformed_and_nothing_worse(address: str) -> None:
    try:
        spelling = sketches.canonical(address)
    except Malformed:
        return
    assert spelling.encode().count(b"@") == 1


def test_an_item_is_the_keyed_hash_of_the_one_spelling() -> None:
    expected = hmac.new(SKETCH_KEY, b"bob@example.org", "sha256").digest()
    assert sketches.item(SKETCH_KEY, " Bob+news@EXAMPLE.org") == expected
    assert sketches.item(bytes(32), "bob@example.org") != expected


# Keys


def test_a_key_is_sent_and_read() -> None:
    assert sketches.key_text(SKETCH_KEY) == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert sketches.read_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8") == SKETCH_KEY
    one, other = sketches.new_key(), sketches.new_key()
    assert len(one) == 32
    assert one != other
    assert sketches.read_key(sketches.key_text(one)) == one


@given(papers.JSON | st.from_regex(r"[A-Za-z0-9+/_=-]{40,46}"))
def test_anything_is_a_key_or_malformed(text: object) -> None:
    with contextlib.suppress(Malformed):
        assert len(sketches.read_key(text)) == 32


# Estimates


def test_a_sketch_holds_the_hexadecimal_of_each_item() -> None:
    by_hand = datasketches.hll_sketch(14, datasketches.HLL_4)
    for each in people(0, 3000):
        by_hand.update(each.hex())
    assert by_hand.serialize_compact() == FULL


def test_a_sketch_grows_step_by_step_to_what_it_had_been_at_once() -> None:
    value = None
    for start in range(0, 3000, 500):
        value = sketches.grown(value, people(start, start + 500))
    assert value == FULL
    assert sketches.grown(FULL, people(0, 100)) == FULL


@pytest.mark.parametrize("count", [0, 1, 2, 100, 1000])
def test_few_people_are_counted_within_the_stated_error(count: int) -> None:
    found = sketches.estimate([sketches.grown(None, people(0, count))] * 2)
    assert abs(found.people - count) <= max(1, count * found.error)
    assert sketches.estimate([]) == sketches.Estimate(0, 0.0)


def test_people_who_signed_with_several_partners_are_counted_once() -> None:
    """Five partners with 20,000 signatures each, of which a quarter are also the next one's."""
    values = [sketches.grown(None, people(start, start + 20_000)) for start in range(0, 75_000, 15_000)]
    found = sketches.estimate(values)
    assert found.people == pytest.approx(80_000, rel=0.03)
    assert 0.01 < found.error < 0.03


def test_the_order_of_the_sketches_and_repetitions_make_no_difference() -> None:
    values = [FULL, SMALL, sketches.grown(None, people(2000, 9000)), sketches.grown(None, people(8000, 9200))]
    expected = sketches.estimate(values)
    assert sketches.estimate(values[::-1]) == expected
    assert sketches.estimate(values * 3) == expected


@pytest.mark.parametrize("count", [5, 1200, 5000])
def test_the_author_and_everybody_else_estimate_the_same(count: int) -> None:
    own = sketches.grown(None, people(0, count))
    sent = sketches.read(papers.sketch(own)).value
    assert sketches.estimate([own]) == sketches.estimate([sent])
    assert sketches.estimate([own, FULL]) == sketches.estimate([sent, FULL])


# Documents


async def test_a_sketch_is_built_as_it_is_sent() -> None:
    document = papers.sketch(SMALL)
    assert await proofs.verify(document, papers.key_for, now=NOW) == ALLY
    del document["proof"]
    assert document == {
        "@context": [
            "https://www.w3.org/ns/activitystreams",
            "https://w3id.org/security/data-integrity/v2",
            {"fc": "https://w3id.org/fedicause/ns#"},
        ],
        "id": "https://b.example/campaigns/forest@a.example/sketch",
        "type": "fc:Sketch",
        "attributedTo": "https://b.example/actors/ally",
        "fc:campaign": "https://a.example/actors/forest",
        "fc:epoch": 1,
        "fc:version": 42,
        "fc:lgK": 14,
        "fc:value": base64.b64encode(SMALL).decode(),
    }


def test_what_was_built_and_signed_is_read() -> None:
    document = papers.sketch(FULL)
    found = sketches.read(document)
    assert (found.author, found.campaign, found.epoch, found.version) == (ALLY, CAMPAIGN, 1, 42)
    assert sketches.estimate([found.value]).people == pytest.approx(3000, rel=0.03)
    assert found.document is document


UNFITTING: dict[str, dict[str, Any]] = {
    "another type": {"type": "fc:Tally"},
    "no context": {"@context": ...},
    "no id": {"id": ...},
    "an id on another host": {"id": "https://a.example/campaigns/forest/sketch"},
    "no author": {"attributedTo": ...},
    "no campaign": {"fc_campaign": ...},
    "no epoch": {"fc_epoch": ...},
    "no version": {"fc_version": ...},
    "no size": {"fc_lgK": ...},
    "another size": {"fc_lgK": 12},
    "no value": {"fc_value": ...},
    "a value of bytes": {"fc_value": list(SMALL)},
    "an empty value": {"fc_value": ""},
    "another alphabet": {"fc_value": "__" + base64.b64encode(SMALL).decode()[2:]},
    "white space": {"fc_value": base64.b64encode(SMALL).decode() + "\n"},
    "half a byte": {"fc_value": base64.b64encode(SMALL).decode()[:-1]},
    "a value without end": {"fc_value": "A" * 40_000},
    "a document without end": {"name": "x" * 50_000},
}


@pytest.mark.parametrize("what", UNFITTING)
def test_no_sketch_may_say(what: str) -> None:
    """Truly signed: only the reader keeps it out."""
    with pytest.raises(Malformed):
        sketches.read(papers.sketch(SMALL, **UNFITTING[what]))


def test_a_sketch_without_a_proof_is_none() -> None:
    with pytest.raises(Malformed):
        sketches.read(papers.changed(papers.sketch(SMALL), {"proof": ...}))


@given(document=papers.JSON | papers.disturbed(papers.sketch(SMALL)))
def test_any_json_is_a_sketch_or_malformed_and_nothing_worse(document: object) -> None:
    try:
        found = sketches.read(document)
    except Malformed:
        return
    assert sketches.estimate([found.value]).people == 5

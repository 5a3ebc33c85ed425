"""Tallies to the byte: what is one, what is none, and what two of them have in common."""

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import apsig  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import proofs, signed, strictjson, tallies, vocabulary
from federation.httpsig import Forged
from federation.vocabulary import Malformed
from tests.federation import papers
from tests.federation.papers import ALLY, CAMPAIGN, NOW, ORG

LARGEST = 2**53 - 1


def read(document: object) -> tallies.Tally:
    return tallies.read(document, now=NOW)


def test_a_tally_is_built_as_it_is_published() -> None:
    assert papers.unsigned_tally() == {
        "@context": [
            "https://www.w3.org/ns/activitystreams",
            "https://w3id.org/security/data-integrity/v2",
            {"fc": "https://w3id.org/fedicause/ns#"},
        ],
        "id": "https://b.example/campaigns/forest@a.example/tally",
        "type": "fc:Tally",
        "attributedTo": "https://b.example/actors/ally",
        "fc:campaign": "https://a.example/actors/forest",
        "fc:epoch": 1,
        "fc:version": 42,
        "fc:signatures": 1234,
        "fc:endorsements": 0,
        "fc:countries": {"DE": 600, "IT": 421, "ZZ": 213},
        "updated": "2026-11-21T20:00:00Z",
    }


def test_a_built_tally_shares_nothing_with_the_next() -> None:
    papers.unsigned_tally()["@context"][2]["fc"] = "https://mallory.test/"
    assert papers.unsigned_tally()["@context"] == vocabulary.PROVEN_CONTEXT


def test_what_was_built_and_signed_is_read() -> None:
    document = papers.tally()
    found = read(document)
    assert (found.id, found.author, found.campaign) == (document["id"], ALLY, CAMPAIGN)
    assert (found.epoch, found.version, found.signatures, found.endorsements) == (1, 42, 1234, 0)
    assert found.countries == {"DE": 600, "IT": 421, "ZZ": 213}
    assert found.updated == NOW
    assert found.proof_value == document["proof"]["proofValue"]
    assert found.document is document


async def test_a_tally_survives_the_way_through_json_with_its_proof() -> None:
    document = strictjson.decode(json.dumps(papers.tally(), indent=3).encode())
    assert await proofs.verify(read(document).document, papers.key_for, now=NOW) == ALLY


def test_apsig_accepts_the_proof_of_a_tally() -> None:
    verifier = apsig.ProofVerifier(papers.key_of(ALLY).private.public_key())
    # It takes its argument apart.
    assert verifier.verify(copy.deepcopy(papers.tally())) == f"{ALLY}#ed25519-key"
    assert verifier.verify(copy.deepcopy(papers.tally() | {"fc:signatures": 12340})) is None


async def test_a_tally_that_apsig_signed_is_read_and_verified() -> None:
    made = apsig.ProofSigner(papers.key_of(ALLY).private).sign(
        papers.unsigned_tally(),
        {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "created": "2026-11-21T20:00:00Z",
            "verificationMethod": f"{ALLY}#ed25519-key",
            "proofPurpose": "assertionMethod",
        },
    )
    assert await proofs.verify(read(made).document, papers.key_for, now=NOW) == ALLY
    with pytest.raises(Forged):
        await proofs.verify(made | {"fc:version": 43}, papers.key_for, now=NOW)


FITTING: dict[str, dict[str, Any]] = {
    "nothing yet": {"fc_signatures": 0, "fc_countries": {}},
    "nobody known": {"fc_signatures": 3, "fc_countries": {"ZZ": 3}},
    "as many as there can be": {"fc_signatures": LARGEST, "fc_countries": {"DE": LARGEST}},
    "members that we don't know": {"fc_mood": "good", "name": None},
    "an hour ahead": {"updated": "2026-11-21T21:00:00Z"},
    "another zone": {"updated": "2026-11-21T21:30:00.5+01:30"},
    "the origin's with endorsements": {
        "id": "https://a.example/campaigns/forest/tally",
        "attributedTo": ORG,
        "fc_endorsements": 12,
    },
}


@pytest.mark.parametrize("what", FITTING)
def test_a_tally_may_say(what: str) -> None:
    read(papers.tally(**FITTING[what]))


UNFITTING: dict[str, dict[str, Any]] = {
    "another type": {"type": "fc:Sketch"},
    "several types": {"type": ["fc:Tally"]},
    "no context": {"@context": ...},
    "a context of its own": {"@context": [vocabulary.AS2, {"fc": "https://mallory.test/ns#"}]},
    "one context more": {"@context": [*vocabulary.PROVEN_CONTEXT, {"fc": "https://mallory.test/ns#"}]},
    "no id": {"id": ...},
    "an id on another host": {"id": "https://a.example/campaigns/forest/tally"},
    "an id that is no URI": {"id": "tally"},
    "no author": {"attributedTo": ...},
    "two authors": {"attributedTo": [ALLY, ORG]},
    "an embedded author": {"attributedTo": {"id": ALLY}},
    "an author that breaks a line": {"attributedTo": ALLY + "\n"},
    "no campaign": {"fc_campaign": ...},
    "a campaign that is no URI": {"fc_campaign": "forest"},
    "no epoch": {"fc_epoch": ...},
    "a negative epoch": {"fc_epoch": -1},
    "a version in words": {"fc_version": "42"},
    "a version that is true": {"fc_version": True},
    "a version with a point": {"fc_version": 42.0},
    "less than nothing": {"fc_signatures": -10, "fc_countries": {"ZZ": -10}},
    "endorsements of a partner": {"fc_endorsements": 1},
    "no endorsements at all": {"fc_endorsements": ...},
    "no countries": {"fc_countries": ...},
    "countries in a list": {"fc_countries": ["DE", 1234]},
    "countries that don't sum": {"fc_countries": {"DE": 600, "ZZ": 633}},
    "a country in small letters": {"fc_countries": {"de": 1234}},
    "a country by its name": {"fc_countries": {"DEU": 1234}},
    "a country under ten": {"fc_countries": {"LI": 9, "ZZ": 1225}},
    "a country of nobody": {"fc_countries": {"LI": 0, "ZZ": 1234}},
    "a negative country": {"fc_countries": {"LI": -10, "ZZ": 1244}},
    "half a signature": {"fc_countries": {"LI": 10.5, "ZZ": 1223.5}},
    "no time": {"updated": ...},
    "a time without a zone": {"updated": "2026-11-21T20:00:00"},
    "a day": {"updated": "2026-11-21"},
    "a week": {"updated": "2026-W47-6T20:00:00Z"},
    "a time that never was": {"updated": "2026-02-30T20:00:00Z"},
    "a time over an hour ahead": {"updated": "2026-11-21T21:00:01Z"},
    "more than sixteen kibibytes": {"name": "x" * 16 * 1024},
}


@pytest.mark.parametrize("what", UNFITTING)
def test_no_tally_may_say(what: str) -> None:
    """Truly signed: only the reader keeps it out."""
    with pytest.raises(Malformed):
        read(papers.tally(**UNFITTING[what]))


@pytest.mark.parametrize("name", ["fc:epoch", "fc:version", "fc:signatures", "fc:endorsements"])
def test_no_integer_is_beyond_what_every_parser_reads(name: str) -> None:
    # It has no canonical form, so that nobody can have signed it.
    with pytest.raises(Malformed):
        read(papers.tally() | {name: LARGEST + 1})


def test_more_countries_than_the_world_has_are_refused() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    world = [one + other for one in letters for other in letters][:261]
    assert read(papers.tally(fc_countries=dict.fromkeys(world[:260], 10), fc_signatures=2600))
    with pytest.raises(Malformed):
        read(papers.tally(fc_countries=dict.fromkeys(world, 10), fc_signatures=2610))


VALUE = papers.tally()["proof"]["proofValue"]


@pytest.mark.parametrize(
    "proof",
    [
        ...,
        None,
        "proof",
        [],
        [{}, {}],
        [papers.tally()["proof"]] * 2,
        {},
        {"proofValue": None},
        {"proofValue": 7},
        {"proofValue": VALUE[:-2]},
        {"proofValue": VALUE + "\n"},
        {"proofValue": "u" + VALUE[1:]},
        {"proofValue": "z" * 100_000},
    ],
)
def test_a_tally_without_exactly_one_proof_is_none(proof: object) -> None:
    with pytest.raises(Malformed):
        read(papers.changed(papers.tally(), {"proof": proof}))


@given(document=papers.JSON | papers.disturbed(papers.tally()))
def test_any_json_is_a_tally_or_malformed_and_nothing_worse(document: object) -> None:
    readers: list[Callable[[object], object]] = [read, tallies.read_collection, tallies.read_evidence]
    for reader in readers:
        try:
            found = reader(document)
        except Malformed:
            continue
        if isinstance(found, tallies.Tally):
            assert found.signatures == sum(found.countries.values())
            assert tallies.digest([(found.author, found.epoch, found.version, found.proof_value)])


def test_a_bottomless_document_is_malformed() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(Malformed):
        read(papers.tally() | {"x": deep})


# What is covered


def test_two_tallies_say_the_same_whatever_their_spelling_and_proof() -> None:
    document = papers.tally()
    turned = json.loads(json.dumps(dict(reversed(document.items())), indent=2))
    later = proofs.sign(papers.unsigned_tally(), papers.key_of(ALLY), NOW + timedelta(hours=1))
    assert later["proof"] != document["proof"]
    for same in (turned, later, document | {"signature": {"type": "RsaSignature2017"}}):
        assert proofs.covered(same) == proofs.covered(document)


@pytest.mark.parametrize(
    "change", [{"fc_signatures": 1235}, {"updated": "2026-11-21T20:00:01Z"}, {"name": "n"}]
)
def test_two_tallies_that_differ_in_anything_do_not_say_the_same(change: dict[str, Any]) -> None:
    assert proofs.covered(papers.tally(**change)) != proofs.covered(papers.tally())


# Folding


def test_a_country_with_fewer_than_ten_is_told_as_unknown() -> None:
    counts = {"IT": 421, "DE": 600, "LI": 9, "MT": 10, "ZZ": 4, "eu": 50, "FR": 0}
    assert list(tallies.folded(counts).items()) == [("DE", 600), ("IT", 421), ("MT", 10), ("ZZ", 63)]


@given(st.dictionaries(st.text(max_size=3) | st.sampled_from(["DE", "IT", "ZZ"]), st.integers(0, 10**6)))
def test_folding_loses_no_signature_and_folding_again_changes_nothing(countries: dict[str, int]) -> None:
    once = tallies.folded(countries)
    assert sum(once.values()) == sum(countries.values())
    assert all(count >= 10 for country, count in once.items() if country != "ZZ")
    assert 0 not in once.values()
    assert tallies.folded(once) == once
    if len(once) <= 260:
        read(papers.tally(fc_countries=once, fc_signatures=sum(once.values())))


def test_the_largest_integer_is_what_the_canonical_form_allows() -> None:
    assert proofs.canonical([signed.LARGEST_INTEGER])
    with pytest.raises(Malformed):
        proofs.canonical([signed.LARGEST_INTEGER + 1])

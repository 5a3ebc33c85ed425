"""Rosters to the byte: what is one, and what is none."""

from typing import Any

import pytest
from hypothesis import given

from federation import proofs, rosters
from federation.vocabulary import Malformed
from tests.federation import papers
from tests.federation.papers import ALLY, CAMPAIGN, NOW, ORG


def read(document: object) -> rosters.Roster:
    return rosters.read(document, now=NOW)


async def test_a_roster_is_built_as_it_is_published() -> None:
    document = papers.roster()
    assert await proofs.verify(document, papers.key_for, now=NOW) == CAMPAIGN
    del document["proof"]
    assert document == {
        "@context": [
            "https://www.w3.org/ns/activitystreams",
            "https://w3id.org/security/data-integrity/v2",
            {"fc": "https://w3id.org/fedicause/ns#"},
        ],
        "id": "https://a.example/campaigns/forest/partners",
        "type": "Collection",
        "attributedTo": "https://a.example/actors/forest",
        "fc:version": 7,
        "updated": "2026-11-21T20:00:00Z",
        "totalItems": 2,
        "items": ["https://a.example/actors/org", "https://b.example/actors/ally"],
    }


def test_what_was_built_and_signed_is_read() -> None:
    document = papers.roster()
    found = read(document)
    assert (found.id, found.campaign, found.version) == (document["id"], CAMPAIGN, 7)
    assert found.members == (ORG, ALLY)
    assert found.updated == NOW
    assert found.proof_value == document["proof"]["proofValue"]
    assert found.document is document


def members(count: int) -> dict[str, Any]:
    return {
        "items": [f"https://p{number}.example/actors/org" for number in range(count)],
        "totalItems": count,
    }


@pytest.mark.parametrize("change", [members(1), members(1000), {"fc_version": 0}, {"name": "Partners"}])
def test_a_roster_may_say(change: dict[str, Any]) -> None:
    read(papers.roster(**change))


UNFITTING: dict[str, dict[str, Any]] = {
    "another type": {"type": "OrderedCollection"},
    "no context": {"@context": ...},
    "no id": {"id": ...},
    "an id on another host": {"id": "https://b.example/campaigns/forest/partners"},
    "no campaign": {"attributedTo": ...},
    "two campaigns": {"attributedTo": [CAMPAIGN, ORG]},
    "no version": {"fc_version": ...},
    "a negative version": {"fc_version": -1},
    "a version with a point": {"fc_version": 7.0},
    "no time": {"updated": ...},
    "a time in the future": {"updated": "2026-11-21T21:00:01Z"},
    "no members": {"items": ...},
    "nobody": members(0),
    "more than a thousand": members(1001),
    "a member twice": {"items": [ORG, ALLY, ORG], "totalItems": 3},
    "an embedded member": {"items": [ORG, {"id": ALLY}]},
    "a member that is no URI": {"items": [ORG, "ally@b.example"]},
    "members that are a text": {"items": ORG, "totalItems": len(ORG)},
    "another total": {"totalItems": 3},
    "no total": {"totalItems": ...},
    "more than a quarter of a mebibyte": {"name": "x" * 256 * 1024},
}


@pytest.mark.parametrize("what", UNFITTING)
def test_no_roster_may_say(what: str) -> None:
    """Truly signed: only the reader keeps it out."""
    with pytest.raises(Malformed):
        read(papers.roster(**UNFITTING[what]))


def test_a_roster_without_a_proof_is_none() -> None:
    with pytest.raises(Malformed):
        read(papers.changed(papers.roster(), {"proof": ...}))


@given(document=papers.JSON | papers.disturbed(papers.roster()))
def test_any_json_is_a_roster_or_malformed_and_nothing_worse(document: object) -> None:
    try:
        found = read(document)
    except Malformed:
        return
    assert 0 < len(found.members) == len(set(found.members))

"""How tallies travel together: the digest that tells them apart, collections, and evidence."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import tallies
from federation.vocabulary import Malformed
from tests.federation import papers

VALUE = papers.tally()["proof"]["proofValue"]
HEADS = [
    ("https://b.example/actors/ally", 1, 42, VALUE),
    ("https://a.example/actors/org", 2, 7, "z1"),
    ("https://c.example/actors/river", 1, 420, "z2"),
]


def test_a_digest_is_made_as_it_is_published() -> None:
    lines = (
        "https://a.example/actors/org 2 7 z1\n"
        f"https://b.example/actors/ally 1 42 {VALUE}\n"
        "https://c.example/actors/river 1 420 z2\n"
    )
    expected = base64.urlsafe_b64encode(hashlib.sha256(lines.encode()).digest()).decode().rstrip("=")
    assert tallies.digest(HEADS) == expected
    assert tallies.digest([]) == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_lines_of_a_digest_are_sorted_bytewise() -> None:
    # By characters 9 comes before 10, by numbers 10 comes after 9, by UTF-16 𐀀 before ﹐.
    one, two, three = (
        ("https://b.example/a", 10, 1, "z"),
        ("https://b.example/a", 9, 1, "z"),
        ("﹐", 1, 1, "z"),
    )
    lines = b"https://b.example/a 10 1 z\nhttps://b.example/a 9 1 z\n" + "﹐ 1 1 z\n𐀀 1 1 z\n".encode()
    expected = base64.urlsafe_b64encode(hashlib.sha256(lines).digest()).decode().rstrip("=")
    assert tallies.digest([("𐀀", 1, 1, "z"), three, two, one]) == expected


@given(st.permutations(HEADS))
def test_the_order_of_the_heads_makes_no_difference(heads: list[tuple[str, int, int, str]]) -> None:
    assert tallies.digest(heads) == tallies.digest(HEADS)


@pytest.mark.parametrize("place", range(4))
def test_any_other_head_makes_another_digest(place: int) -> None:
    for other in HEADS[1:]:
        changed = (*HEADS[0][:place], other[place], *HEADS[0][place + 1 :])
        if changed != HEADS[0]:
            assert tallies.digest([changed, *HEADS[1:]]) != tallies.digest(HEADS)


def test_a_collection_is_built_as_it_is_published_and_read_again() -> None:
    document = tallies.collection(
        id="https://a.example/campaigns/forest/tallies",
        tallies=[papers.tally()],
        digest=tallies.digest(HEADS),
    )
    assert document == {
        "@context": ["https://www.w3.org/ns/activitystreams", {"fc": "https://w3id.org/fedicause/ns#"}],
        "id": "https://a.example/campaigns/forest/tallies",
        "type": "Collection",
        "totalItems": 1,
        "items": [papers.tally()],
        "fc:digest": tallies.digest(HEADS),
    }
    assert tallies.read_collection(document) == ([papers.tally()], tallies.digest(HEADS))


def test_a_collection_may_be_empty_or_without_a_digest() -> None:
    assert tallies.read_collection({"type": "Collection", "items": []}) == ([], None)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "OrderedCollection"},
        {"items": ...},
        {"items": {}},
        {"items": ["https://b.example/campaigns/forest@a.example/tally"]},
        {"items": [{}] * 1001},
        {"fc_digest": 7},
        {"fc_digest": "short"},
        {"fc_digest": "A" * 44},
        {"fc_digest": "A" * 42 + "\n"},
    ],
)
def test_no_collection_is(change: dict[str, Any]) -> None:
    document = tallies.collection(id="https://a.example/t", tallies=[{}] * 1000, digest="A" * 43)
    tallies.read_collection(document)
    with pytest.raises(Malformed):
        tallies.read_collection(papers.changed(document, change))


def test_evidence_is_built_as_it_is_published_and_read_again() -> None:
    pair = (papers.tally(), papers.tally(fc_signatures=1235, fc_countries={"ZZ": 1235}))
    document = tallies.evidence(id="https://a.example/campaigns/forest/evidence", pairs=[pair])
    assert document == {
        "@context": ["https://www.w3.org/ns/activitystreams", {"fc": "https://w3id.org/fedicause/ns#"}],
        "id": "https://a.example/campaigns/forest/evidence",
        "type": "Collection",
        "totalItems": 1,
        "items": [{"type": "fc:Equivocation", "items": list(pair)}],
    }
    assert tallies.read_evidence(document) == [pair]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "fc:Equivocation"},
        {"type": "fc:Equivocation", "items": [{}]},
        {"type": "fc:Equivocation", "items": [{}, {}, {}]},
        {"type": "fc:Equivocation", "items": [{}, "https://b.example/t"]},
        {"type": "fc:Equivocation", "items": {"0": {}, "1": {}}},
        {"type": "fc:Slander", "items": [{}, {}]},
    ],
)
def test_no_evidence_is(item: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        tallies.read_evidence({"type": "Collection", "items": [item]})

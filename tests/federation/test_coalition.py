"""What fedicause instances say to each other: whole, addressed, read again, and nothing passed on unasked."""

import json
from typing import Any

import pytest

from federation import activities, coalition, proofs, sketches, strictjson, vocabulary
from tests.federation import papers, talk
from tests.federation.papers import ALLY, CAMPAIGN, NOW

SAID = talk.everything()


def test_a_join_is_built_as_it_is_published() -> None:
    assert talk.join() == {
        "@context": ["https://www.w3.org/ns/activitystreams", {"fc": "https://w3id.org/fedicause/ns#"}],
        "id": "https://b.example/activities/join-1",
        "type": "Join",
        "actor": "https://b.example/actors/ally",
        "published": "2026-11-21T20:00:00Z",
        "to": ["https://a.example/actors/forest"],
        "object": "https://a.example/actors/forest",
    }


def test_its_acceptance_brings_the_roster_and_the_key() -> None:
    document = talk.accept()
    assert document["to"] == [ALLY]
    assert document["object"] == {
        "id": "https://b.example/activities/join-1",
        "type": "Join",
        "actor": "https://b.example/actors/ally",
        "object": "https://a.example/actors/forest",
    }
    assert document["result"] == papers.roster()
    assert sketches.read_key(document["fc:sketchKey"]) == papers.SKETCH_KEY


def test_the_acceptance_of_an_invitation_brings_neither() -> None:
    document = talk.accept_invite()
    assert {"result", "fc:sketchKey"}.isdisjoint(document)
    assert document["to"] == [CAMPAIGN]
    assert document["object"] == {
        "id": "https://a.example/activities/invite-1",
        "type": "Invite",
        "actor": "https://a.example/actors/forest",
        "object": "https://b.example/actors/ally",
        "target": "https://a.example/actors/forest",
    }


def test_an_answer_quotes_nothing_that_a_stranger_wrote_besides() -> None:
    asked = talk.join() | {"content": "<script>", "object": {"id": CAMPAIGN, "type": "Group"}, "to": ["x"]}
    quoted = coalition.reject(
        id="https://a.example/activities/1", actor=CAMPAIGN, object=asked, published=NOW, to=[ALLY]
    )["object"]
    assert quoted == talk.reject()["object"]


@pytest.mark.parametrize("what", SAID)
def test_each_has_an_id_on_its_actors_host_a_time_and_somebody_whom_it_is_for(what: str) -> None:
    document = SAID[what]
    said = activities.read(strictjson.decode(json.dumps(document).encode()))
    assert not said.has_foreign_id()
    assert said.published == NOW
    assert said.to
    assert vocabulary.PUBLIC not in (*said.to, *said.cc)
    assert not said.is_public
    assert said.object_id is not None


@pytest.mark.parametrize("what", [each for each in SAID if each.startswith(("Update", "Announce"))])
async def test_a_signed_document_arrives_as_its_author_signed_it(what: str) -> None:
    said = activities.read(strictjson.decode(json.dumps(SAID[what]).encode()))
    assert said.object is not None
    author = await proofs.verify(said.object, papers.key_for, now=NOW)
    assert author == said.object["attributedTo"]
    assert (said.own_object() is None) == (said.type == "Announce")


def test_what_is_built_shares_nothing_with_the_next() -> None:
    document: dict[str, Any] = talk.join()
    document["@context"][1]["fc"] = "https://mallory.test/"
    assert talk.join()["@context"] == vocabulary.COALITION_CONTEXT

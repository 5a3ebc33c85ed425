"""FEDERATION.md: each of its examples is read by our real readers, its proofs verify, and we do send it."""

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from federation import (
    activities,
    httpsig,
    keys,
    proofs,
    rosters,
    sketches,
    strictjson,
    tallies,
    vocabulary,
)
from tests.federation import papers, talk
from tests.federation.papers import NOW

TEXT = (Path(__file__).parents[2] / "FEDERATION.md").read_text()
EXAMPLES = [
    strictjson.decode(source.encode())
    for source in re.findall(r"^```json\n(.*?)^```$", TEXT, re.DOTALL | re.M)
]
KEYS = dict(re.findall(r"^\| `(https://[^`]+)`.*\| `(z6Mk[^`]+)` \|$", TEXT, re.M))
DOCUMENTS = {
    "an actor": papers.actor(papers.CAMPAIGN),
    "a roster": papers.roster(),
    "a tally": papers.tally(),
    "tallies": papers.newest(),
    "evidence": papers.evidence(),
    "a sketch": papers.sketch(),
}


def name_of(example: dict[str, Any]) -> str:
    embedded = example.get("object")
    inner = f" {embedded['type']}" if isinstance(embedded, dict) else ""
    return f"{example['type']}{inner} {example['id'].rsplit('/', 1)[-1]}"


ALL = pytest.mark.parametrize("example", EXAMPLES, ids=[name_of(each) for each in EXAMPLES])


async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
    """The key that the file itself names."""
    actor = key_id.removesuffix("#ed25519-key")
    if actor not in KEYS:
        raise httpsig.Forged("no key in this file")
    return keys.Key(key_id, actor, keys.from_multikey(KEYS[actor]))


def inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every document in a document, itself too; but for contexts and proofs."""
    if isinstance(value, list):
        for each in value:
            yield from inside(each)
    elif isinstance(value, dict):
        yield value
        for name, each in value.items():
            if name not in ("@context", "proof"):
                yield from inside(each)


def test_the_examples_and_the_keys_are_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```json") == TEXT.count("```") / 2 > 20
    assert set(KEYS) == {papers.CAMPAIGN, papers.ORG, papers.ALLY}


@ALL
async def test_every_proof_in_an_example_is_its_authors(example: dict[str, Any]) -> None:
    for document in inside(example):
        if "proof" in document:
            assert await proofs.verify(document, key_for, now=NOW) == document["attributedTo"]
            changed = document | {"updated": "2026-11-21T20:00:01Z"}
            with pytest.raises(httpsig.Forged):
                await proofs.verify(changed, key_for, now=NOW)


def read_activity(document: dict[str, Any]) -> None:
    said = activities.read(document)
    assert said.type in activities.TYPES
    assert not said.has_foreign_id()
    if "fc:sketchKey" in document:
        assert sketches.read_key(document["fc:sketchKey"]) == papers.SKETCH_KEY
    if said.type in ("Accept", "Reject"):
        assert said.answered() is not None
    if said.type == "Undo":
        assert said.undone() is not None


def read_sketch(document: dict[str, Any]) -> None:
    assert sketches.estimate([sketches.read(document).value]).people == len(papers.SIGNERS)


def read_tallies(document: dict[str, Any]) -> None:
    listed, digest = tallies.read_collection(document)
    read = [tallies.read(each, now=NOW) for each in listed]
    assert digest == tallies.digest(
        (each.author, each.epoch, each.version, each.proof_value) for each in read
    )


def read_evidence(document: dict[str, Any]) -> None:
    ((one, other),) = tallies.read_evidence(document)
    assert proofs.covered(one) != proofs.covered(other)
    assert (one["fc:epoch"], one["fc:version"]) == (other["fc:epoch"], other["fc:version"])


def read_actor(document: dict[str, Any]) -> None:
    (key,) = keys.keys_of(document)
    assert key.public == keys.from_multikey(KEYS[document["id"]])


def read_note(document: dict[str, Any]) -> None:
    assert vocabulary.is_public(document["to"])
    for counted in (document["likes"], document["shares"]):
        assert counted["id"].startswith(document["id"])
        assert isinstance(counted["totalItems"], int)


def reader_of(document: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    """The reader that is for an example; one that is for none of them fails."""
    match document:
        case {"actor": _}:
            return read_activity
        case {"type": tallies.TYPE}:
            return functools.partial(tallies.read, now=NOW)
        case {"type": sketches.TYPE}:
            return read_sketch
        case {"type": rosters.TYPE, "fc:version": _}:
            return functools.partial(rosters.read, now=NOW)
        case {"type": "Collection", "fc:digest": _}:
            return read_tallies
        case {"type": "Collection", "items": [{"type": tallies.EQUIVOCATION}]}:
            return read_evidence
        case {"type": "Group" | "Organization"}:
            return read_actor
        case {"type": "Note"}:
            return read_note
    pytest.fail(f"nothing reads {json.dumps(document)}")


@ALL
def test_every_example_is_read(example: dict[str, Any]) -> None:
    reader_of(example)(example)
    for embedded in (example.get("object"), example.get("result")):
        if isinstance(embedded, dict):
            reader_of(embedded)(embedded)


@pytest.mark.parametrize("what", [*DOCUMENTS, *talk.everything()])
def test_what_instances_say_to_each_other_is_documented_as_we_build_it(what: str) -> None:
    built = (DOCUMENTS | talk.everything())[what]
    assert built in EXAMPLES


@pytest.mark.parametrize("what", talk.common())
def test_what_every_server_knows_is_documented_but_for_its_long_context(what: str) -> None:
    built = talk.common()[what]
    short = {**built, "@context": built["@context"][:2]}
    assert short in EXAMPLES


def test_the_sketch_is_that_of_the_addresses_and_the_key_in_the_file() -> None:
    for address in papers.SIGNERS:
        assert f"`{address}`" in TEXT
    assert f"`{sketches.item(papers.SKETCH_KEY, papers.SIGNERS[0]).hex()}`" in TEXT


@pytest.mark.parametrize(
    "said",
    [
        f"{sketches.FROM:,} signatures up",
        f"`fc:lgK` is {sketches.LG_K}",
        f"under {tallies.FOLD_BELOW} is in `{tallies.UNKNOWN}`",
        f"1 to {rosters.MOST_MEMBERS:,} different actors",
    ],
)
def test_a_number_in_the_file_is_the_one_in_the_code(said: str) -> None:
    assert said in " ".join(TEXT.split())

"""A key speaks for its owner, an owner for nobody else, and only their own host says whose it is."""

from typing import Any

import pytest

from tests import dialects, signing
from tests.conftest import Client
from tests.fediverse import Fediverse, Server
from tests.people import Person
from tests.web import counting

pytestmark = pytest.mark.usefixtures("campaign")


@pytest.fixture
async def bobs(fediverse: Fediverse) -> Server:
    return await fediverse.server("elsewhere.test")


@pytest.fixture
async def bob(bobs: Server) -> Person:
    return await bobs.person("bob")


@pytest.fixture
async def mallorys(fediverse: Fediverse) -> Server:
    return await fediverse.server("mallory.test")


@pytest.fixture
async def mallory(mallorys: Server) -> Person:
    return await mallorys.person("mallory")


async def test_nobody_signs_for_somebody_else(
    bob: Person, bobs: Server, mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    neighbour = await bobs.person("eve")
    said = counting.like(bob.uri)
    forged = {
        "on another server": mallory.signed(said, counting.INBOX),
        "on the same server": neighbour.signed(said, counting.INBOX),
        "by RFC 9421": mallory.signed(said, counting.INBOX, scheme="rfc9421"),
        "with no id": mallory.signed(counting.like(bob.uri, id=None), counting.INBOX),
    }
    assert await counting.statuses(fediverse, forged) == dict.fromkeys(forged, 403)
    assert await counting.endorsements(client, fediverse) == 0
    assert bobs.fetches("/users/bob") == 0


async def test_two_actors_in_one_activity_are_nobody(
    bob: Person, mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    said = counting.like(mallory.uri) | {"actor": [mallory.uri, bob.uri]}
    assert (await fediverse.send(mallory.signed(said, counting.INBOX))).status == 400
    assert await counting.endorsements(client, fediverse) == 0


@pytest.mark.parametrize("is_known", [False, True])
async def test_an_actor_document_that_claims_somebody_elses_id_gives_no_key(
    *, is_known: bool, bob: Person, mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    """Mallory's server serves `Bob` with Mallory's key, under an address of its own."""
    if is_known:
        assert (await bob.announce(counting.NOTE)).status == 202
    forged: dict[str, signing.Request] = {}
    for path, name, key_id in (
        ("/fake", "a key of Mallory's host", "https://mallory.test/fake#main-key"),
        ("/other", "a key of Bob's host", bob.key.id),
    ):
        key = signing.Key(key_id, mallory.key.private)
        mallory.server.documents[path] = bob.document | {"publicKey": public_key(key, owner=bob.uri)}
        via = signing.Key(f"https://mallory.test{path}#main-key", mallory.key.private)
        forged[name] = mallory.signed(counting.like(bob.uri), counting.INBOX, key=via)
        forged[f"{name}, named as such"] = mallory.signed(
            counting.like(bob.uri, id=f"{bob.uri}#likes/2"), counting.INBOX, key=key
        )
    assert await counting.statuses(fediverse, forged) == dict.fromkeys(forged, 401)
    assert await counting.endorsements(client, fediverse) == 0
    assert (await bob.like(counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == 1


def public_key(key: signing.Key, *, owner: str) -> dialects.Document:
    return {"id": key.id, "owner": owner, "publicKeyPem": key.pem}


async def test_a_key_document_whose_owner_is_on_another_host_gives_no_key(
    bob: Person, mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    key = signing.Key("https://mallory.test/key", mallory.key.private)
    mallory.server.documents["/key"] = {"id": key.id, **public_key(key, owner=bob.uri)}
    said = mallory.signed(counting.like(bob.uri), counting.INBOX, key=key)
    assert (await fediverse.send(said)).status == 401
    assert bob.server.fetches(signing.target(bob.uri)) == 0
    assert await counting.endorsements(client, fediverse) == 0


async def test_an_owner_who_does_not_know_the_key_does_not_own_it(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    """Key and owner name each other, or it is no key: here a file on Bob's own server names Bob."""
    mallory = await bob.server.person("mallory")
    key = signing.Key("https://elsewhere.test/uploads/key", mallory.key.private)
    for document in (
        {"id": key.id, **public_key(key, owner=bob.uri)},
        {"id": key.id, "type": "Note", "publicKey": public_key(key, owner=bob.uri)},
        bob.document | {"id": key.id, "publicKey": public_key(key, owner=bob.uri)},
    ):
        bob.server.documents["/uploads/key"] = document
        said = mallory.signed(counting.like(bob.uri), counting.INBOX, key=key)
        assert (await fediverse.send(said)).status == 401
        fediverse.clock.advance(600)
    assert await counting.endorsements(client, fediverse) == 0


async def test_a_key_that_its_document_does_not_own_is_none(
    bobs: Server, client: Client, fediverse: Fediverse
) -> None:
    broken: list[dict[str, Any]] = [
        {"owner": "https://elsewhere.test/users/eve"},
        {"owner": None},
        {"id": "https://mallory.test/users/bob#main-key"},
        {"publicKeyPem": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
        {"publicKeyPem": 7},
    ]
    for number, changed in enumerate(broken):
        person = await bobs.person(f"bob{number}")
        document = person.document
        document["publicKey"] |= changed
        bobs.documents[signing.target(person.uri)] = document
        assert (await person.like(counting.NOTE)).status == 401, changed
    assert await counting.endorsements(client, fediverse) == 0


async def test_nobody_claims_somebody_elses_key_as_one_of_hers(
    bob: Person, mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    """It would silence Bob: the key that he signs with would be hers (Fedify CVE-2025-54888)."""
    assert (await bob.like(counting.NOTE)).status == 202
    hers = mallory.document["publicKey"]
    stolen = hers | {"id": bob.key.id}
    mallory.server.documents["/users/mallory"] = mallory.document | {"publicKey": [hers, stolen]}
    assert (await mallory.like(counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == 2
    fediverse.clock.advance(60)
    key = signing.Key(bob.key.id, mallory.key.private)
    undo = counting.like(bob.uri, type="Undo", object=bob.said[0]["id"])
    assert (await fediverse.send(mallory.signed(undo, counting.INBOX, key=key))).status == 401
    assert (await bob.undo()).status == 202
    assert await counting.endorsements(client, fediverse) == 1


async def test_a_new_key_is_fetched_once_and_the_old_one_is_worth_nothing_then(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    assert (await bob.like(counting.NOTE)).status == 202
    assert (await bob.undo()).status == 202
    assert bob.server.fetches("/users/bob") == 1
    old = bob.key
    bob.rotate()
    fediverse.clock.advance(60)
    assert (await bob.like(counting.NOTE)).status == 202
    assert bob.server.fetches("/users/bob") == 2
    assert await counting.endorsements(client, fediverse) == 1
    undo = {"id": f"{bob.uri}#u", "type": "Undo", "actor": bob.uri, "object": bob.said[-1]}
    assert (await fediverse.send(bob.signed(undo, counting.INBOX, key=old))).status == 401
    assert await counting.endorsements(client, fediverse) == 1
    assert (await bob.undo()).status == 202
    assert await counting.endorsements(client, fediverse) == 0


async def test_a_key_is_withdrawn_with_an_update_of_the_profile(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    """Stolen keys are worth nothing once their owner's server shows another."""
    assert (await bob.announce(counting.NOTE)).status == 202
    stolen = bob.key
    bob.rotate()
    fediverse.clock.advance(60)
    assert (await bob.update_profile(near=counting.NOTE)).status == 202
    said = bob.signed(counting.like(bob.uri), counting.INBOX, key=stolen)
    assert (await fediverse.send(said)).status == 401
    assert await counting.endorsements(client, fediverse) == 0

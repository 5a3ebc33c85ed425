"""Mallory, truly herself, speaks about what is not hers: it has no effect, whatever is embedded or proven."""

import pytest

from fedicause.instance import Instance
from storage import testimonies
from storage.models import Campaign
from tests import dialects, signing
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
async def bob(fediverse: Fediverse, client: Client) -> Person:
    """Bob, who endorses, shares, and says why."""
    person = await (await fediverse.server("elsewhere.test")).person("bob")
    assert (await person.like(counting.NOTE)).status == 202
    assert (await person.announce(counting.NOTE)).status == 202
    assert (await person.reply(counting.NOTE)).status == 202
    return person


@pytest.fixture
async def mallory(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("mallory.test")).person("mallory")


async def texts(instance: Instance) -> list[str]:
    """What waits for a moderator."""
    async with instance.database.reading() as session:
        return [each.html for each in await testimonies.waiting(session)]


def activity(mallory: Person, kind: str, **more: object) -> dialects.Document:
    number = len(mallory.said) + 1
    return {
        "@context": dialects.CONTEXT,
        "id": f"{mallory.uri}#{number}",
        "type": kind,
        "actor": mallory.uri,
        "to": [dialects.PUBLIC],
        **more,
    }


async def test_nobody_takes_back_what_somebody_else_said(
    bob: Person, mallory: Person, campaign: Campaign, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    like, share, create = bob.said
    attacks = {
        "Undo of a Like": activity(mallory, "Undo", object=like),
        "Undo by id": activity(mallory, "Undo", object=like["id"]),
        "Undo of a share": activity(mallory, "Undo", object=share),
        "Undo of a Like as if it were hers": activity(
            mallory, "Undo", object=like | {"actor": mallory.uri, "id": like["id"]}
        ),
        "Delete of a reply": activity(mallory, "Delete", object=create["object"]["id"]),
        "Delete of a reply, embedded": activity(mallory, "Delete", object=create["object"]),
        "Delete of the account": activity(mallory, "Delete", object=bob.uri),
        "Move of the account": activity(mallory, "Move", object=bob.uri, target=mallory.uri),
        "Leave": activity(mallory, "Leave", object=counting.NOTE),
        "Block": activity(mallory, "Block", object=counting.FOREST),
    }
    for name, attack in attacks.items():
        answer = await mallory.say(attack, counting.FOREST)
        assert answer.status == (400 if name in ("Undo of a Like", "Undo of a share") else 202), name
        public = await counting.support(client, fediverse)
        assert (public["endorsements"], public["shares"]) == (1, 1), name
        assert await texts(instance) == ["<p>I walk there every Sunday.</p>"], name


async def test_nobody_writes_under_somebody_elses_name(
    bob: Person, mallory: Person, campaign: Campaign, instance: Instance
) -> None:
    note = bob.said[-1]["object"]
    evil = note | {"content": "<p>Fell it!</p>", "updated": "2026-11-21T13:00:00Z"}
    new = evil | {"id": "https://elsewhere.test/users/bob/statuses/99"}
    own_id = evil | {"id": "https://mallory.test/statuses/1"}
    attacks = {
        "Update of his reply": activity(mallory, "Update", object=evil),
        "Update in her name": activity(mallory, "Update", object=evil | {"attributedTo": mallory.uri}),
        "Create of his reply": activity(mallory, "Create", object=new),
        "Create in her name, his id": activity(mallory, "Create", object=new | {"attributedTo": mallory.uri}),
        "Create in his name, her id": activity(mallory, "Create", object=own_id),
        "Announce of a Create": activity(mallory, "Announce", object=activity(bob, "Create", object=own_id)),
        "Create in a Create": activity(mallory, "Create", object=activity(bob, "Create", object=new)),
        "Update of his profile": activity(mallory, "Update", object=bob.document | {"name": "Mallory"}),
    }
    for name, attack in attacks.items():
        assert (await mallory.say(attack, counting.FOREST)).status == 202, name
        assert await texts(instance) == ["<p>I walk there every Sunday.</p>"], name


async def test_neighbours_on_one_server_do_not_write_in_each_others_name(
    bob: Person, campaign: Campaign, instance: Instance
) -> None:
    """Their ids are on one host, so that only the author tells them apart."""
    eve = await bob.server.person("eve")
    note = bob.said[-1]["object"] | {"attributedTo": eve.uri, "content": "<p>Fell it!</p>"}
    for attack in (
        activity(eve, "Update", object=note),
        activity(eve, "Create", object=note),
        activity(eve, "Delete", object=note["id"]),
    ):
        assert (await eve.say(attack, counting.FOREST)).status == 202
        assert await texts(instance) == ["<p>I walk there every Sunday.</p>"]


async def test_nobody_describes_somebody_else_in_place_of_herself(
    bob: Person, mallory: Person, campaign: Campaign, client: Client, fediverse: Fediverse
) -> None:
    """Asked for Mallory, her server answers with Bob, and with her key for his."""
    assert (await mallory.announce(counting.NOTE)).status == 202
    key = bob.document["publicKey"] | {"publicKeyPem": mallory.document["publicKey"]["publicKeyPem"]}
    mallory.server.documents["/users/mallory"] = bob.document | {"publicKey": key}
    update = activity(mallory, "Update", object=mallory.uri)
    assert (await mallory.say(update, counting.FOREST)).status == 202
    fediverse.clock.advance(60)
    undo = {"id": f"{bob.uri}#u", "type": "Undo", "actor": bob.uri, "object": bob.said[0]}
    forged = mallory.signed(undo, counting.INBOX, key=signing.Key(bob.key.id, mallory.key.private))
    assert (await fediverse.send(forged)).status == 401
    assert await counting.endorsements(client, fediverse) == 1
    assert (await bob.undo(bob.said[0])).status == 202
    assert await counting.endorsements(client, fediverse) == 0


async def test_an_activity_with_an_id_on_another_host_is_refused(
    bob: Person, mallory: Person, campaign: Campaign, client: Client, fediverse: Fediverse
) -> None:
    for uri in (bob.said[0]["id"], "https://sub.mallory.test/1", "https://mallory.test:8443/1", "urn:uuid:1"):
        said = activity(mallory, "Like", object=counting.NOTE) | {"id": uri}
        assert (await mallory.say(said, counting.FOREST)).status == 403, uri
    assert await counting.endorsements(client, fediverse) == 1


async def test_an_embedded_activity_of_somebody_else_is_not_heard(
    bob: Person, mallory: Person, campaign: Campaign, client: Client, fediverse: Fediverse
) -> None:
    """No forwarding, no collections of activities, no bare JSON-LD graphs."""
    eve = counting.like("https://elsewhere.test/users/eve")
    for attack in (
        activity(mallory, "Announce", object=eve),
        activity(mallory, "Create", object=eve),
        activity(mallory, "Add", object=eve, target=counting.NOTE),
        activity(mallory, "Accept", object=eve),
        activity(mallory, "Undo", object=activity(mallory, "Undo", object=eve)),
    ):
        assert (await mallory.say(attack, counting.FOREST)).status in (202, 400)
    public = await counting.support(client, fediverse)
    assert (public["endorsements"], public["shares"]) == (1, 1)


LD_SIGNATURE = {
    "type": "RsaSignature2017",
    "creator": "https://elsewhere.test/users/bob#main-key",
    "created": "2026-11-21T12:00:00Z",
    "signatureValue": "AAAA",
}
PROOF = {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "verificationMethod": "https://elsewhere.test/users/bob#ed25519-key",
    "proofPurpose": "assertionMethod",
    "proofValue": "z" + "1" * 200_000,
}


async def test_signatures_inside_of_documents_are_ignored_and_never_trusted(
    bob: Person, mallory: Person, campaign: Campaign, client: Client, fediverse: Fediverse
) -> None:
    """LD signatures let Mallory pass on what Bob signed, reshaped (CVE-2022-24307, CVE-2026-46349)."""
    undo = {"id": f"{bob.uri}#u", "type": "Undo", "actor": bob.uri, "object": bob.said[0]}
    for seal in ({"signature": LD_SIGNATURE}, {"proof": PROOF}, {"signature": LD_SIGNATURE, "proof": PROOF}):
        assert (await mallory.say(undo | seal, counting.FOREST)).status == 403
        bare = mallory.signed(undo | seal, counting.INBOX).lacking("signature")
        assert (await fediverse.send(bare)).status == 401
    assert await counting.endorsements(client, fediverse) == 1
    # Whoever sends it by themselves needs none, and none of them harms.
    both = undo | {"signature": LD_SIGNATURE, "proof": PROOF}
    assert (await bob.say(both, counting.FOREST)).status == 202
    assert await counting.endorsements(client, fediverse) == 0
    assert bob.server.fetches() == 1

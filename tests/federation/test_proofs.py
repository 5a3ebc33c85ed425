import copy
import json
from datetime import UTC, datetime
from typing import Any

import apsig  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federation import httpsig, keys, multibase, proofs
from federation.vocabulary import Malformed

from . import carol, test_gate

KEY_ID = carol.CAROL + "#ed25519-key"
SIGNING = keys.SigningKey(KEY_ID, carol.ED25519)
KNOWN = carol.Keyring(carol.key(carol.ED25519, KEY_ID))
TALLY: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/activitystreams", {"fc": "https://w3id.org/fedicause/ns#"}],
    "id": "https://carol.test/campaigns/forest@ours.test/tally",
    "type": "fc:Tally",
    "attributedTo": carol.CAROL,
    "fc:signatures": 1234,
    "fc:countries": {"DE": 600, "IT": 634},
}


def signed(**changes: Any) -> dict[str, Any]:
    return proofs.sign(TALLY | changes, SIGNING, carol.NOW)


async def verify(document: dict[str, Any], keyring: httpsig.KeyFor = KNOWN) -> str:
    return await proofs.verify(document, keyring, now=carol.NOW)


async def test_a_signed_tally_names_its_signer() -> None:
    assert await verify(signed()) == carol.CAROL


def test_signing_leaves_its_argument_as_it_was() -> None:
    before = copy.deepcopy(TALLY)
    signed()
    assert before == TALLY


def test_a_proof_says_what_fep_8b32_wants() -> None:
    proof = signed()["proof"]
    assert proof.pop("proofValue").startswith("z")
    assert proof == {
        "@context": TALLY["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": "2026-11-21T20:00:00Z",
        "verificationMethod": KEY_ID,
        "proofPurpose": "assertionMethod",
    }


# The key of FEP-8b32's and of vc-di-eddsa's vectors.
PUBLISHED = Ed25519PrivateKey.from_private_bytes(
    multibase.decode("z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq", size=34)[2:]
)
CREATED = datetime(2023, 2, 24, 23, 36, 38, tzinfo=UTC)
FEP_8B32: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"],
    "id": "https://server.example/activities/1",
    "type": "Create",
    "actor": "https://server.example/users/alice",
    "object": {
        "id": "https://server.example/objects/1",
        "type": "Note",
        "attributedTo": "https://server.example/users/alice",
        "content": "Hello world",
        "location": {"type": "Place", "longitude": -71.184902, "latitude": 25.273962},
    },
}
VC_DI_EDDSA: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": "https://vc.example/issuers/5678",
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
}
VECTORS = [
    (
        FEP_8B32,
        "https://server.example/users/alice#ed25519-key",
        "z42ffGu6AUKPCFcFPiabmUvnGLPJzC7e4DGWC52NUasSSH37UMa9c58tdgVszUcZfytxa4fQ5TYHaJENCxUDe9SdL",
    ),
    (
        VC_DI_EDDSA,
        "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
        "#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
        "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX",
    ),
]


@pytest.mark.parametrize(("document", "key_id", "value"), VECTORS, ids=["FEP-8b32", "vc-di-eddsa B.1"])
async def test_the_published_vectors_are_made_and_verified(
    document: dict[str, Any], key_id: str, value: str
) -> None:
    made = proofs.sign(document, keys.SigningKey(key_id, PUBLISHED), CREATED)
    assert made["proof"]["proofValue"] == value
    known = carol.Keyring(keys.Key(key_id, "https://server.example/users/alice", PUBLISHED.public_key()))
    assert await verify(made, known) == "https://server.example/users/alice"


OLDER_VALUE = "z3sXaxjKs4M3BRicwWA9peyNPJvJqxtGsDmpt1jjoHCjgeUf71TRFz56osPSfDErszyLp5Ks1EhYSgpDaNM977Rg2"


async def test_the_older_vector_without_a_context_in_its_proof_is_verified() -> None:
    key_id = "https://server.example/users/alice#ed25519-key"
    document = {
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"],
        "type": "Create",
        "actor": "https://server.example/users/alice",
        "object": {"type": "Note", "content": "Hello world"},
        "proof": {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "verificationMethod": key_id,
            "proofPurpose": "assertionMethod",
            "proofValue": OLDER_VALUE,
            "created": "2023-02-24T23:36:38Z",
        },
    }
    known = carol.Keyring(keys.Key(key_id, "https://server.example/users/alice", PUBLISHED.public_key()))
    assert await verify(document, known)


def test_apsig_verifies_what_we_sign() -> None:
    # It takes the argument apart.
    assert apsig.ProofVerifier(carol.ED25519.public_key()).verify(copy.deepcopy(signed())) == KEY_ID
    forged = signed()
    forged["fc:signatures"] = 12340
    assert apsig.ProofVerifier(carol.ED25519.public_key()).verify(copy.deepcopy(forged)) is None


async def test_we_verify_what_apsig_signs() -> None:
    made = apsig.ProofSigner(carol.ED25519).sign(
        copy.deepcopy(TALLY),
        {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "created": "2026-11-21T20:00:00Z",
            "verificationMethod": KEY_ID,
            "proofPurpose": "assertionMethod",
        },
    )
    assert made == signed()
    assert await verify(made) == carol.CAROL


PROVEN = [
    each for each in test_gate.RECORDED if each.request.body and "proof" in json.loads(each.request.body)
]


def test_there_are_recorded_proofs() -> None:
    assert len(PROVEN) == 44


@pytest.mark.parametrize("sent", PROVEN, ids=[each.name for each in PROVEN])
async def test_what_fedify_proved_is_verified_and_one_flipped_byte_refused(sent: test_gate.Recorded) -> None:
    document = json.loads(sent.request.body)
    assert await proofs.verify(document, sent.keyring, now=sent.at) == document["actor"]
    value = document["proof"]["proofValue"]
    changed = value[:40] + ("A" if value[40] != "A" else "B") + value[41:]
    for forged in (
        document | {"id": document["id"] + "x"},
        document | {"proof": document["proof"] | {"proofValue": changed}},
        document | {"proof": document["proof"] | {"created": "2026-11-21T22:00:00Z"}},
    ):
        with pytest.raises(httpsig.Forged):
            await proofs.verify(forged, sent.keyring, now=sent.at)


async def test_a_linked_data_signature_added_later_is_not_covered() -> None:
    assert await verify(signed() | {"signature": {"type": "RsaSignature2017"}}) == carol.CAROL


async def test_a_context_appended_later_changes_nothing() -> None:
    document = signed()
    document["@context"] = [*document["@context"], "https://w3id.org/security/v1"]
    assert await verify(document) == carol.CAROL


@pytest.mark.parametrize(
    "context",
    [
        TALLY["@context"][::-1],
        TALLY["@context"][:1],
        ["https://mallory.test/context", *TALLY["@context"]],
        None,
    ],
)
async def test_another_context_than_the_signed_one_is_refused(context: object) -> None:
    with pytest.raises(httpsig.Forged, match="context"):
        await verify(signed() | {"@context": context})


async def test_a_proof_alone_in_a_list_is_taken() -> None:
    document = signed()
    assert await verify(document | {"proof": [document["proof"]]}) == carol.CAROL


@pytest.mark.parametrize("proof", [None, [], "proof", 7, [{}, {}], {}])
async def test_no_proof_or_more_than_one_is_refused(proof: object) -> None:
    with pytest.raises(httpsig.Forged):
        await verify(TALLY | {"proof": proof})


# Signed like this: only the gate in question keeps it out.
OPTIONS: dict[str, dict[str, Any]] = {
    "another type": {"type": "Ed25519Signature2020"},
    "another suite": {"cryptosuite": "eddsa-rdfc-2022"},
    "another purpose": {"proofPurpose": "authentication"},
    "no purpose": {"proofPurpose": None},
    "no created": {"created": None},
    "created in words": {"created": "yesterday"},
    "created without a zone": {"created": "2026-11-21T20:00:00"},
    "created in the future": {"created": "2026-11-21T21:00:01Z"},
    "expired": {"expires": "2026-11-21T19:59:59Z"},
    "unreadable expiry": {"expires": "never"},
    "a key that is no text": {"verificationMethod": {"id": KEY_ID}},
    "no key": {"verificationMethod": ""},
    "a key id without end": {"verificationMethod": "https://carol.test/" + "x" * 2048},
}


def with_options(**options: Any) -> dict[str, Any]:
    proof = signed()["proof"] | options
    del proof["proofValue"]
    made = apsig.ProofSigner(carol.ED25519)
    hashes = made.hashing(made.canonicalize(TALLY), made.canonicalize(proof))
    return TALLY | {"proof": proof | {"proofValue": multibase.encode(carol.ED25519.sign(hashes))}}


async def test_a_proof_with_other_options_is_verified() -> None:
    assert await verify(with_options(expires="2026-11-21T20:00:00Z", nonce="n")) == carol.CAROL


@pytest.mark.parametrize("why", OPTIONS)
async def test_a_truly_signed_proof_is_refused_all_the_same_and_its_key_not_asked_for(why: str) -> None:
    keyring = carol.Keyring(carol.key(carol.ED25519, KEY_ID))
    with pytest.raises(httpsig.Forged):
        await verify(with_options(**OPTIONS[why]), keyring)
    assert keyring.asked == []


@pytest.mark.parametrize(
    "value", [None, 7, "", "z", "u" + "A" * 86, "z" + "2" * 200_000, "z0OIl", "z" + "1" * 63]
)
async def test_a_proof_value_that_is_no_signature_is_refused(value: object) -> None:
    document = signed()
    keyring = carol.Keyring(carol.key(carol.ED25519, KEY_ID))
    with pytest.raises(httpsig.Forged):
        await verify(document | {"proof": document["proof"] | {"proofValue": value}}, keyring)
    assert keyring.asked == []


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800", {1: 2}])
async def test_what_has_no_canonical_form_is_neither_signed_nor_verified(value: object) -> None:
    with pytest.raises(Malformed):
        signed(x=value)
    with pytest.raises(httpsig.Forged):
        await verify(signed() | {"x": value})


async def test_a_bottomless_document_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(httpsig.Forged):
        await verify(signed() | {"x": deep})


def test_a_proof_needs_an_ed25519_key() -> None:
    with pytest.raises(TypeError):
        proofs.sign(TALLY, keys.SigningKey(carol.KEY_ID, carol.RSA), carol.NOW)


@pytest.mark.parametrize(
    "key",
    [
        carol.key(carol.RSA, KEY_ID),
        carol.key(keys.generate_ed25519(), KEY_ID),
        carol.key(carol.ED25519, "https://mallory.test/#k", "https://mallory.test/"),
    ],
    ids=["RSA", "another", "of another id"],
)
async def test_a_key_that_does_not_fit_is_refused(key: keys.Key) -> None:
    async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
        return key

    with pytest.raises(httpsig.Forged):
        await verify(signed(), key_for)


async def test_a_key_that_changed_is_asked_for_afresh() -> None:
    old = carol.key(keys.generate_ed25519(), KEY_ID)
    keyring = carol.Keyring(old, fresh=carol.key(carol.ED25519, KEY_ID))
    assert await verify(signed(), keyring) == carol.CAROL
    assert keyring.asked == [(KEY_ID, False), (KEY_ID, True)]


async def test_a_key_that_cannot_be_had_now_leaves_the_answer_open() -> None:
    async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
        raise httpsig.KeyPending(key_id)

    with pytest.raises(httpsig.KeyPending):
        await verify(signed(), key_for)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(signed()["proof"])), JSON, min_size=1))
async def test_any_proof_is_forged_and_nothing_worse(changes: dict[str, Any]) -> None:
    document = signed()
    with pytest.raises(httpsig.Forged):
        await verify(document | {"proof": document["proof"] | changes})


@given(content=JSON)
async def test_whatever_can_be_signed_is_verified(content: object) -> None:
    try:
        document = signed(content=content)
    except Malformed:
        return
    assert await verify(json.loads(json.dumps(document))) == carol.CAROL

"""Tallies, rosters and sketches, really signed: `a.example` is the origin, `b.example` a partner."""

from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from federation import keys, proofs, rosters, sketches, tallies, vocabulary

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
CAMPAIGN = "https://a.example/actors/forest"
ORG = "https://a.example/actors/org"
ALLY = "https://b.example/actors/ally"
SKETCH_KEY = bytes(range(32))
SIGNERS = ("bob@example.org", "carol@example.org", "zoë@bücher.example")


def key_of(actor: str) -> keys.SigningKey:
    """The key of one of the cast: the same in every run, so that a proof is the same as well."""
    seed = actor.encode()[-32:].rjust(32, b"\0")
    return keys.SigningKey(f"{actor}#ed25519-key", Ed25519PrivateKey.from_private_bytes(seed))


def actor(uri: str) -> dict[str, Any]:
    """As much of an actor as a proof needs."""
    return {
        "@context": [vocabulary.AS2, "https://w3id.org/security/multikey/v1"],
        "id": uri,
        "type": "Group" if uri == CAMPAIGN else "Organization",
        "inbox": f"{uri}/inbox",
        "outbox": f"{uri}/outbox",
        "assertionMethod": [
            {
                "id": f"{uri}#ed25519-key",
                "type": "Multikey",
                "controller": uri,
                "publicKeyMultibase": keys.multikey(key_of(uri).private.public_key()),
            }
        ],
    }


async def key_for(key_id: str, /, *, fresh: bool) -> keys.Key:
    """Whose key is asked for has it."""
    actor = key_id.removesuffix("#ed25519-key")
    return keys.Key(key_id, actor, key_of(actor).private.public_key())


def signed(document: dict[str, Any], actor: str | None = None) -> dict[str, Any]:
    return proofs.sign(document, key_of(actor or document["attributedTo"]), NOW)


def unsigned_tally() -> dict[str, Any]:
    return tallies.build(
        id="https://b.example/campaigns/forest@a.example/tally",
        author=ALLY,
        campaign=CAMPAIGN,
        epoch=1,
        version=42,
        signatures=1234,
        endorsements=0,
        countries={"DE": 600, "IT": 421, "ZZ": 213},
        updated=NOW,
    )


def tally(**changes: Any) -> dict[str, Any]:
    """The tally with members replaced, then signed; what is `...` is left out."""
    return signed(changed(unsigned_tally(), changes), ALLY)


def origins_tally() -> dict[str, Any]:
    """The tally of the organisation that runs the campaign: with its endorsements."""
    return signed(
        tallies.build(
            id="https://a.example/campaigns/forest/tally",
            author=ORG,
            campaign=CAMPAIGN,
            epoch=2,
            version=9,
            signatures=517,
            endorsements=2048,
            countries={"AT": 480, "ZZ": 37},
            updated=NOW,
        )
    )


def newest() -> dict[str, Any]:
    """The collection of tallies, as the origin serves it."""
    both = [origins_tally(), tally()]
    return tallies.collection(
        id="https://a.example/campaigns/forest/tallies",
        tallies=both,
        digest=tallies.digest(
            (each["attributedTo"], each["fc:epoch"], each["fc:version"], each["proof"]["proofValue"])
            for each in both
        ),
    )


def evidence() -> dict[str, Any]:
    """Two tallies of one version, which say different things."""
    forked = tally(fc_signatures=12340, fc_countries={"DE": 6000, "IT": 4210, "ZZ": 2130})
    return tallies.evidence(id="https://a.example/campaigns/forest/evidence", pairs=[(tally(), forked)])


def roster(**changes: Any) -> dict[str, Any]:
    document = rosters.build(
        id="https://a.example/campaigns/forest/partners",
        campaign=CAMPAIGN,
        version=7,
        updated=NOW,
        members=[ORG, ALLY],
    )
    return signed(changed(document, changes), CAMPAIGN)


def sketch(value: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """A sketch with this value; that of the three signers without one (a real one has a thousand)."""
    value = value or sketches.grown(None, [sketches.item(SKETCH_KEY, each) for each in SIGNERS])
    document = sketches.build(
        id="https://b.example/campaigns/forest@a.example/sketch",
        author=ALLY,
        campaign=CAMPAIGN,
        epoch=1,
        version=42,
        value=value,
    )
    return signed(changed(document, changes), ALLY)


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    renamed = {name.replace("fc_", "fc:"): value for name, value in changes.items()}
    return {name: value for name, value in (document | renamed).items() if value is not ...}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def disturbed(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A valid document of which some members, or some of its proof, are any JSON."""
    names = st.sampled_from(sorted(document))
    proof = st.dictionaries(st.sampled_from(sorted(document["proof"])), JSON, max_size=2)

    def put(changes: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
        members, of_proof = changes
        return {**document, "proof": document["proof"] | of_proof, **members}

    return st.tuples(st.dictionaries(names, JSON, max_size=3), proof).map(put)

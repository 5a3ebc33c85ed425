"""Integrity proofs of documents that travel by other hands: FEP-8b32 with `eddsa-jcs-2022`."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation import keys, multibase, vocabulary
from federation.httpsig import Forged, KeyFor
from federation.vocabulary import Malformed

_SIGNATURE_BYTES: Final = 64
# Fedify adds its LD signature after the proof: a proof covers neither itself nor that.
_NOT_COVERED: Final = frozenset({"proof", "signature"})
_CLOCKS_DIFFER: Final = timedelta(hours=1)


def sign(document: dict[str, Any], key: keys.SigningKey, created: datetime) -> dict[str, Any]:
    """The document with a `proof` by an Ed25519 key (another raises TypeError); the argument stays as it was.

    Raises Malformed if the document has no canonical form (RFC 8785), integers beyond 2**53 for example.
    """
    if not isinstance(key.private, Ed25519PrivateKey):
        raise TypeError("an eddsa-jcs-2022 proof needs an Ed25519 key")
    proof: dict[str, Any] = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verificationMethod": key.id,
        "proofPurpose": "assertionMethod",
    }
    if "@context" in document:
        proof["@context"] = document["@context"]
    signature = key.private.sign(_hashes(_unsecured(document), proof))
    proof["proofValue"] = multibase.encode(signature)
    return {**document, "proof": proof}


def covered(document: dict[str, Any]) -> bytes:
    """The canonical form (RFC 8785) of what a proof covers: two documents say the same iff it is equal.

    Raises Malformed if there is none.
    """
    return canonical(_unsecured(document))


def canonical(value: object) -> bytes:
    """The canonical form (RFC 8785) of any JSON; Malformed if it has none."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (ValueError, RecursionError) as error:
        raise Malformed("no canonical form") from error


def key_id(document: dict[str, Any]) -> str | None:
    """The id of the key that a document names as its proof's, unverified; None where it names none."""
    listed = vocabulary.as_list(document.get("proof"))
    found = listed[0].get("verificationMethod") if len(listed) == 1 and isinstance(listed[0], dict) else None
    return found if isinstance(found, str) else None


async def verify(document: dict[str, Any], key_for: KeyFor, *, now: datetime) -> str:
    """The URI of the actor whose key made the document's proof.

    Raises Forged if there is no valid one, KeyPending if the key can't be had now. That the signer is the
    document's author is for the caller to check.
    """
    proof = _proof(document)
    key_id = _text(proof, "verificationMethod")
    _check_times(proof, now)
    try:
        signature = multibase.decode(proof.get("proofValue"), size=_SIGNATURE_BYTES)
        hashes = _hashes(
            _in_signed_context(_unsecured(document), proof),
            {name: value for name, value in proof.items() if name != "proofValue"},
        )
    except Malformed as error:
        raise Forged(str(error)) from error
    key = await key_for(key_id, fresh=False)
    if not _signed_by(key, key_id, signature, hashes):
        fresh = await key_for(key_id, fresh=True)
        if fresh == key or not _signed_by(fresh, key_id, signature, hashes):
            raise Forged("not signed with that key")
        key = fresh
    return key.owner


def _proof(document: dict[str, Any]) -> dict[str, Any]:
    listed = vocabulary.as_list(document.get("proof"))
    if len(listed) != 1 or not isinstance(listed[0], dict):
        raise Forged("not exactly one proof")
    proof: dict[str, Any] = listed[0]
    if proof.get("type") != "DataIntegrityProof" or proof.get("cryptosuite") != "eddsa-jcs-2022":
        raise Forged("unknown kind of proof")
    if proof.get("proofPurpose") != "assertionMethod":
        raise Forged("proof made for another purpose")
    return proof


def _text(proof: dict[str, Any], name: str) -> str:
    value = proof.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= vocabulary.URI_LENGTH:
        raise Forged(f"proof without {name}")
    return value


def _check_times(proof: dict[str, Any], now: datetime) -> None:
    if _time(proof, "created") > now + _CLOCKS_DIFFER:
        raise Forged("proof from the future")
    if "expires" in proof and _time(proof, "expires") < now:
        raise Forged("proof expired")


def _time(proof: dict[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(proof, name))
    except ValueError as error:
        raise Forged(f"unreadable {name}") from error
    if moment.tzinfo is None:
        raise Forged(f"{name} without a zone")
    return moment


def _unsecured(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _NOT_COVERED}


def _in_signed_context(document: dict[str, Any], proof: dict[str, Any]) -> dict[str, Any]:
    """The document under the context that was signed (vc-di-eddsa section 3.3.2).

    Contexts may have been appended since, but those of the proof must come first and in their order.
    """
    if "@context" not in proof:
        return document
    signed = vocabulary.as_list(proof["@context"])
    if vocabulary.as_list(document.get("@context"))[: len(signed)] != signed:
        raise Forged("proof made under another context")
    return {**document, "@context": proof["@context"]}


def _hashes(document: dict[str, Any], proof: dict[str, Any]) -> bytes:
    return hashlib.sha256(canonical(proof)).digest() + hashlib.sha256(canonical(document)).digest()


def _signed_by(key: keys.Key, key_id: str, signature: bytes, hashes: bytes) -> bool:
    if key.id != key_id or not isinstance(key.public, Ed25519PublicKey):
        return False
    try:
        key.public.verify(signature, hashes)
    except InvalidSignature:
        return False
    return True

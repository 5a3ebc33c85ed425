"""Keys: making, storing and reading them, and which ones an actor document truly owns."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from msgspec import Struct

from federation import multibase, vocabulary
from federation.vocabulary import Malformed

if TYPE_CHECKING:
    from typing_extensions import TypeIs

PublicKey = RSAPublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | Ed25519PrivateKey

RSA_BITS: Final = 2048

# An RSA verification costs what the key's maker wants it to cost: both sizes are bounded.
_RSA_BITS_MOST = 8192
_RSA_EXPONENT_BITS_MOST = 64
_PEM_LENGTH = 4096
_KEYS_PER_ACTOR = 10
_MULTICODEC_ED25519 = b"\xed\x01"


class Weak(Malformed):
    """An RSA key of less than 2048 bits."""


class Key(Struct, frozen=True):
    """Somebody's public key: `id` is the keyId that signatures name, `owner` the actor's URI."""

    id: str
    owner: str
    public: PublicKey


class SigningKey(Struct, frozen=True):
    """A private key of ours, with the keyId under which the actor document shows its public half."""

    id: str
    private: PrivateKey


def generate_rsa() -> RSAPrivateKey:
    """RSA-2048, which every server of the fediverse takes."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def generate_ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def private_pem(key: PrivateKey) -> bytes:
    """PKCS #8, not encrypted: whoever stores it protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(pem: bytes) -> PrivateKey:
    """The reverse of `private_pem`; Malformed for everything else.

    For keys of our own only: that an RSA key's numbers fit together is not looked at again. It would take as
    long as signing a hundred times.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Malformed("not a private key") from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise Malformed("neither RSA nor Ed25519")
    return key


def public_pem(key: PublicKey) -> str:
    """SubjectPublicKeyInfo, as in an actor's `publicKeyPem`."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode("ascii")


def load_public(pem: str) -> PublicKey:
    """RSA or Ed25519 from a `publicKeyPem`; raises Weak for RSA under 2048 bits, else Malformed."""
    if len(pem) > _PEM_LENGTH:
        raise Malformed("key too long")
    try:
        key = serialization.load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("not a public key") from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if not isinstance(key, RSAPublicKey):
        raise Malformed("neither RSA nor Ed25519")
    if is_weak(key):
        raise Weak(f"RSA of {key.key_size} bits")
    if key.key_size > _RSA_BITS_MOST or key.public_numbers().e.bit_length() > _RSA_EXPONENT_BITS_MOST:
        raise Malformed("RSA key too large")
    return key


def is_rsa(key: PublicKey) -> "TypeIs[RSAPublicKey]":
    # Only RSA keys have a size; to ask of an abstract class whether a key is one takes longer.
    return hasattr(key, "key_size")


def is_weak(key: PublicKey) -> bool:
    return is_rsa(key) and key.key_size < RSA_BITS


def multikey(public: Ed25519PublicKey) -> str:
    """`z6Mk…`: multibase base58btc of the multicodec ed25519-pub (FEP-521a)."""
    return multibase.encode(_MULTICODEC_ED25519 + public.public_bytes_raw())


def from_multikey(text: object) -> Ed25519PublicKey:
    """The reverse of `multikey`; Malformed for everything else, other kinds of key included."""
    data = multibase.decode(text, size=len(_MULTICODEC_ED25519) + 32)
    if not data.startswith(_MULTICODEC_ED25519):
        raise Malformed("not an Ed25519 Multikey")
    return Ed25519PublicKey.from_public_bytes(data[len(_MULTICODEC_ED25519) :])


def keys_of(actor_document: dict[str, Any]) -> list[Key]:
    """The usable keys that an actor document may speak for: `publicKey` and Multikeys of `assertionMethod`.

    Only those which name the document's own id as their owner, with an id on the actor's host: a document
    that lists a stranger's keyId proves nothing (Fedify CVE-2025-54888). At most 10; unreadable and weak
    keys are left out. Raises Malformed if the document's id is no http(s) URI.
    """
    owner = actor_document.get("id")
    if not isinstance(owner, str):
        raise Malformed("an actor without id")
    host = vocabulary.host_of(owner)
    found: list[Key] = []
    for key_id, public in _own_keys(actor_document, owner, host):
        if all(key_id != key.id for key in found):
            found.append(Key(key_id, owner, public))
    return found


def _own_keys(document: dict[str, Any], owner: str, host: str) -> Iterator[tuple[str, PublicKey]]:
    listed = [("owner", entry) for entry in vocabulary.as_list(document.get("publicKey"))]
    listed += [("controller", entry) for entry in vocabulary.as_list(document.get("assertionMethod"))]
    for owned_by, entry in listed[:_KEYS_PER_ACTOR]:
        if not isinstance(entry, dict) or entry.get(owned_by) != owner:
            continue
        key_id = entry.get("id")
        try:
            if not isinstance(key_id, str) or vocabulary.host_of(key_id) != host:
                continue
            yield key_id, _read(entry)
        except Malformed:
            continue


def _read(entry: dict[str, Any]) -> PublicKey:
    pem = entry.get("publicKeyPem")
    if isinstance(pem, str):
        return load_public(pem)
    return from_multikey(entry.get("publicKeyMultibase"))

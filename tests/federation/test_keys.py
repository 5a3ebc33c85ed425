from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federation import keys, multibase
from federation.vocabulary import Malformed

from . import carol

PEM = keys.public_pem(carol.RSA.public_key())
MULTIKEY = keys.multikey(carol.ED25519.public_key())


def actor(**changes: Any) -> dict[str, Any]:
    return {
        "id": carol.CAROL,
        "publicKey": {"id": carol.KEY_ID, "owner": carol.CAROL, "publicKeyPem": PEM},
        "assertionMethod": [
            {
                "id": carol.CAROL + "#ed25519-key",
                "type": "Multikey",
                "controller": carol.CAROL,
                "publicKeyMultibase": MULTIKEY,
            }
        ],
    } | changes


@pytest.mark.parametrize("private", [carol.RSA, carol.ED25519])
def test_a_stored_private_key_comes_back(private: keys.PrivateKey) -> None:
    again = keys.load_private(keys.private_pem(private))
    assert again.public_key() == private.public_key()


@pytest.mark.parametrize("private", [carol.RSA, carol.ED25519])
def test_a_published_key_comes_back(private: keys.PrivateKey) -> None:
    assert keys.load_public(keys.public_pem(private.public_key())) == private.public_key()


@pytest.mark.parametrize("pem", [b"", b"nonsense", keys.public_pem(carol.RSA.public_key()).encode()])
def test_what_is_no_private_key_is_malformed(pem: bytes) -> None:
    with pytest.raises(Malformed):
        keys.load_private(pem)


def test_a_private_key_of_another_kind_is_malformed() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    pem = elliptic.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(Malformed):
        keys.load_private(pem)


def test_rsa_under_2048_bits_is_weak() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    with pytest.raises(keys.Weak):
        keys.load_public(keys.public_pem(weak.public_key()))


def test_an_rsa_key_that_is_costly_to_verify_with_is_malformed() -> None:
    modulus = carol.RSA.public_key().public_numbers().n
    costly = rsa.RSAPublicNumbers(e=2**65 + 1, n=modulus).public_key()
    with pytest.raises(Malformed, match="too large"):
        keys.load_public(keys.public_pem(costly))


def test_an_rsa_key_of_more_than_8192_bits_is_malformed() -> None:
    # Not a product of two primes, but nobody could tell.
    large = rsa.RSAPublicNumbers(e=65537, n=2**9000 + 1).public_key()
    with pytest.raises(Malformed, match="too large"):
        keys.load_public(keys.public_pem(large))


def test_a_key_of_another_kind_is_malformed() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Malformed):
        keys.load_public(pem.decode())


@pytest.mark.parametrize("pem", ["", "é", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_malformed(pem: str) -> None:
    with pytest.raises(Malformed):
        keys.load_public(pem)


def test_a_key_without_end_is_malformed() -> None:
    with pytest.raises(Malformed, match="too long"):
        keys.load_public(PEM + "\n" * 5000)


def test_a_multikey_is_the_published_one() -> None:
    """FEP-8b32's test vector: the secret key belongs to the Multikey of its actor."""
    secret = multibase.decode("z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq", size=34)
    assert secret.startswith(b"\x80\x26")
    private = Ed25519PrivateKey.from_private_bytes(secret[2:])
    published = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
    assert keys.multikey(private.public_key()) == published
    assert keys.from_multikey(published) == private.public_key()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "z",
        "z6Mk",
        "m" + MULTIKEY[1:],
        MULTIKEY + "1",
        MULTIKEY.replace("M", "0"),
        "z" + "1" * 40,
        multibase.encode(b"\xe7\x01" + bytes(32)),
        "z" + "2" * 200_000,
    ],
    # A key is another one in each run.
    ids=["none", "empty", "z", "z6Mk", "another base", "longer", "no base58", "ones", "of zeros", "endless"],
)
def test_what_is_no_multikey_is_malformed(text: object) -> None:
    with pytest.raises(Malformed):
        keys.from_multikey(text)


def test_base58_without_end_is_not_even_decoded() -> None:
    with pytest.raises(Malformed, match="right length"):
        multibase.decode("z" + "2" * 200_000, size=64)


@given(st.binary(max_size=80))
def test_base58_comes_back(data: bytes) -> None:
    assert multibase.decode(multibase.encode(data), size=len(data)) == data


def test_an_actor_speaks_for_its_rsa_and_its_ed25519_key() -> None:
    assert keys.keys_of(actor()) == [
        carol.key(carol.RSA),
        carol.key(carol.ED25519, carol.CAROL + "#ed25519-key"),
    ]


def test_public_keys_may_be_a_list_and_a_multikey_alone() -> None:
    document = actor()
    document["publicKey"] = [document["publicKey"]]
    document["assertionMethod"] = document["assertionMethod"][0]
    assert len(keys.keys_of(document)) == 2


KEY = actor()["publicKey"]
MULTI = actor()["assertionMethod"][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"publicKey": KEY | {"owner": "https://carol.test/users/alice"}},
        {"publicKey": KEY | {"owner": None}},
        {"publicKey": KEY | {"id": "https://alice.test/users/alice#main-key"}},
        {"publicKey": KEY | {"id": None}},
        {"publicKey": KEY | {"id": "nonsense"}},
        {"publicKey": KEY | {"publicKeyPem": "nonsense"}},
        {"publicKey": carol.KEY_ID},
        {"publicKey": None, "assertionMethod": MULTI | {"controller": "https://carol.test/users/alice"}},
        {"publicKey": None, "assertionMethod": MULTI | {"id": "https://alice.test/users/alice#k"}},
        {"publicKey": None, "assertionMethod": MULTI | {"publicKeyMultibase": 7}},
    ],
)
def test_a_key_that_is_not_the_actors_own_is_left_out(changes: dict[str, Any]) -> None:
    assert keys.keys_of(actor(assertionMethod=[]) | changes) == []


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    other = KEY | {"publicKeyPem": keys.public_pem(keys.generate_rsa().public_key())}
    assert keys.keys_of(actor(publicKey=[KEY, other], assertionMethod=[])) == [carol.key()]


def test_only_the_first_ten_keys_are_read() -> None:
    many = [KEY | {"id": f"{carol.CAROL}#{number}"} for number in range(50)]
    assert len(keys.keys_of(actor(publicKey=many))) == 10


@pytest.mark.parametrize("uri", [None, 7, "nonsense"])
def test_an_actor_without_a_usable_id_is_malformed(uri: object) -> None:
    with pytest.raises(Malformed):
        keys.keys_of(actor(id=uri))

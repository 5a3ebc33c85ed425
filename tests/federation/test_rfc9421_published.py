import base64
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import http_message_signatures as oracle
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from msgspec.structs import replace

from federation import httpsig, keys

from . import carol

SHA512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
RFC_PRIVATE = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
RFC_PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
RFC_HEADERS = {
    "Host": "example.com",
    "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "Content-Type": "application/json",
    "Content-Digest": SHA512,
    "Content-Length": "18",
}
RFC_TIME = datetime.fromtimestamp(1618884473, UTC)


def rfc_request(
    signature_input: str, signature: str, target: str = "/foo?param=Value&Pet=dog"
) -> httpsig.Request:
    headers = RFC_HEADERS | {"Signature-Input": signature_input, "Signature": signature}
    return httpsig.Request("POST", target, tuple(headers.items()), b'{"hello": "world"}')


def rfc_keyring() -> carol.Keyring:
    public = keys.load_public(RFC_PUBLIC)
    return carol.Keyring(keys.Key("test-key-ed25519", "https://example.com/actor", public))


async def test_the_published_signature_b26_is_refused_for_what_it_does_not_cover() -> None:
    sent = rfc_request(
        'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"',
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    )
    with pytest.raises(httpsig.Forged, match="query not signed"):
        await carol.verify(sent, rfc_keyring(), base_url="https://example.com", now=RFC_TIME)


async def test_the_published_signature_b26_verifies_where_it_covers_enough() -> None:
    """A GET without query and body needs no more than B.2.6 covers, and the same key signs it."""
    member = (
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    published = (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@method": POST\n"@path": /foo\n"@authority": example.com\n'
        f'"content-type": application/json\n"content-length": 18\n"@signature-params": {member}'
    )
    private = keys.load_private(RFC_PRIVATE.encode())
    assert isinstance(private, Ed25519PrivateKey)
    expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    assert base64.b64encode(private.sign(published.encode())).decode() == expected
    signature = base64.b64encode(private.sign(published.replace("POST", "GET").encode())).decode()
    sent = rfc_request(f"sig-b26={member}", f"sig-b26=:{signature}:", "/foo")
    sent = replace(
        sent,
        method="GET",
        body=b"",
        headers=tuple(line for line in sent.headers if line[0] != "Content-Digest"),
    )
    signer = await carol.verify(sent, rfc_keyring(), base_url="https://example.com", now=RFC_TIME)
    assert signer.actor == "https://example.com/actor"


@pytest.mark.parametrize("private", [carol.RSA, carol.ED25519])
async def test_what_we_sign_passes_the_gate_and_the_librarys(private: keys.PrivateKey) -> None:
    now = datetime.now(UTC)
    url = "https://ours.test/inbox?x=1"
    sent = httpsig.sign(
        "rfc9421",
        method="POST",
        url=url + "#frag",
        key=keys.SigningKey(carol.KEY_ID, private),
        now=now,
        body=carol.LIKE,
        content_type="application/activity+json",
    )
    received = httpsig.Request("POST", "/inbox?x=1", (("Host", "ours.test"), *sent.items()), carol.LIKE)
    signer = await carol.verify(received, carol.Keyring(carol.key(private)), now=now)
    assert abs(signer.signed_at - now) < timedelta(seconds=1)
    rsa = isinstance(private, RSAPrivateKey)
    (result,) = oracle.HTTPMessageVerifier(
        signature_algorithm=oracle.algorithms.RSA_V1_5_SHA256 if rsa else oracle.algorithms.ED25519,
        key_resolver=oracle.MappingKeyResolver(
            public_keys={carol.KEY_ID: private.public_key()}, private_keys={}
        ),
    ).verify(
        SimpleNamespace(method="POST", url=url, headers=sent),
        require_components=("@method", "@target-uri", "content-type", "content-digest"),
        body=carol.LIKE,
    )
    assert result.parameters["keyid"] == carol.KEY_ID


def test_a_signed_post_is_what_the_rfc_says() -> None:
    sent = httpsig.sign(
        "rfc9421",
        method="POST",
        url="https://carol.test/inbox",
        key=keys.SigningKey("https://ours.test/actors/org#main-key", carol.RSA),
        now=carol.NOW,
        body=b"{}",
    )
    member = sent["Signature-Input"].removeprefix("sig1=")
    assert member == (
        '("@method" "@target-uri" "content-digest");created=1795291200;'
        'keyid="https://ours.test/actors/org#main-key";alg="rsa-v1_5-sha256"'
    )
    text = (
        '"@method": POST\n"@target-uri": https://carol.test/inbox\n'
        '"content-digest": sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:\n'
        f'"@signature-params": {member}'
    )
    signature = base64.b64decode(sent["Signature"].removeprefix("sig1=:").rstrip(":"))
    carol.RSA.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_signed_get_has_no_digest() -> None:
    key = keys.SigningKey(carol.KEY_ID, carol.ED25519)
    sent = httpsig.sign("rfc9421", method="GET", url="https://carol.test/users/carol", key=key, now=carol.NOW)
    assert set(sent) == {"Signature-Input", "Signature"}

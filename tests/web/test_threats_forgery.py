"""Mallory writes Likes in Bob's name: none gets past the signature."""

import base64
import dataclasses
import functools
import hashlib
import json
import re
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests import signing
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.signing import Request
from tests.web import counting

BODY = json.dumps(counting.like("https://elsewhere.test/users/bob")).encode()
OTHER_BODY = BODY.replace(b"#likes/1", b"#likes/2")

pytestmark = [
    pytest.mark.usefixtures("campaign"),
    # What is refused here never reaches a database.
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server()).person("bob")


@functools.cache
def weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505


def digest(body: bytes) -> str:
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def adding(request: Request, name: str, value: str, *, first: bool = False) -> Request:
    """The same request with one more header line."""
    line = (name, value)
    headers = (line, *request.headers) if first else (*request.headers, line)
    return dataclasses.replace(request, headers=headers)


async def refuses(client: Client, fediverse: Fediverse, forged: dict[str, Request], right: Request) -> None:
    """Each is answered 401 and counts nothing, where the request that they imitate is taken."""
    assert await counting.statuses(fediverse, forged) == dict.fromkeys(forged, 401)
    assert await counting.endorsements(client, fediverse) == 0
    assert (await fediverse.send(right)).status == 202
    assert await counting.endorsements(client, fediverse) == 1


async def test_a_like_without_a_readable_signature_is_refused(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    right = bob.signed(BODY, counting.INBOX)
    value = right.header("signature") or ""
    mallory = f'keyId="https://elsewhere.test/users/mallory#main-key",{value}'
    forged = {
        "unsigned": right.lacking("signature"),
        "empty": right.having("Signature", ""),
        "a bearer token": right.lacking("signature").having("Authorization", f"Signature {value}"),
        "no parameters": right.having("Signature", "signature"),
        "not base64": right.having("Signature", re.sub('signature="..', 'signature="%%', value)),
        "cut off": right.having("Signature", re.sub('signature="....', 'signature="', value)),
        "an empty signature": right.having("Signature", re.sub('signature="[^"]*', 'signature="', value)),
        "one bit of it": right.having("Signature", flipped(value)),
        "no keyId": right.having("Signature", re.sub('keyId="[^"]*",', "", value)),
        "no headers": right.having("Signature", re.sub('headers="[^"]*",', "", value)),
        "keyId twice": right.having("Signature", mallory),
        "headers twice": right.having("Signature", f'headers="date",{value}'),
        "signature twice": right.having("Signature", f'signature="AAAA",{value}'),
        "two Signature headers": adding(right, "Signature", value, first=True),
        "a quote too many": right.having("Signature", value.replace('",', '"",', 1)),
        "the other scheme as well": right.having("Signature-Input", "sig1=()"),
        "of nobody": right.having("Signature", value.replace("bob#", "nobody#")),
    }
    await refuses(client, fediverse, forged, right)


def flipped(value: str) -> str:
    """The header with one bit of the signature turned over."""
    encoded = re.search('signature="([^"]*)"', value)
    assert encoded is not None
    raw = bytearray(base64.b64decode(encoded[1]))
    raw[100] ^= 1
    return value.replace(encoded[1], base64.b64encode(raw).decode())


async def test_unknown_algorithms_are_refused(bob: Person, client: Client, fediverse: Fediverse) -> None:
    forged = {
        name: bob.signed(BODY, counting.INBOX, algorithm=name)
        for name in ("rsa-sha1", "hmac-sha256", "none", "", "RSA-SHA256", "ed25519", "rsa-sha512")
    }
    plain = bob.signed(BODY, counting.INBOX, scheme="rfc9421")
    for name in ("hmac-sha256", "rsa-pss-sha512", "none"):
        given = (plain.header("signature-input") or "").replace("rsa-v1_5-sha256", name)
        forged[f"RFC 9421: {name}"] = plain.having("Signature-Input", given)
    await refuses(client, fediverse, forged, bob.signed(BODY, counting.INBOX))


async def test_rsa_keys_under_2048_bits_are_refused(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    weak = signing.Key("https://elsewhere.test/users/weak#main-key", weak_key())
    document = bob.document | {
        "id": "https://elsewhere.test/users/weak",
        "publicKey": {
            "id": weak.id,
            "owner": "https://elsewhere.test/users/weak",
            "publicKeyPem": weak.pem,
        },
    }
    bob.server.documents["/users/weak"] = document
    said = counting.like("https://elsewhere.test/users/weak")
    forged = {
        scheme: bob.signed(said, counting.INBOX, key=weak, scheme=scheme) for scheme in ("cavage", "rfc9421")
    }
    await refuses(client, fediverse, forged, bob.signed(BODY, counting.INBOX))


async def test_a_signature_that_covers_too_little_is_refused(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    def covering(*names: str) -> Request:
        return bob.signed(BODY, counting.INBOX, covered=names)

    forged = {
        "the date alone": covering("date"),
        "no target": covering("host", "date", "digest"),
        "no host": covering("(request-target)", "date", "digest"),
        "no time": covering("(request-target)", "host", "digest"),
        "no digest": covering("(request-target)", "host", "date"),
        "no digest, and none sent": covering("(request-target)", "host", "date").lacking("digest"),
        "a header twice": covering("(request-target)", "host", "date", "digest", "digest"),
    }
    await refuses(client, fediverse, forged, covering("(request-target)", "host", "date", "digest"))


async def test_an_rfc_9421_signature_that_covers_too_little_is_refused(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    def covering(*names: str, inbox: str = counting.INBOX) -> Request:
        return bob.signed(BODY, inbox, scheme="rfc9421", covered=names)

    # The library covers the digest by itself wherever it sees a body.
    bare = dataclasses.replace(signing.request("POST", counting.INBOX, BODY), body=None)
    without_digest = signing.rfc9421(bare, bob.key, at=fediverse.clock.now()).carrying(BODY)
    forged = {
        "the date alone": covering("content-type"),
        "no method": covering("@target-uri"),
        "no target": covering("@method"),
        "no path": covering("@method", "@authority"),
        "no host": covering("@method", "@path"),
        "no query": covering("@method", "@authority", "@path", inbox=f"{counting.INBOX}?a=b"),
        "no digest": without_digest,
        "no digest signed": without_digest.having("Content-Digest", content_digest(BODY)),
    }
    await refuses(client, fediverse, forged, covering("@method", "@authority", "@path"))


async def test_a_swapped_body_is_refused(bob: Person, client: Client, fediverse: Fediverse) -> None:
    right = bob.signed(BODY, counting.INBOX)
    two = f"{digest(BODY)},{digest(OTHER_BODY)}"
    forged = {
        "the body": right.carrying(OTHER_BODY),
        "one byte more": right.carrying(BODY + b" "),
        "the body and its digest": right.carrying(OTHER_BODY).having("Digest", digest(OTHER_BODY)),
        "a digest before the signed one": adding(
            right.carrying(OTHER_BODY), "Digest", digest(OTHER_BODY), first=True
        ),
        "a digest after the signed one": adding(right.carrying(OTHER_BODY), "Digest", digest(OTHER_BODY)),
        "no digest": right.carrying(OTHER_BODY).lacking("digest"),
        "two digests in one": signed_with_digest(bob, two, BODY),
        "two digests in one, the other body": signed_with_digest(bob, two, OTHER_BODY),
        "a digest by MD5": signed_with_digest(bob, "MD5=1B2M2Y8AsgTpgAmY7PhCfg==", BODY),
        "an empty digest": signed_with_digest(bob, "", BODY),
    }
    await refuses(client, fediverse, forged, right)


def signed_with_digest(bob: Person, value: str, body: bytes) -> Request:
    """Truly signed by Bob, whatever the digest says."""
    date = format_datetime(bob.server.world.clock.now(), usegmt=True)
    lines = (
        "(request-target): post /actors/forest/inbox",
        "host: ours.test",
        f"date: {date}",
        f"digest: {value}",
    )
    private = bob.key.private
    assert isinstance(private, rsa.RSAPrivateKey)
    raw = private.sign("\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())
    signature = (
        f'keyId="{bob.key.id}",algorithm="rsa-sha256",headers="(request-target) host date digest",'
        f'signature="{base64.b64encode(raw).decode()}"'
    )
    plain = signing.request("POST", counting.INBOX, body)
    return plain.having("Date", date).having("Digest", value).having("Signature", signature)


async def test_a_swapped_body_is_refused_under_rfc_9421_too(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    right = bob.signed(BODY, counting.INBOX, scheme="rfc9421")
    swapped = right.carrying(OTHER_BODY)
    forged = {
        "the body": swapped,
        "the body and its digest": swapped.having("Content-Digest", content_digest(OTHER_BODY)),
        "a digest more": adding(swapped, "Content-Digest", content_digest(OTHER_BODY)),
        "no digest": swapped.lacking("content-digest"),
    }
    await refuses(client, fediverse, forged, right)


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
async def test_a_request_that_was_signed_for_another_place_is_refused(
    scheme: signing.Scheme, bob: Person, client: Client, fediverse: Fediverse
) -> None:
    right = bob.signed(BODY, counting.INBOX, scheme=scheme)
    elsewhere = bob.signed(BODY, "https://theirs.test/actors/forest/inbox", scheme=scheme)
    plain = signing.request("PUT", counting.INBOX, BODY)
    put = (
        signing.cavage(plain, bob.key, at=fediverse.clock.now())
        if scheme == "cavage"
        else signing.rfc9421(plain, bob.key, at=fediverse.clock.now())
    )
    forged = {
        "another path": right.at(counting.SHARED_INBOX),
        "a query": right.at(f"{counting.INBOX}?a=b"),
        "another spelling": right.at("https://ours.test/actors/f%6Frest/inbox"),
        "another method": dataclasses.replace(put, method="POST"),
        "another host": elsewhere.at(counting.INBOX).having("Host", "ours.test"),
        "another port": bob.signed(BODY, "https://ours.test:8443/actors/forest/inbox", scheme=scheme)
        .at(counting.INBOX)
        .having("Host", "ours.test"),
    }
    if scheme == "cavage":
        forged["another host, as it was signed"] = elsewhere.at(counting.INBOX)
    await refuses(client, fediverse, forged, right)

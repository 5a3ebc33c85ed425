"""People on other servers: their rows or their documents, and Likes signed by them beforehand."""

import base64
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from storage.actors import Description

KINDS = 8
"""Different keys; a verification costs the same whoever shares the key."""


@cache
def _keys(algorithm: str) -> list[rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey]:
    if algorithm == "rsa":
        return [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(KINDS)]
    return [ed25519.Ed25519PrivateKey.generate() for _ in range(KINDS)]


@cache
def _pems(algorithm: str) -> list[str]:
    return [
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
        for key in _keys(algorithm)
    ]


@dataclass(frozen=True)
class Crowd:
    """So many people, spread over these origins (`http://host:port`)."""

    number: int
    origins: Sequence[str]
    algorithm: str = "rsa"

    def uri(self, person: int) -> str:
        return f"{self.origins[person % len(self.origins)]}/users/u{person}"

    def descriptions(self) -> list[Description]:
        """What the instance would have stored of them."""
        return [
            Description(
                uri=(uri := self.uri(person)),
                host=uri.split("/")[2],
                type="Person",
                handle=f"u{person}",
                name=f"Person {person}",
                url=uri,
                inbox=f"{uri}/inbox",
                shared_inbox=f"{uri.rsplit('/', 2)[0]}/inbox",
                moved_to=None,
                keys=((f"{uri}#main-key", _pems(self.algorithm)[person % KINDS]),),
            )
            for person in range(self.number)
        ]

    def document(self, person: int) -> bytes:
        """What their server answers when asked for them."""
        uri = self.uri(person)
        return json.dumps(
            {
                "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
                "id": uri,
                "type": "Person",
                "preferredUsername": f"u{person}",
                "inbox": f"{uri}/inbox",
                "publicKey": {
                    "id": f"{uri}#main-key",
                    "owner": uri,
                    "publicKeyPem": _pems(self.algorithm)[person % KINDS],
                },
            }
        ).encode()

    def likes(self, instance: str, slug: str, people: range) -> list[bytes]:
        """A signed Like of a campaign by each, as bytes to send; made on all cores. `instance`: its URL."""
        _pems(self.algorithm)
        date = format_datetime(datetime.now(UTC), usegmt=True)
        parts = [
            range(start, min(start + 500, people.stop)) for start in range(people.start, people.stop, 500)
        ]
        with ProcessPoolExecutor() as pool:
            made = pool.map(self._likes, *zip(*((instance, slug, part, date) for part in parts), strict=True))
            return [request for requests in made for request in requests]

    def _likes(self, instance: str, slug: str, people: range, date: str) -> list[bytes]:
        return [self._like(instance, slug, person, date) for person in people]

    def _like(self, instance: str, slug: str, person: int, date: str) -> bytes:
        uri, host = self.uri(person), instance.partition("://")[2]
        body = json.dumps(
            {
                "@context": "https://www.w3.org/ns/activitystreams",
                "id": f"{uri}#likes/{slug}",
                "type": "Like",
                "actor": uri,
                "object": f"{instance}/campaigns/{slug}",
            }
        ).encode()
        digest = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
        signed = (
            f"(request-target): post /inbox\nhost: {host}\ndate: {date}\ndigest: {digest}\n"
            "content-type: application/activity+json"
        )
        signature = base64.b64encode(self._sign(person, signed.encode())).decode()
        algorithm = "rsa-sha256" if self.algorithm == "rsa" else "hs2019"
        return (
            f"POST /inbox HTTP/1.1\r\nHost: {host}\r\nDate: {date}\r\nDigest: {digest}\r\n"
            "Content-Type: application/activity+json\r\nAccept-Encoding: gzip\r\n"
            "User-Agent: http.rb/5.2.0 (Mastodon/4.3.0; +https://social.example/)\r\n"
            f"Content-Length: {len(body)}\r\n"
            f'Signature: keyId="{uri}#main-key",algorithm="{algorithm}",'
            f'headers="(request-target) host date digest content-type",signature="{signature}"\r\n\r\n'
        ).encode() + body

    def _sign(self, person: int, text: bytes) -> bytes:
        key = _keys(self.algorithm)[person % KINDS]
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(text)

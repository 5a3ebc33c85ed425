"""Carol, who is on another server: her keys, who knows them, and requests that she truly signs by hand."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import http_message_signatures as oracle
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation import httpsig, keys

OURS = "https://ours.test"
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
CAROL = "https://carol.test/users/carol"
KEY_ID = CAROL + "#main-key"
LIKE = (
    b'{"type":"Like","actor":"https://carol.test/users/carol","object":"https://ours.test/campaigns/forest"}'
)
RSA = keys.generate_rsa()
ED25519 = keys.generate_ed25519()
COVERED = ("(request-target)", "host", "date", "digest")
COVERED_9421 = ("@method", "@target-uri", "content-digest")
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class DigestAsGiven(oracle.ContentDigest):
    @classmethod
    def prepare(cls, headers: Any, body: bytes | None, *, use_existing_digest: bool) -> None:
        """Nothing: a forger may sign any digest."""


class Oracle(oracle.HTTPMessageSigner):
    content_digest_class = DigestAsGiven


class Keyring:
    """What our server knows of keys; `fresh` is what it finds when it asks again."""

    def __init__(self, *known: keys.Key, fresh: keys.Key | None = None) -> None:
        self._known = {key.id: key for key in known}
        self._fresh = fresh
        self.asked: list[tuple[str, bool]] = []

    async def __call__(self, key_id: str, /, *, fresh: bool) -> keys.Key:
        self.asked.append((key_id, fresh))
        if fresh and self._fresh is not None:
            return self._fresh
        if key_id not in self._known:
            raise httpsig.Forged("no such key")
        return self._known[key_id]


def key(private: keys.PrivateKey = RSA, key_id: str = KEY_ID, owner: str = CAROL) -> keys.Key:
    return keys.Key(key_id, owner, private.public_key())


def http_date(moment: datetime = NOW) -> str:
    return format_datetime(moment, usegmt=True)


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def cavage(
    *,
    method: str = "POST",
    target: str = "/inbox",
    body: bytes = LIKE,
    private: keys.PrivateKey = RSA,
    covered: tuple[str, ...] = COVERED,
    change: dict[str, str] | None = None,
    parameters: dict[str, str] | None = None,
    signed_target: str | None = None,
    separator: str = ",",
    raw: Callable[[str], str] = str,
) -> httpsig.Request:
    """A request signed by draft-cavage with `cryptography` alone.

    `change` replaces headers before they are signed; `parameters` replaces or adds some of Signature's (an
    empty one is left out); `raw` has the last word on the whole Signature header.
    """
    headers = {"host": "ours.test", "date": http_date(), "content-type": "application/activity+json"}
    if body:
        headers["digest"] = "SHA-256=" + sha256(body)
    headers |= change or {}
    given = {"keyId": f'"{KEY_ID}"', "algorithm": '"hs2019"', "headers": f'"{" ".join(covered)}"'}
    given |= parameters or {}
    lines = []
    for name in covered:
        if name == "(request-target)":
            value = f"{method.lower()} {signed_target or target}"
        else:
            value = given[name[1:-1]].strip('"') if name.startswith("(") else headers.get(name, "")
        lines.append(f"{name}: {value}")
    text = "\n".join(lines).encode()
    if isinstance(private, RSAPrivateKey):
        signature = private.sign(text, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = private.sign(text)
    given.setdefault("signature", f'"{base64.b64encode(signature).decode()}"')
    header = separator.join(f"{name}={value}" for name, value in given.items() if value)
    return httpsig.Request(method, target, (*headers.items(), ("signature", raw(header))), body)


def rfc9421(
    *,
    method: str = "POST",
    target: str = "/inbox",
    body: bytes = LIKE,
    private: keys.PrivateKey = RSA,
    covered: Sequence[str] = COVERED_9421,
    change: dict[str, str] | None = None,
    signed_url: str | None = None,
    created: datetime = NOW,
    append_to: httpsig.Request | None = None,
    **options: Any,
) -> httpsig.Request:
    """A request signed by the library itself, with whatever coverage; `append_to` adds a second label."""
    headers: dict[str, str] = {"host": "ours.test", "date": http_date()}
    if body:
        headers["content-digest"] = f"sha-256=:{sha256(body)}:"
    headers |= change or {}
    if append_to is not None:
        headers = dict(append_to.headers)
    rsa = isinstance(private, RSAPrivateKey)
    algorithm = oracle.algorithms.RSA_V1_5_SHA256 if rsa else oracle.algorithms.ED25519
    Oracle(
        signature_algorithm=options.pop("algorithm", algorithm),
        key_resolver=oracle.MappingKeyResolver(
            public_keys={}, private_keys={options.get("key_id", KEY_ID): private}
        ),
    ).sign(
        SimpleNamespace(method=method, url=signed_url or OURS + target, headers=headers),
        covered_component_ids=covered,
        created=created,
        append_if_signature_exists=append_to is not None,
        **{"key_id": KEY_ID} | options,
    )
    return httpsig.Request(method, target, tuple(headers.items()), body)


async def verify(
    sent: httpsig.Request, keyring: httpsig.KeyFor | None = None, *, now: datetime = NOW, base_url: str = OURS
) -> httpsig.Signer:
    return await httpsig.verify(sent, base_url=base_url, key_for=keyring or Keyring(key()), now=now)

"""Signs requests and checks ours without the code under test: cavage by hand, RFC 9421 by its library."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from http_message_signatures.resolvers import HTTPSignatureKeyResolver

Scheme = Literal["cavage", "rfc9421"]
MASTODON: Final = ("(request-target)", "host", "date", "digest", "content-type")
ACTIVITY: Final = "application/activity+json"


@dataclass(frozen=True)
class Key:
    """A private key and the id under which others find its public half."""

    id: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def pem(self) -> str:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(encoding, form).decode()

    @property
    def multikey(self) -> str:
        """The Ed25519 public key as FEP-521a writes it: multicodec 0xed01, base58btc."""
        assert isinstance(self.private, Ed25519PrivateKey)
        raw = self.private.public_key().public_bytes_raw()
        return "z" + base58(b"\xed\x01" + raw)


@dataclass(frozen=True)
class Request:
    """A request ready to be sent; `headers` are those that the sender chooses, in order."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None

    def header(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each.lower() == name.lower()]
        return ", ".join(found) if found else None

    def having(self, name: str, value: str) -> "Request":
        """The same request with one header set to another value."""
        others = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*others, (name, value)))

    def lacking(self, name: str) -> "Request":
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() != name.lower()))

    def carrying(self, body: bytes) -> "Request":
        """The same request with another body, its headers untouched."""
        return replace(self, body=body)

    def at(self, url: str) -> "Request":
        """The same request sent elsewhere."""
        return replace(self, url=url)


def request(method: str, url: str, body: bytes | None = None, *, content_type: str = ACTIVITY) -> Request:
    """A request that nobody has signed yet."""
    headers = [("Host", urlsplit(url).netloc)]
    if body is not None:
        headers.append(("Content-Type", content_type))
    return Request(method, url, tuple(headers), body)


def cavage(
    plain: Request,
    key: Key,
    *,
    at: datetime,
    covered: Iterable[str] = MASTODON,
    algorithm: str | None = "rsa-sha256",
    separator: str = ",",
) -> Request:
    """Signs by draft-cavage-http-signatures-12; what `covered` names and isn't there yet is added."""
    headers = {name.lower(): value for name, value in plain.headers}
    headers["date"] = format_datetime(at, usegmt=True)
    if plain.body is None:
        covered = [name for name in covered if name not in ("digest", "content-type")]
        headers["accept"] = ACTIVITY
    else:
        headers["digest"] = f"SHA-256={base64.b64encode(hashlib.sha256(plain.body).digest()).decode()}"
    covered = list(covered)
    parameters = {"keyId": key.id, "algorithm": algorithm, "headers": " ".join(covered)}
    extra = {"(request-target)": f"{plain.method.lower()} {target(plain.url)}"}
    if "(created)" in covered:
        extra["(created)"] = str(int(at.timestamp()))
    text = "\n".join(f"{name}: {(extra | headers)[name]}" for name in covered)
    parameters["signature"] = base64.b64encode(_signed(key, text.encode())).decode()
    parts = [f'{name}="{value}"' for name, value in parameters.items() if value is not None]
    if "(created)" in extra:
        parts.append(f"created={extra['(created)']}")
    return replace(plain, headers=(*headers.items(), ("Signature", separator.join(parts))))


def rfc9421(
    plain: Request,
    key: Key,
    *,
    at: datetime,
    covered: Sequence[str] = ("@method", "@target-uri"),
    label: str = "sig1",
    **more: Any,
) -> Request:
    """Signs by RFC 9421; with a body, `content-digest` is added and covered."""
    message = _Message(plain)
    signer = HTTPMessageSigner(signature_algorithm=_algorithm(key.private), key_resolver=_Keys(key.private))
    signer.sign(
        message,
        key_id=key.id,
        created=at,
        label=label,
        covered_component_ids=covered,
        body=plain.body,
        **({"include_alg": True} | more),
    )
    return replace(plain, headers=tuple(message.headers.items()))


def holds(message: Request, public: RSAPublicKey | Ed25519PublicKey) -> bool:
    """Whether a request of ours verifies, digest included, in the scheme that it uses."""
    if message.header("signature-input"):
        verifier = HTTPMessageVerifier(
            signature_algorithm=_algorithm(public), key_resolver=_Keys(public=public)
        )
        try:
            verifier.verify(_Message(message), max_age=None)
        except (HTTPMessageSignaturesException, InvalidSignature):
            return False
        given, wanted = message.header("content-digest"), "sha-256=:{}:"
    else:
        parameters = dict(re.findall(r'(\w+)="?([^",]*)"?', message.header("signature") or ""))
        lines = []
        for name in parameters.get("headers", "date").split():
            value = message.header(name)
            if name == "(request-target)":
                value = f"{message.method.lower()} {target(message.url)}"
            lines.append(f"{name}: {value}")
        try:
            _verify(public, base64.b64decode(parameters["signature"]), "\n".join(lines).encode())
        except (InvalidSignature, KeyError):
            return False
        given, wanted = message.header("digest"), "SHA-256={}"
    if not message.body:
        return True
    return given == wanted.format(base64.b64encode(hashlib.sha256(message.body).digest()).decode())


def target(url: str) -> str:
    """Path and query as they stand in the request line."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def base58(raw: bytes) -> str:
    """Bitcoin's alphabet, leading zero bytes as `1`."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def _signed(key: Key, text: bytes) -> bytes:
    if isinstance(key.private, Ed25519PrivateKey):
        return key.private.sign(text)
    return key.private.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _verify(public: RSAPublicKey | Ed25519PublicKey, signature: bytes, text: bytes) -> None:
    if isinstance(public, Ed25519PublicKey):
        public.verify(signature, text)
    else:
        public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())


def _algorithm(key: object) -> Any:
    is_rsa = isinstance(key, RSAPrivateKey | RSAPublicKey)
    return algorithms.RSA_V1_5_SHA256 if is_rsa else algorithms.ED25519


class _Message:
    """The form in which the library reads and changes a request."""

    def __init__(self, plain: Request) -> None:
        self.method, self.url, self.headers = plain.method, plain.url, dict(plain.headers)


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, private: Any = None, *, public: Any = None) -> None:
        self._private, self._public = private, public

    def resolve_private_key(self, key_id: str) -> Any:
        return self._private

    def resolve_public_key(self, key_id: str) -> Any:
        return self._public

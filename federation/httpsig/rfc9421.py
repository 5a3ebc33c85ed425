"""RFC 9421 HTTP message signatures, by the library `http-message-signatures` with our clock and coverage."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

import http_message_signatures as library
import http_sf
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from msgspec import Struct

from federation import keys, vocabulary
from federation.httpsig import messages
from federation.httpsig.messages import Claim, Forged, Request

_LABELS = 4
_COVERED = 32
_ALGORITHMS = frozenset({None, "rsa-v1_5-sha256", "ed25519"})
# Fedify signs the URL of a key as it knows it, with its fragment, which never travels. Ours are these.
_KEY_FRAGMENTS = ("#main-key", "#ed25519-key")

_Member = tuple[Any, dict[str, Any]]


def claims(
    request: Request, headers: dict[str, str], *, base_url: str, now: datetime, window: timedelta
) -> list[Claim]:
    """The signatures that cover enough and are in time, in their order; raises Forged if there is none.

    At most four labels are read. Enough is `@method`; `@target-uri`, or `@authority` with `@path` (and
    `@query` where there is one); `content-digest` unless it's a bodiless GET or HEAD; `created`.
    """
    inputs = _dictionary(headers.get("signature-input", ""))
    signatures = _dictionary(headers.get("signature", ""))
    if "content-digest" in headers:
        _check_content_digest(headers["content-digest"], request.body)
    scheme, authority = messages.origin(base_url)
    url = f"{scheme}://{authority}{request.target}"
    found: list[Claim] = []
    refusal = Forged("no signature")
    for label, (components, parameters) in list(inputs.items())[:_LABELS]:
        try:
            value, _ = signatures.get(label, (None, {}))
            if not isinstance(value, bytes):
                raise Forged("a label without its signature")
            _check_coverage(components, request)
            signed_at = _check_parameters(parameters, now=now, window=window)
        except Forged as error:
            refusal = error
            continue
        # Labels are not signed and the library takes one at a time: each is shown to it alone.
        one = {
            "Signature-Input": http_sf.ser({label: (components, parameters)}),
            "Signature": http_sf.ser({label: (value, {})}),
        }
        message = _Message(request.method, url, _Lines([*_unsigned(request.headers), *one.items()]))
        found.append(_claim(message, components, parameters["keyid"], signed_at, value))
    if not found:
        raise refusal
    return found


def sign(
    *,
    method: str,
    url: str,
    key: keys.SigningKey,
    now: datetime,
    body: bytes | None,
    content_type: str | None,
) -> dict[str, str]:
    """The headers that make a request signed: `Signature-Input`, `Signature`, and what goes with a body."""
    sent = {} if content_type is None else {"Content-Type": content_type}
    signer = library.HTTPMessageSigner(
        signature_algorithm=_algorithm(isinstance(key.private, RSAPrivateKey)),
        key_resolver=library.MappingKeyResolver(public_keys={}, private_keys={key.id: key.private}),
    )
    covered = ["@method", "@target-uri", *(["content-type"] if content_type is not None else [])]
    signer.sign(
        _Message(method, url, sent),
        key_id=key.id,
        created=now,
        label="sig1",
        covered_component_ids=covered,
        body=body,
    )
    return sent


class _Message(Struct, frozen=True):
    """A request in the shape that the library reads."""

    method: str
    url: str
    headers: Any
    fragment: str = ""


class _Lines:
    """Header lines with their repetitions, as far as the library needs a mapping."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    def items(self) -> list[tuple[str, str]]:
        return self._lines


class _Resolver(library.HTTPSignatureComponentResolver):
    def get_target_uri(self) -> str:
        return f"{super().get_target_uri()}{self.message.fragment}"  # type: ignore[no-untyped-call]


class _Verifier(library.HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Nothing: `_check_parameters` did it by a clock that is an argument; the library reads the wall."""


def _claim(message: _Message, components: Any, key_id: str, signed_at: datetime, signature: bytes) -> Claim:
    variants = [message]
    if message.method in {"GET", "HEAD"} and ("@target-uri", {}) in components:
        variants += [_Message(message.method, message.url, message.headers, each) for each in _KEY_FRAGMENTS]
    return Claim(
        key_id, signed_at, signature, lambda public: any(_fits(public, key_id, each) for each in variants)
    )


def _fits(public: keys.PublicKey, key_id: str, message: _Message) -> bool:
    verifier = _Verifier(
        signature_algorithm=_algorithm(isinstance(public, RSAPublicKey)),
        key_resolver=library.MappingKeyResolver(public_keys={key_id: public}, private_keys={}),
        component_resolver_class=_Resolver,
    )
    try:
        verifier.verify(message, max_age=None)
    except library.HTTPMessageSignaturesException:
        return False
    return True


def _algorithm(is_rsa: bool) -> type[library.HTTPSignatureAlgorithm]:
    return library.algorithms.RSA_V1_5_SHA256 if is_rsa else library.algorithms.ED25519


def _dictionary(header: str) -> dict[str, _Member]:
    if not header or len(header) > messages.HEADER_LENGTH:
        raise Forged("signature header missing or too long")

    def refuse(name: str, context: str) -> None:
        raise Forged(f"repeated {name} in a {context}")

    try:
        parsed = http_sf.parse(header.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except ValueError as error:
        raise Forged("unreadable signature header") from error
    return cast(dict[str, _Member], parsed)


def _unsigned(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [line for line in headers if line[0].lower() not in {"signature", "signature-input"}]


def _check_coverage(components: Any, request: Request) -> None:
    if not isinstance(components, list) or len(components) > _COVERED:
        raise Forged("unreadable list of covered components")
    # With parameters (;sf, ;key=…) a component is part of a value at most.
    signed = {name for name, parameters in components if type(name) is str and not parameters}
    if "@method" not in signed:
        raise Forged("method not signed")
    if "@target-uri" not in signed:
        if not {"@authority", "@path"} <= signed:
            raise Forged("target not signed")
        if "?" in request.target and "@query" not in signed:
            raise Forged("query not signed")
    if "content-digest" not in signed and not messages.is_read(request):
        raise Forged("digest not signed")


def _check_parameters(parameters: dict[str, Any], *, now: datetime, window: timedelta) -> datetime:
    key_id = parameters.get("keyid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= vocabulary.URI_LENGTH:
        raise Forged("no keyid")
    algorithm = parameters.get("alg")
    if not isinstance(algorithm, str | None) or algorithm not in _ALGORITHMS:
        raise Forged("unknown algorithm")
    signed_at = _timestamp(parameters.get("created"))
    expires_at = _timestamp(parameters["expires"]) if "expires" in parameters else None
    messages.check_time(signed_at, expires_at, now=now, window=window)
    return signed_at


def _timestamp(value: object) -> datetime:
    if type(value) is not int:
        raise Forged("not a timestamp")
    return messages.timestamp(value)


def _check_content_digest(value: str, body: bytes) -> None:
    """Raises Forged unless all of a `Content-Digest` are SHA-256 or SHA-512 of the body."""
    try:
        library.ContentDigest.verify(value, body)
    except library.HTTPMessageSignaturesException as error:
        raise Forged(str(error)) from error

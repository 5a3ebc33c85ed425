"""draft-cavage-http-signatures-12, as Mastodon, GoToSocial, snac, Takahe and most others speak it."""

import base64
import binascii
import functools
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation import keys, vocabulary
from federation.httpsig import digests, messages
from federation.httpsig.messages import Claim, Forged, Request
from federation.vocabulary import Malformed

_PADDING = PKCS1v15()
_SHA256 = hashes.SHA256()
_PARAMETER = re.compile(r'[ \t]*([A-Za-z]+)=(?:"([^"\\]*)"|([0-9]+(?:\.[0-9]+)?))[ \t]*(?:,|\Z)')
# How nearly everybody writes it, between the quotation marks: read by splitting there, in 1 µs rather than 5.
_USUAL = {
    ("keyId=", ",algorithm=", ",headers=", ",signature=", ""): ("keyId", "algorithm", "headers", "signature"),
    ("keyId=", ",headers=", ",signature=", ""): ("keyId", "headers", "signature"),
}
_PARAMETERS = 16
_COVERED = 32
# hs2019 leaves the algorithm to the key; GoToSocial says it and means RSA-SHA256.
_FOR_RSA = frozenset({None, "rsa-sha256", "hs2019"})
_FOR_ED25519 = frozenset({None, "ed25519", "hs2019"})
_KNOWN = _FOR_RSA | _FOR_ED25519


def claim(
    request: Request, headers: dict[str, str], *, base_url: str, now: datetime, window: timedelta
) -> Claim:
    """The signature of a request, all but its cryptography checked; raises Forged.

    Signed must be `(request-target)`, `host`, `date` or `(created)`, and `digest` unless it's a bodiless
    GET or HEAD; what isn't signed is the sender's word at most.
    """
    parameters = _parameters(headers.get("signature", ""))
    key_id = parameters.get("keyId", "")
    if not 0 < len(key_id) <= vocabulary.URI_LENGTH or not messages.is_text(key_id):
        raise Forged("no keyId")
    if parameters.get("algorithm") not in _KNOWN:
        raise Forged("unknown algorithm")
    covered = _covered(parameters.get("headers", ""), is_read=messages.is_read(request))
    _check_host(headers.get("host", ""), base_url)
    signed_at = _signed_at(covered, parameters, headers)
    expires_at = (
        messages.timestamp(parameters["expires"].partition(".")[0]) if "expires" in parameters else None
    )
    messages.check_time(signed_at, expires_at, now=now, window=window)
    if "digest" in headers:
        digests.check_digest(headers["digest"], request.body)
    try:
        signature = binascii.a2b_base64(parameters.get("signature", ""), strict_mode=True)
        texts = _signed_texts(request, covered, parameters, headers)
    except ValueError as error:
        raise Forged("signature is not base64, or a header is not text") from error
    if not signature:
        raise Forged("no signature")
    fits = functools.partial(_fits, parameters.get("algorithm"), signature, texts)
    return Claim(key_id, signed_at, signature, fits)


def sign(
    *,
    method: str,
    authority: str,
    target: str,
    key: keys.SigningKey,
    now: datetime,
    body: bytes | None,
    content_type: str | None,
) -> dict[str, str]:
    """The headers that make a request signed, `Host` excluded."""
    sent = {"Date": format_datetime(now.astimezone(UTC), usegmt=True)}
    if body is not None:
        sent["Digest"] = digests.digest(body)
    if content_type is not None:
        sent["Content-Type"] = content_type
    values = messages.fields([("Host", authority), *sent.items()])
    text = "\n".join(
        [
            f"(request-target): {method.lower()} {target}",
            *(f"{name}: {value}" for name, value in values.items()),
        ]
    ).encode()
    if isinstance(key.private, RSAPrivateKey):
        # WordPress wants the algorithm written out.
        algorithm, signature = "rsa-sha256", key.private.sign(text, _PADDING, _SHA256)
    else:
        algorithm, signature = "hs2019", key.private.sign(text)
    covered = " ".join(["(request-target)", *values])
    encoded = base64.b64encode(signature).decode("ascii")
    sent["Signature"] = f'keyId="{key.id}",algorithm="{algorithm}",headers="{covered}",signature="{encoded}"'
    return sent


def _parameters(header: str) -> dict[str, str]:
    if not header:
        raise Forged("no signature")
    if len(header) > messages.HEADER_LENGTH:
        raise Forged("signature header too long")
    parts = header.split('"')
    usual = _USUAL.get(tuple(parts[::2]))
    if usual is not None and len(parts) % 2 and "\\" not in header:
        return dict(zip(usual, parts[1::2], strict=True))
    found: dict[str, str] = {}
    position = 0
    while position < len(header):
        match = _PARAMETER.match(header, position)
        if match is None or len(found) == _PARAMETERS:
            raise Forged("unreadable signature header")
        name, quoted, number = match.groups()
        if name in found:
            raise Forged(f"repeated parameter {name}")
        found[name] = number if quoted is None else quoted
        position = match.end()
    return found


# What a server covers is the same in each of its requests.
@functools.lru_cache(maxsize=64)
def _covered(names: str, *, is_read: bool) -> tuple[str, ...]:
    covered = tuple(names.lower().split())
    _check_coverage(covered, is_read=is_read)
    return covered


def _check_coverage(covered: tuple[str, ...], *, is_read: bool) -> None:
    signed = set(covered)
    if len(covered) > _COVERED or len(signed) != len(covered):
        raise Forged("too many covered headers, or one twice")
    if "(request-target)" not in signed:
        raise Forged("target not signed")
    if "host" not in signed:
        raise Forged("host not signed")
    if "date" not in signed and "(created)" not in signed:
        raise Forged("time not signed")
    if "digest" not in signed and not is_read:
        raise Forged("digest not signed")


def _check_host(host: str, base_url: str) -> None:
    scheme, authority = _origin(base_url)
    if host == authority:
        return
    try:
        named = vocabulary.host_of(f"{scheme}://{host}")
    except Malformed as error:
        raise Forged("unreadable host") from error
    if named != authority:
        raise Forged("signed for another host")


_origin = functools.lru_cache(maxsize=16)(messages.origin)


def _signed_at(covered: tuple[str, ...], parameters: dict[str, str], headers: dict[str, str]) -> datetime:
    # The draft forbids (created) beside rsa-sha256. It is signed all the same: refusing would gain nothing.
    if "(created)" in covered:
        return messages.timestamp(parameters.get("created"))
    return _http_date(headers.get("date", ""))


# Requests come in bursts that share their second; parsing costs more than all the rest of a header.
@functools.lru_cache(maxsize=256)
def _http_date(value: str) -> datetime:
    if len(value) > 64:
        raise Forged("unreadable date")
    try:
        parsed = parsedate_to_datetime(value)
        if parsed.tzinfo is None:
            raise Forged("date without a zone")
        return parsed.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise Forged("unreadable date") from error


def _signed_texts(
    request: Request, covered: tuple[str, ...], parameters: dict[str, str], headers: dict[str, str]
) -> list[bytes]:
    targets = [request.target]
    if request.method in {"GET", "HEAD"} and "?" in request.target:
        # microblog.pub signs GETs without their query. Nothing changes by a GET.
        targets.append(request.target.partition("?")[0])
    return [_signed_text(request.method, target, covered, parameters, headers) for target in targets]


def _signed_text(
    method: str, target: str, covered: tuple[str, ...], parameters: dict[str, str], headers: dict[str, str]
) -> bytes:
    lines = []
    for name in covered:
        if name == "(request-target)":
            lines.append(f"(request-target): {method.lower()} {target}")
            continue
        value = parameters.get(name[1:-1]) if name in {"(created)", "(expires)"} else headers.get(name)
        if value is None:
            raise Forged(f"signed {name} is missing")
        lines.append(f"{name}: {value}")
    text = "\n".join(lines)
    # A line break in a value would let one signed text stand for two different requests.
    if text.count("\n") != len(lines) - 1:
        raise Forged("line break in a header")
    return text.encode("utf-8", "surrogateescape")


def _fits(algorithm: str | None, signature: bytes, texts: list[bytes], public: keys.PublicKey) -> bool:
    """Whether that key has signed one of these texts."""
    if algorithm not in (_FOR_RSA if keys.is_rsa(public) else _FOR_ED25519):
        return False
    for text in texts:
        try:
            if keys.is_rsa(public):
                public.verify(signature, text, _PADDING, _SHA256)
            else:
                public.verify(signature, text)
        except InvalidSignature:
            continue
        return True
    return False

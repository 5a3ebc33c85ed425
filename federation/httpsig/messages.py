"""What a signed request is made of, and what it can be found to be."""

import hashlib
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Protocol

from msgspec import Struct

from federation import keys, vocabulary


class Forged(Exception):
    """The signature is missing, unreadable, covers too little, is out of time, or isn't the signer's."""


class KeyPending(Exception):
    """The signer's key can't be had now: nothing is known yet about the signature."""


class Request(Struct, frozen=True):
    """A request as received: `target` is the raw path and query, `headers` keep their order."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Signer(Struct, frozen=True):
    """Who truly signed. `signed_at` is the signed time; `fingerprint` SHA-256 of the raw signature."""

    actor: str
    key_id: str
    signed_at: datetime
    fingerprint: bytes


class KeyFor(Protocol):
    """Finds a key. Raises Forged if it is not to be had, KeyPending if not now.

    `fresh` asks past what is remembered; the same key as before says that nobody was asked again.
    """

    async def __call__(self, key_id: str, /, *, fresh: bool) -> keys.Key: ...


class Claim(Struct, frozen=True):
    """A signature whose coverage, time and digest are in order; `fits` is the cryptography that is left."""

    key_id: str
    signed_at: datetime
    signature: bytes
    fits: Callable[[keys.PublicKey], bool]

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.signature).digest()


HEADER_LENGTH = 8192
_NO_TEXT = re.compile("[\ud800-\udfff]")
_HEADERS = 128
# What two readers could each take another value of.
_SINGLE = frozenset({"signature", "signature-input", "digest", "content-digest", "date", "host"})
_BODILESS = frozenset({"GET", "HEAD"})
_WHOLE_SECONDS = re.compile(r"[0-9]{1,11}")


def is_text(value: str) -> bool:
    """Whether it came as UTF-8. Other bytes are surrogates here, which are no name, and in no database."""
    return value.isascii() or _NO_TEXT.search(value) is None


def fields(headers: Collection[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined by `, ` (RFC 9421 section 2.1)."""
    found = {name.lower(): value.strip(" \t") for name, value in headers}
    if len(found) == len(headers):
        return found
    found.clear()
    for count, (name, value) in enumerate(headers):
        lower = name.lower()
        if lower not in found:
            found[lower] = value.strip(" \t")
        elif lower in _SINGLE or count > _HEADERS:
            raise Forged(f"repeated {lower}")
        else:
            found[lower] += ", " + value.strip(" \t")
    return found


def is_read(request: Request) -> bool:
    """Whether the request only asks for something, and so needs no digest."""
    return request.method in _BODILESS and not request.body


def origin(url: str) -> tuple[str, str]:
    """Scheme and normalised authority of a base URL."""
    return url.partition(":")[0].lower(), vocabulary.host_of(url)


def timestamp(value: object) -> datetime:
    """Seconds since 1970, as an integer or its digits."""
    if isinstance(value, str) and _WHOLE_SECONDS.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value < 10**11:
        raise Forged("not a timestamp")
    return datetime.fromtimestamp(value, UTC)


def check_time(signed_at: datetime, expires_at: datetime | None, *, now: datetime, window: timedelta) -> None:
    """Raises Forged outside the window around `now`, and once the signature has expired."""
    if abs(now - signed_at) > window:
        raise Forged("signed too long ago, or in the future")
    if expires_at is not None and expires_at < now:
        raise Forged("expired")

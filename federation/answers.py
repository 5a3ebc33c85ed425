"""What another server's answer comes to: a document, a delivery, or one of the ways to get neither."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from msgspec import Struct

from federation import vocabulary

RETRY_AFTER: Final = 24 * 3600.0
# Of a date, or a number of seconds.
_LONGEST: Final = 64

_PROFILE = re.compile(r';\s*profile\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,200}"')
PICTURE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
_JSON_TYPES: Final = frozenset({"application/json", "application/jrd+json"})


Why = Literal["dns", "tls", "timeout", "refused", "network", "garbled"]
"""What stands between us and a server: its name, its certificate, silence, a closed door, the way there."""


class RemoteError(Exception):
    """Nothing usable came back."""

    why: Why = "garbled"


class Unreachable(RemoteError):
    """The network, a deadline, 5xx, 408 or 429: the same request may do better later.

    `retry_after`: seconds that the server asked for.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, why: Why = "network") -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.why = why


class Gone(RemoteError):
    """410: it was there and will not come back."""


class Missing(RemoteError):
    """404."""


class Refused(RemoteError):
    """401, 403, or another 4xx: the server does not want to tell us."""


class Unusable(RemoteError):
    """An answer of the wrong media type, shape, size or id, or redirects without end."""


class Unchanged(RemoteError):
    """304: what we have is what there is."""


class ForbiddenAddress(RemoteError):
    """Not to be asked at all: not https, credentials in the URL, or not a public address."""


class Exhausted(RemoteError):
    """The budget is spent."""


class Document(Struct, frozen=True):
    """What was served, the URL (after redirects, without fragment) that served it, and its ETag as sent."""

    url: str
    data: dict[str, Any]
    etag: str | None = None


class Answer(Struct, frozen=True):
    """To a delivery: any HTTP status, the seconds of its Retry-After, the signature scheme it answers.

    `ahead`, of a 401 alone: the seconds by which its Date (RFC 9110 section 6.6.1) is ahead of our clock.
    """

    status: int
    retry_after: float | None
    scheme: str
    ahead: float | None = None


class Budget(Struct):
    """How many requests (redirects and second tries included) one inbound activity may still cause."""

    requests: int

    def spend(self) -> None:
        """Take one, or raise Exhausted."""
        if self.requests <= 0:
            raise Exhausted("budget of requests spent")
        self.requests -= 1


def check_status(status: int, retry_after: float | None) -> None:
    """Raise what a GET's status other than 200 means."""
    if status == 200:
        return
    if status == 404:
        raise Missing("404")
    if status == 410:
        raise Gone("410")
    if status in (408, 429) or status >= 500:
        raise Unreachable(str(status), retry_after=retry_after)
    if status >= 400:
        raise Refused(str(status))
    raise Unusable(f"status {status}")


def is_activity_type(content_types: list[str]) -> bool:
    """Whether a document may be read as ActivityPub.

    Anything more lenient lets whoever may upload a file speak as an actor of that host (CVE-2024-25623).
    """
    if len(content_types) != 1:
        return False
    kind = content_types[0].split(";", 1)[0].strip().lower()
    if kind != "application/ld+json":
        return kind == vocabulary.ACTIVITY_JSON
    profile = _PROFILE.search(content_types[0])
    return profile is not None and vocabulary.AS2 in (profile[1] or profile[2] or "").split()


def is_picture_type(content_types: list[str]) -> bool:
    """Whether an answer may be read as a picture: of the kinds that are no programs, as SVG is one."""
    return len(content_types) == 1 and content_types[0].split(";", 1)[0].strip().lower() in PICTURE_TYPES


def etag(value: str | None) -> str | None:
    """An ETag header that can be sent back as it is, and kept; None for any other."""
    return value if value is not None and _ETAG.fullmatch(value) else None


def is_json_type(content_types: list[str]) -> bool:
    """Whether an answer may be read as WebFinger or NodeInfo (whose profile parameter says nothing more)."""
    return len(content_types) == 1 and content_types[0].split(";", 1)[0].strip().lower() in _JSON_TYPES


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds of a Retry-After header (a number or a date, RFC 9110 section 10.2.3), at most a day."""
    if not value or len(value) > _LONGEST:
        return None
    value = value.strip()
    seconds = float(value) if value.isascii() and value.isdigit() else ahead(value, now)
    return min(max(seconds, 0.0), RETRY_AFTER) if seconds is not None else None


def ahead(date: str | None, now: datetime) -> float | None:
    """The seconds from `now` to an HTTP date (RFC 9110 section 5.6.7); None for what is none."""
    if not date or len(date) > _LONGEST:
        return None
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return ((at.replace(tzinfo=UTC) if at.tzinfo is None else at) - now).total_seconds()

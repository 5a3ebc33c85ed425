"""ActivityStreams names, and how to read the loose shapes that servers give to one and the same thing."""

import functools
import ipaddress
import re
from datetime import UTC, datetime
from typing import Any, Final

import idna

AS2: Final = "https://www.w3.org/ns/activitystreams"
SECURITY: Final = "https://w3id.org/security/v1"
DATA_INTEGRITY: Final = "https://w3id.org/security/data-integrity/v2"
FEDICAUSE: Final = "https://w3id.org/fedicause/ns#"
PUBLIC: Final = "https://www.w3.org/ns/activitystreams#Public"
# JSON-LD may shorten it; Takahe does.
PUBLIC_NAMES: Final = frozenset({PUBLIC, "as:Public", "Public"})

ACTIVITY_JSON: Final = "application/activity+json"
LD_JSON: Final = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'

ACTOR_TYPES: Final = frozenset({"Application", "Group", "Organization", "Person", "Service"})

# Extensions are spelled out: Friendica always runs JSON-LD, and a remote context that is down would fail it.
CONTEXT: Final[list[str | dict[str, Any]]] = [
    AS2,
    SECURITY,
    {
        "Hashtag": "as:Hashtag",
        "sensitive": "as:sensitive",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
        "toot": "http://joinmastodon.org/ns#",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "votersCount": "toot:votersCount",
        "schema": "http://schema.org#",
        "PropertyValue": "schema:PropertyValue",
        "value": "schema:value",
        "sec": "https://w3id.org/security#",
        "Multikey": "sec:Multikey",
        "assertionMethod": {"@id": "sec:assertionMethod", "@type": "@id", "@container": "@set"},
        "controller": {"@id": "sec:controller", "@type": "@id"},
        "publicKeyMultibase": {"@id": "sec:publicKeyMultibase", "@type": "sec:multibase"},
    },
]

# Of what fedicause instances tell each other (coalitions): an activity, and a document with a proof.
COALITION_CONTEXT: Final[list[str | dict[str, Any]]] = [AS2, {"fc": FEDICAUSE}]
PROVEN_CONTEXT: Final[list[str | dict[str, Any]]] = [AS2, DATA_INTEGRITY, {"fc": FEDICAUSE}]

URI_LENGTH: Final = 2048

_PLAIN_HOST = re.compile(r"https?://((?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*)(?:[/?#]|\Z)")
_AUTHORITY = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::([0-9]{1,5}))?")
_ASCII_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Malformed(ValueError):
    """What was sent is not what the protocol says it is."""


def as_list(value: object) -> list[Any]:
    """One value, a list of them, or nothing (JSON-LD allows all three): always a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def id_of(value: object) -> str | None:
    """The URI of what is named by its URI, embedded with an `id`, or either of them alone in a list."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and 0 < len(value) <= URI_LENGTH else None


def is_public(value: object) -> bool:
    """Whether `to` or `cc` (one value or a list) names everybody."""
    return any(id_of(each) in PUBLIC_NAMES for each in as_list(value))


# An actor's URI is read several times for each request, and comes again with the next one.
@functools.lru_cache(maxsize=16_384)
def host_of(uri: str) -> str:
    """The authority of an http(s) URI: lower-case, IDNA A-labels, the port only where it is not the default.

    Two URIs have one origin exactly if this is equal. What different parsers read differently (userinfo,
    backslash, white space, a trailing dot, percent-encoded hosts) raises Malformed, as does everything else
    that is no URI of at most 2,048 characters.
    """
    if len(uri) > URI_LENGTH:
        raise Malformed("URI too long")
    if _UNSAFE.search(uri):
        raise Malformed("URI with a character that no URI has")
    plain = _PLAIN_HOST.match(uri)
    # Nearly every URI of the fediverse: nothing to normalise but the limits of DNS.
    if plain and len(plain[1]) < 64:
        return plain[1]
    authority = _AUTHORITY.match(uri)
    if not authority:
        raise Malformed("not an http(s) URI")
    parts = _HOST_PORT.fullmatch(authority[2])
    if not parts:
        raise Malformed("not a host")
    host = _normal_host(parts[1])
    port = int(parts[2]) if parts[2] else None
    if port is None or port == _DEFAULT_PORTS[authority[1].lower()]:
        return host
    if not 0 < port < 65536:
        raise Malformed("not a port")
    return f"{host}:{port}"


def _normal_host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError as error:
            raise Malformed("not an IPv6 address") from error
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise Malformed("not an internationalised host") from error
    host = host.lower()
    if len(host) > 253 or not _ASCII_HOST.fullmatch(host):
        raise Malformed("not a host")
    if host.rsplit(".", 1)[-1][0].isdigit():
        # No top-level domain starts with a digit, but `127.1` and `0x7f.1` are read as addresses by some.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise Malformed("not an IPv4 address") from error
    return host


def same_host(one: str, other: str) -> bool:
    """Whether two URIs have one origin; False where one of them is no URI."""
    try:
        return host_of(one) == host_of(other)
    except Malformed:
        return False


def timestamp(at: datetime) -> str:
    """A UTC time as everybody reads it: `2026-11-21T20:00:00Z`, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(value: object) -> datetime | None:
    """The time in a `published` or `updated`, in UTC; None for anything else."""
    if not isinstance(value, str) or not 10 < len(value) <= 40:
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def origin_of(uri: str) -> str:
    """The scheme and authority of an http(s) URI, as in `https://a.example:8443`; raises Malformed."""
    return f"{uri.partition('://')[0].lower()}://{host_of(uri)}"

"""Sketches: how many different people signed with several organisations, without telling who did.

Apache DataSketches HyperLogLogs of keyed hashes of mail addresses. Whoever lacks a campaign's key can't try
whether an address is in its sketch; partners have the key, nobody else.
"""

import base64
import copy
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from federation import hyperloglog, lazily, signed, vocabulary
from federation.vocabulary import Malformed

TYPE: Final = "fc:Sketch"
LG_K: Final = hyperloglog.LG_K
# Below so many signatures there is no sketch: of few people it would tell too much.
FROM: Final = 1000
KEY_BYTES: Final = 32

_SIGMAS: Final = 2
_LARGEST: Final = 48 * 1024
_NOT_LOCAL = re.compile(r'[\s\x00-\x1f\x7f-\x9f\ud800-\udfff"(),:;<>@\[\]\\]')
_NOT_DOMAIN = re.compile(r"[/?#:@%\[\]]")
_BASE64URL = re.compile("[A-Za-z0-9_-]{43}=?", re.ASCII)


class Estimate(Struct, frozen=True):
    """About how many people; `error` is relative, half of the width of the interval at two sigmas."""

    people: int
    error: float


class Sketch(Struct, frozen=True):
    """One author's sketch, as old as its tally of that epoch and version.

    `value` is the HyperLogLog in the one form that is safe to merge; as it was signed, it is in `document`.
    """

    author: str
    campaign: str
    epoch: int
    version: int
    value: bytes
    document: dict[str, Any]


def new_key() -> bytes:
    """The key of one campaign's sketches: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def key_text(key: bytes) -> str:
    """A key as it is sent: base64url without padding."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def read_key(text: object) -> bytes:
    """The key that was sent; Malformed for anything else."""
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        raise Malformed("no sketch key")
    return base64.urlsafe_b64decode(text[:43] + "=")


def canonical(address: str) -> str:
    """The one spelling of a mail address; Malformed if there can be none such.

    Trimmed, split at the last `@`; the domain as lower-case IDNA A-label, the local part NFC, then
    case-folded, without a `+suffix`. Quoted local parts are refused: they spell one mailbox in many ways.
    """
    local, at, domain = address.strip().rpartition("@")
    local = unicodedata.normalize("NFC", local).casefold().partition("+")[0]
    if not at or not 0 < len(local.encode(errors="replace")) <= 64 or _NOT_LOCAL.search(local):
        raise Malformed("no mail address")
    if not domain or _NOT_DOMAIN.search(domain):
        raise Malformed("no mail domain")
    domain = vocabulary.host_of(f"https://{domain}/")
    if domain.rsplit(".", 1)[-1].isdigit():
        raise Malformed("a number instead of a mail domain")
    return f"{local}@{domain}"


def item(key: bytes, address: str) -> bytes:
    """What a sketch holds of an address: HMAC-SHA256 of its canonical spelling, 32 bytes."""
    return hmac.digest(key, canonical(address).encode(), "sha256")


async def load() -> None:
    """To be waited for before `grown` and `estimate`."""
    # It brings numpy along, 20 MB that few processes need.
    await lazily.load("datasketches")


def grown(value: bytes | None, items: Iterable[bytes]) -> bytes:
    """A sketch (one of our own, or a new one) with more items in it, as compact bytes."""
    import datasketches  # type: ignore[import-untyped]  # noqa: PLC0415 - see `load`

    if value is None:
        sketch = datasketches.hll_sketch(LG_K, datasketches.HLL_4)
    else:
        sketch = datasketches.hll_sketch.deserialize(value)
    for each in items:
        sketch.update(each.hex())
    return bytes(sketch.serialize_compact())


def estimate(values: Sequence[bytes]) -> Estimate:
    """How many different people are in all of these sketches together; none in no sketch.

    Each comes from `grown`, or from another host by `read`: the library is C++ and believes what it gets.
    """
    import datasketches  # noqa: PLC0415 - see `load`

    union = datasketches.hll_union(LG_K)
    for value in values:
        # Our own too as the others have it: for a sketch that it made the library has a better estimator,
        # and every host is to show the same number.
        normal = value if len(value) == hyperloglog.NORMAL_BYTES else hyperloglog.normal(value)
        union.update(datasketches.hll_sketch.deserialize(normal))
    if union.is_empty():
        return Estimate(0, 0.0)
    people = union.get_estimate()
    width = union.get_upper_bound(_SIGMAS) - union.get_lower_bound(_SIGMAS)
    return Estimate(round(people), width / 2 / people)


def build(*, id: str, author: str, campaign: str, epoch: int, version: int, value: bytes) -> dict[str, Any]:
    """A sketch's document without its proof."""
    return {
        "@context": copy.deepcopy(vocabulary.PROVEN_CONTEXT),
        "id": id,
        "type": TYPE,
        "attributedTo": author,
        "fc:campaign": campaign,
        "fc:epoch": epoch,
        "fc:version": version,
        "fc:lgK": LG_K,
        "fc:value": base64.b64encode(value).decode(),
    }


def read(document: object) -> Sketch:
    """What a sketch's document says; Malformed unless it is one by every rule that needs no key."""
    found = signed.read(document, TYPE, largest=_LARGEST)
    if signed.whole(found, "fc:lgK") != LG_K:
        raise Malformed("a sketch of another size")
    signed.proof_value(found)
    sketch = Sketch(
        author=signed.uri(found, "attributedTo"),
        campaign=signed.uri(found, "fc:campaign"),
        epoch=signed.whole(found, "fc:epoch"),
        version=signed.whole(found, "fc:version"),
        value=_value(found.get("fc:value")),
        document=found,
    )
    signed.check_home(signed.uri(found, "id"), sketch.author)
    return sketch


def _value(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > hyperloglog.MOST_BYTES // 3 * 4:
        raise Malformed("no sketch")
    try:
        return hyperloglog.normal(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise Malformed(f"no sketch: {error}") from error

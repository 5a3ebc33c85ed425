"""What the signed documents of a coalition have in common: tally, roster and sketch."""

import json
import re
from datetime import datetime, timedelta
from typing import Any, Final

from federation import multibase, vocabulary
from federation.vocabulary import Malformed

LARGEST_INTEGER: Final = 2**53 - 1  # the largest that is exact in every JSON parser
CLOCKS_DIFFER: Final = timedelta(hours=1)

_SIGNATURE_BYTES: Final = 64
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def read(document: object, kind: str, *, largest: int) -> dict[str, Any]:
    """The document, if it is of this type, in the one context that gives its names their meaning, and small.

    `largest` counts the bytes of its JSON, without white space and in ASCII.
    """
    if not isinstance(document, dict):
        raise Malformed("not a document")
    if document.get("type") != kind:
        raise Malformed(f"not of type {kind}")
    if document.get("@context") != vocabulary.PROVEN_CONTEXT:
        raise Malformed("not in the context of coalitions")
    if _size(document) > largest:
        raise Malformed(f"larger than {largest} bytes")
    return document


def proof_value(document: dict[str, Any]) -> str:
    """The signature (multibase) of the document's one proof, unverified."""
    proof = vocabulary.as_list(document.get("proof"))
    if len(proof) != 1 or not isinstance(proof[0], dict):
        raise Malformed("not exactly one proof")
    value = proof[0].get("proofValue")
    multibase.decode(value, size=_SIGNATURE_BYTES)
    return str(value)


def uri(document: dict[str, Any], name: str) -> str:
    """The http(s) URI under this name; Malformed for anything else."""
    return uri_of(document.get(name), name)


def uri_of(value: object, name: str) -> str:
    """The value, if it is an http(s) URI; Malformed, naming it, for anything else."""
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise Malformed(f"{name} is no URI")
    vocabulary.host_of(value)
    return value


def whole(document: dict[str, Any], name: str) -> int:
    """The integer from 0 to 2**53-1 under this name; 1.0 and true are none."""
    return whole_of(document.get(name), name)


def whole_of(value: object, name: str) -> int:
    """The value, if it is an integer from 0 to 2**53-1; Malformed, naming it, for anything else."""
    if type(value) is not int or not 0 <= value <= LARGEST_INTEGER:
        raise Malformed(f"{name} is no whole number")
    return value


def updated(document: dict[str, Any], now: datetime) -> datetime:
    """When the document was made; Malformed if that is no time with a zone, or an hour ahead of `now`."""
    value = document.get("updated")
    # `fromisoformat` takes weeks and hours without minutes as well.
    at = vocabulary.time_of(value) if isinstance(value, str) and _TIME.fullmatch(value) else None
    if at is None:
        raise Malformed("updated is no time")
    if at > now + CLOCKS_DIFFER:
        raise Malformed("updated in the future")
    return at


def check_home(identifier: str, owner: str) -> None:
    """Malformed unless the id is on its owner's host."""
    if vocabulary.host_of(identifier) != vocabulary.host_of(owner):
        raise Malformed("an id on another host than its author's")


def _size(document: dict[str, Any]) -> int:
    try:
        return len(json.dumps(document, separators=(",", ":"), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error

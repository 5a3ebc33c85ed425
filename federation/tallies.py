"""Tallies: what one organisation collected for one campaign, and the documents in which tallies travel."""

import base64
import copy
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from federation import signed, vocabulary
from federation.vocabulary import Malformed

TYPE: Final = "fc:Tally"
EQUIVOCATION: Final = "fc:Equivocation"
UNKNOWN: Final = "ZZ"
# A country with fewer signatures could say who signed.
FOLD_BELOW: Final = 10
MOST_ITEMS: Final = 1000

_MOST_COUNTRIES: Final = 260
_LARGEST: Final = 16 * 1024
_COUNTRY = re.compile("[A-Z]{2}", re.ASCII)
_DIGEST = re.compile("[A-Za-z0-9_-]{43}", re.ASCII)


class Tally(Struct, frozen=True):
    """One author's count; `(epoch, version)` orders.

    That the proof is the author's is for `proofs.verify`.
    """

    id: str
    author: str
    campaign: str
    epoch: int
    version: int
    signatures: int
    endorsements: int
    countries: dict[str, int]
    updated: datetime
    proof_value: str
    document: dict[str, Any]


def build(
    *,
    id: str,
    author: str,
    campaign: str,
    epoch: int,
    version: int,
    signatures: int,
    endorsements: int,
    countries: Mapping[str, int],
    updated: datetime,
) -> dict[str, Any]:
    """A tally without its proof; `countries` is already `folded`."""
    return {
        "@context": copy.deepcopy(vocabulary.PROVEN_CONTEXT),
        "id": id,
        "type": TYPE,
        "attributedTo": author,
        "fc:campaign": campaign,
        "fc:epoch": epoch,
        "fc:version": version,
        "fc:signatures": signatures,
        "fc:endorsements": endorsements,
        "fc:countries": dict(countries),
        "updated": vocabulary.timestamp(updated),
    }


def folded(countries: Mapping[str, int]) -> dict[str, int]:
    """The same sum, by country: what is under 10, or no alpha-2 code, is in ZZ. Sorted, without zeros."""
    kept = {
        country: count
        for country, count in sorted(countries.items())
        if count >= FOLD_BELOW and country != UNKNOWN and _COUNTRY.fullmatch(country)
    }
    rest = sum(countries.values()) - sum(kept.values())
    return kept | ({UNKNOWN: rest} if rest else {})


def read(document: object, *, now: datetime) -> Tally:
    """What a tally says; Malformed unless it is one by every rule that can be checked without a key."""
    found = signed.read(document, TYPE, largest=_LARGEST)
    author, campaign = signed.uri(found, "attributedTo"), signed.uri(found, "fc:campaign")
    tally = Tally(
        id=signed.uri(found, "id"),
        author=author,
        campaign=campaign,
        epoch=signed.whole(found, "fc:epoch"),
        version=signed.whole(found, "fc:version"),
        signatures=signed.whole(found, "fc:signatures"),
        endorsements=signed.whole(found, "fc:endorsements"),
        countries=_countries(found.get("fc:countries")),
        updated=signed.updated(found, now),
        proof_value=signed.proof_value(found),
        document=found,
    )
    signed.check_home(tally.id, author)
    if sum(tally.countries.values()) != tally.signatures:
        raise Malformed("countries that don't sum to the signatures")
    # Every endorsement reaches the origin: whoever counts some as well counts them twice.
    if tally.endorsements and not vocabulary.same_host(author, campaign):
        raise Malformed("endorsements of another than the origin")
    return tally


def digest(heads: Iterable[tuple[str, int, int, str]]) -> str:
    """What tells whether two hosts know the same tallies: author, epoch, version and proof value of each.

    Base64url without padding of SHA-256 over one line for each, sorted bytewise.
    """
    lines = sorted(
        f"{author} {epoch} {version} {value}\n".encode() for author, epoch, version, value in heads
    )
    whole = hashlib.sha256(b"".join(lines)).digest()
    return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


def collection(*, id: str, tallies: Sequence[dict[str, Any]], digest: str) -> dict[str, Any]:
    """The newest known tally of each roster member, embedded as its author signed it."""
    return {**_collection(id, list(tallies)), "fc:digest": digest}


def read_collection(document: object) -> tuple[list[dict[str, Any]], str | None]:
    """The tallies (at most 1,000, each still to be read) and the digest, if any, of a collection."""
    items = _items(document)
    stated = document.get("fc:digest") if isinstance(document, dict) else None
    if stated is not None and not (isinstance(stated, str) and _DIGEST.fullmatch(stated)):
        raise Malformed("no digest")
    return items, stated


def evidence(*, id: str, pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Who signed two different documents (tallies or rosters) as one and the same version: both of each."""
    return _collection(id, [{"type": EQUIVOCATION, "items": list(pair)} for pair in pairs])


def read_evidence(document: object) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The pairs (at most 1,000, each document still to be read) of what is claimed to be evidence."""
    pairs = []
    for item in _items(document):
        if item.get("type") != EQUIVOCATION:
            raise Malformed("evidence of an unknown kind")
        both = item.get("items")
        if not isinstance(both, list) or len(both) != 2 or not all(isinstance(each, dict) for each in both):
            raise Malformed("evidence that is not two documents")
        pairs.append((both[0], both[1]))
    return pairs


def _countries(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > _MOST_COUNTRIES:
        raise Malformed("no countries")
    for country, count in value.items():
        if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
            raise Malformed("no country")
        if signed.whole_of(count, country) < FOLD_BELOW and country != UNKNOWN:
            raise Malformed("a country with too few signatures to be told")
    return dict(value)


def _collection(id: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@context": copy.deepcopy(vocabulary.COALITION_CONTEXT),
        "id": id,
        "type": "Collection",
        "totalItems": len(items),
        "items": items,
    }


def _items(document: object) -> list[dict[str, Any]]:
    if not isinstance(document, dict) or document.get("type") != "Collection":
        raise Malformed("not a collection")
    items = document.get("items")
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise Malformed("not a list of items")
    if not all(isinstance(item, dict) for item in items):
        raise Malformed("an item that is not embedded")
    return items

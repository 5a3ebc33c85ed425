"""Rosters: which organisations a campaign counts as its partners, as the campaign signs it."""

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from federation import signed, vocabulary
from federation.vocabulary import Malformed

TYPE: Final = "Collection"
MOST_MEMBERS: Final = 1000

_LARGEST: Final = 256 * 1024


class Roster(Struct, frozen=True):
    """The organisations (actor URIs) of one campaign, the origin's first; the higher version wins.

    That the proof is the campaign's is for `proofs.verify`.
    """

    id: str
    campaign: str
    version: int
    members: tuple[str, ...]
    updated: datetime
    proof_value: str
    document: dict[str, Any]


def build(
    *, id: str, campaign: str, version: int, updated: datetime, members: Sequence[str]
) -> dict[str, Any]:
    """A roster without its proof; the origin's organisation comes first."""
    return {
        "@context": copy.deepcopy(vocabulary.PROVEN_CONTEXT),
        "id": id,
        "type": TYPE,
        "attributedTo": campaign,
        "fc:version": version,
        "updated": vocabulary.timestamp(updated),
        "totalItems": len(members),
        "items": list(members),
    }


def read(document: object, *, now: datetime) -> Roster:
    """What a roster says; Malformed unless it is one by every rule that can be checked without a key."""
    found = signed.read(document, TYPE, largest=_LARGEST)
    roster = Roster(
        id=signed.uri(found, "id"),
        campaign=signed.uri(found, "attributedTo"),
        version=signed.whole(found, "fc:version"),
        members=_members(found),
        updated=signed.updated(found, now),
        proof_value=signed.proof_value(found),
        document=found,
    )
    signed.check_home(roster.id, roster.campaign)
    return roster


def _members(document: dict[str, Any]) -> tuple[str, ...]:
    items = document.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= MOST_MEMBERS:
        raise Malformed("not a list of members")
    members = tuple(signed.uri_of(item, "a member") for item in items)
    if len(set(members)) != len(members):
        raise Malformed("a member twice")
    if signed.whole(document, "totalItems") != len(members):
        raise Malformed("totalItems that are not the members")
    return members

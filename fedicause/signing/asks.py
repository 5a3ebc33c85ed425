"""What a campaign asks signers for besides name, mail and country."""

import json
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

FIELDS: Final = ("postcode", "city", "street", "phone")
"""In the order of a form."""


class Ask(Struct, frozen=True):
    """One of FIELDS, and whether a signature needs it."""

    field: str
    must: bool


def read(text: str | None) -> tuple[Ask, ...]:
    """What Campaign.asks says: JSON, `{"postcode": true}` where it is a must and false where it is not."""
    given = json.loads(text) if text else {}
    return tuple(Ask(field, bool(given[field])) for field in FIELDS if field in given)


def written(asks: Mapping[str, bool]) -> str | None:
    """The same for Campaign.asks; None for nothing. Raises KeyError for what is none of FIELDS."""
    unknown = set(asks) - set(FIELDS)
    if unknown:
        raise KeyError(*unknown)
    return json.dumps({field: asks[field] for field in FIELDS if field in asks}) if asks else None

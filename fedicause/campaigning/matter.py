"""What is handed over, as it is gathered and before it is written down."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from federation.handovers import File
from fedicause.campaigning.goals import Thresholds

Addresses = Literal["none", "agreed", "all"]
"""Whose mail addresses are handed out: nobody's, those of people to whom we may write, everybody's."""


class Order(Struct, frozen=True):
    """What somebody of the staff wants: for whom, with whose addresses, whether the paper lists names."""

    recipients: str
    addresses: Addresses
    names: bool
    language: str


class Listed(Struct, frozen=True):
    """A signature as the paper lists it; `day` as 2026-11-21."""

    number: int
    name: str
    place: str
    country: str
    day: str


class Matter(Struct, frozen=True):
    """What is handed over: the signatures up to the number `until`, and what is known of all support."""

    coalition_id: int
    until: int
    slug: str
    language: str
    titles: dict[str, str]
    fields: Sequence[str]
    """What the campaign asked for besides name, mail and country."""
    choices: Sequence[str]
    """The answers or roles that could be ticked, by bit."""
    has_organisations: bool
    """Whether organisations sign, too."""
    picture: str | None
    organisation: str
    own_uri: str
    campaign_uri: str
    page: str
    runner: str
    """The organisation whose campaign it is."""
    published_at: datetime
    closed_at: datetime | None
    retention_months: int | None
    counted: dict[str, Any]
    thresholds: Thresholds | None
    told: Sequence[dict[str, Any]]
    excluded: Sequence[str]
    key_id: str
    key: str

    def title(self, language: str) -> str:
        return self.titles.get(language) or self.titles.get(self.language) or next(iter(self.titles.values()))


class Sheet(Struct, frozen=True):
    """The CSV as it was written: its checksum, how many signatures, and those that the paper lists."""

    file: File
    signatures: int
    listed: Sequence[Listed]

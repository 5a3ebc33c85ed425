"""What pages with long lists show: who signed, what was answered, who gets letters; values as in `views`."""

from collections.abc import Sequence

from msgspec import Struct

from fedicause.web.special import Cosigner, Recipient, Reply
from fedicause.web.views import Card, Site


class NamesPage(Struct, frozen=True):
    """Those who signed and want to be seen, a page of them; `organisations` on the first one."""

    site: Site
    card: Card
    organisations: Sequence[Cosigner]
    names: Sequence[str]
    older: int | None
    newer: int | None
    is_first: bool
    languages: frozenset[str]


class DebatePage(Struct, frozen=True):
    """What the fediverse answered, a page of it; `order` is newest or oldest.

    `next` and `back` are the queries of the pages after and before it, empty where there is none.
    """

    site: Site
    card: Card
    threads: Sequence[Reply]
    order: str
    next: str
    back: str
    address: str
    languages: frozenset[str]


class RecipientsPage(Struct, frozen=True):
    """To whom letters go."""

    site: Site
    card: Card
    every: Sequence[Recipient]
    by_postcode: bool
    languages: frozenset[str]

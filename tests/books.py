"""A coalition without instances: who tells whom what, and asks whom, as `fedicause.coalition.book` has it."""

import functools
import hashlib
import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from federation import multibase, rosters, tallies
from federation.rosters import Roster
from federation.tallies import Tally
from fedicause.coalition.book import Book

NOW: Final = datetime(2026, 11, 21, 20, tzinfo=UTC)
ORIGIN, ALLY, RIVER, MALLORY, AIR = EVERYBODY = tuple(
    f"https://{name}.example/actors/org" for name in ("forest", "ally", "river", "mallory", "air")
)
CAMPAIGN: Final = "https://forest.example/actors/save"
Document = Tally | Roster
SKIPPED: Final = 1000
"""An epoch that is so far ahead nobody has heard of."""


@functools.cache
def tally(author: str, epoch: int, version: int, signatures: int, proof: int = 0) -> Tally:
    """Signed with the proof of this number: the same may be signed again."""
    unsigned = tallies.build(
        id=f"{author}/tally",
        author=author,
        campaign=CAMPAIGN,
        epoch=epoch,
        version=version,
        signatures=signatures,
        endorsements=0,
        countries=tallies.folded({"DE": signatures}),
        updated=NOW,
    )
    return tallies.read(_with_proof(unsigned, epoch, version, signatures, proof), now=NOW)


@functools.cache
def roster(version: int, members: tuple[str, ...], proof: int = 0) -> Roster:
    unsigned = rosters.build(
        id=f"{CAMPAIGN}/partners", campaign=CAMPAIGN, version=version, updated=NOW, members=members
    )
    return rosters.read(_with_proof(unsigned, version, members, proof), now=NOW)


def _with_proof(unsigned: dict[str, Any], *what: object) -> dict[str, Any]:
    """Proof values come in no order that would tell anything."""
    value = multibase.encode(hashlib.sha512(repr((unsigned["id"], what)).encode()).digest())
    return {**unsigned, "proof": {"type": "DataIntegrityProof", "proofValue": value}}


@dataclass(slots=True)
class Organisation:
    """One instance's database: its book, what it collected, and what it still has to send to whom."""

    uri: str
    book: Book = field(default_factory=Book)
    collected: int = 0
    queue: list[tuple[str, Document]] = field(default_factory=list)
    is_sure: bool = True
    """Whether no newer tally of its own may be known to others."""

    def backup(self) -> "Organisation":
        book = Book(self.book.roster, dict(self.book.heads), dict(self.book.past), dict(self.book.forks))
        return replace(self, book=book, queue=list(self.queue), is_sure=False)

    @property
    def members(self) -> tuple[str, ...]:
        return self.book.roster.members if self.book.roster else ()

    @property
    def told(self) -> Tally | None:
        return self.book.heads.get(self.uri)

    @property
    def shown(self) -> list[Tally]:
        """What it answers who asks for tallies."""
        return [self.book.heads[uri] for uri in self.members if uri in self.book.heads]

    def known(self, document: Document) -> Document | None:
        """What it has in the place of this."""
        return self.book.roster if isinstance(document, Roster) else self.book.heads.get(document.author)


class Coalition:
    """Five organisations. Four have begun; Air comes later, if it comes."""

    def __init__(self) -> None:
        self.by_uri = {uri: Organisation(uri) for uri in EVERYBODY}
        self.signed: list[Tally] = []
        """By Mallory."""
        self.numbers = itertools.count(1)
        for each in self.by_uri.values():
            each.book.hear_roster(roster(1, EVERYBODY[:-1]))
        for each in self.by_uri.values():
            self.tell(each, set())
        for one, other in itertools.permutations(self.by_uri.values(), 2):
            self.ask(one, other)

    @property
    def origin(self) -> Organisation:
        return self.by_uri[ORIGIN]

    def ask(self, one: Organisation, other: Organisation) -> bool:
        """One hears of another what it does not know; whether that was anything."""
        offered: list[Document] = [each for each in (other.book.roster, *other.shown) if each is not None]
        heard = [self.hear(one, each) for each in offered if each is not one.known(each)]
        forks = {version: pair for version, pair in other.book.forks.items() if version not in one.book.forks}
        one.book.forks |= forks
        return any(heard) or bool(forks)

    def hear(self, one: Organisation, document: Document) -> bool:
        """Whether a document that has come tells anything new."""
        if isinstance(document, Roster):
            return self._hear_roster(one, document)
        before = one.book.heads.get(document.author)
        is_new = one.book.hear(document)
        if one.book.heads.get(document.author) is before:
            return is_new
        if one.uri == MALLORY == document.author:
            # His lie has come back to him. He says at once what he collected, and not a round later.
            self.tell(one, set())
        elif document.author == one.uri:
            # It has said that, and does not remember: what it says now is newer.
            self._issue(one, epoch=document.epoch + 1, version=1)
        elif one.uri == ORIGIN:
            self._send(one, document, but=document.author)
        return is_new

    def tell(self, one: Organisation, reach: set[str]) -> None:
        """It says what it has collected, unless it has said so; after a restore it asks these first."""
        if one.uri not in one.members or self._is_told(one):
            return
        epoch = 0
        if not one.is_sure and not self._learn(one, reach):
            epoch = SKIPPED * next(self.numbers)
        if not self._is_told(one):
            following = (one.told.epoch, one.told.version + 1) if one.told else (1, 1)
            self._issue(one, *max(following, (epoch, 1)))
        one.is_sure = True

    def sign_roster(self, members: tuple[str, ...]) -> None:
        assert self.origin.book.roster is not None
        signed = roster(self.origin.book.roster.version + 1, members, next(self.numbers))
        self.origin.book.hear_roster(signed)
        self._send(self.origin, signed)

    def _is_told(self, one: Organisation) -> bool:
        return one.told is not None and one.told.signatures == one.collected

    def _learn(self, one: Organisation, reach: set[str]) -> bool:
        """Asks for its own newest tally; whether all who may know of one have told it."""
        known, is_complete = one.book.roster, True
        for uri in one.members:
            if uri != one.uri:
                other = self.by_uri[uri]
                is_complete &= uri in reach and other.book.roster == known
                if uri in reach:
                    self.ask(one, other)
        return is_complete

    def _hear_roster(self, one: Organisation, heard: Roster) -> bool:
        if one.uri != ORIGIN:
            return one.book.hear_roster(heard)
        known = one.book.roster
        assert known is not None
        if heard.version < known.version or heard is known:
            return False
        # It has signed that, and does not remember.
        one.book.hear_roster(heard)
        self.sign_roster(heard.members)
        return True

    def _issue(self, one: Organisation, epoch: int, version: int) -> None:
        issued = tally(one.uri, epoch, version, one.collected)
        one.book.hear(issued)
        if one.uri == MALLORY:
            self.signed.append(issued)
        self._send(one, issued)

    def _send(self, one: Organisation, document: Document, but: str = "") -> None:
        """Partners tell the origin, and the origin everybody."""
        to = one.members if one.uri == ORIGIN else (ORIGIN,)
        one.queue += [(uri, document) for uri in to if uri not in (one.uri, but)]

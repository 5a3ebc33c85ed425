"""Whatever gets lost, comes late or twice, and whoever lies: organisations that compared their books agree."""

import functools
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from federation import rosters, tallies
from federation.rosters import Roster
from federation.tallies import Tally
from fedicause.book import Book, Version, version_of

NOW: Final = datetime(2026, 11, 21, 20, tzinfo=UTC)
ORIGIN, ALLY, RIVER, MALLORY, AIR = EVERYBODY = tuple(
    f"https://{name}.example/actors/org" for name in ("forest", "ally", "river", "mallory", "air")
)
CAMPAIGN: Final = "https://forest.example/actors/save"
ROUNDS: Final = 3
"""So often everybody asks everybody else, and knows all there is to know."""
SKIPPED: Final = 1000
"""An epoch that is so far ahead nobody has heard of."""

PLACES = st.integers(0, len(EVERYBODY) - 1)
NUMBERS = st.integers(0, 30)


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
        countries={},
        updated=NOW,
    )
    document = _with_proof(unsigned, author, epoch, version, signatures, proof)
    value = document["proof"]["proofValue"]
    return Tally(
        f"{author}/tally", author, CAMPAIGN, epoch, version, signatures, 0, {}, NOW, value, document
    )


@functools.cache
def roster(version: int, members: tuple[str, ...], proof: int = 0) -> Roster:
    unsigned = rosters.build(
        id=f"{CAMPAIGN}/partners", campaign=CAMPAIGN, version=version, updated=NOW, members=members
    )
    document = _with_proof(unsigned, version, members, proof)
    value = document["proof"]["proofValue"]
    return Roster(f"{CAMPAIGN}/partners", CAMPAIGN, version, members, NOW, value, document)


def _with_proof(unsigned: dict[str, Any], *what: object) -> dict[str, Any]:
    """Proof values are in no order that would tell anything."""
    return {**unsigned, "proof": {"proofValue": f"z{hashlib.sha256(repr(what).encode()).hexdigest()[:16]}"}}


Document = Tally | Roster


@dataclass(slots=True)
class Organisation:
    """One instance's database: its book, what it collected, and what it still has to send to whom."""

    uri: str
    book: Book = field(default_factory=Book)
    collected: int = 0
    queue: list[tuple[str, Document]] = field(default_factory=list)
    is_sure: bool = True
    """Whether its own newest tally is the newest of its own that there is."""

    def backup(self) -> "Organisation":
        book = Book(self.book.roster, dict(self.book.heads), dict(self.book.past), dict(self.book.forks))
        return replace(self, book=book, queue=list(self.queue), is_sure=False)

    @property
    def members(self) -> tuple[str, ...]:
        return self.book.roster.members if self.book.roster else ()

    @property
    def told(self) -> Tally | None:
        return self.book.heads.get(self.uri)

    def known(self, document: Document) -> Document | None:
        """What it has in the place of this."""
        return self.book.roster if isinstance(document, Roster) else self.book.heads.get(document.author)

    @property
    def shown(self) -> list[Tally]:
        """What it answers who asks for tallies."""
        return [self.book.heads[uri] for uri in self.members if uri in self.book.heads]


class Coalition(RuleBasedStateMachine):
    """Five organisations, a network that can't be trusted, and Mallory, who is one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.by_uri = {uri: Organisation(uri) for uri in EVERYBODY}
        self.backups: dict[str, Organisation] = {}
        self.signed: list[Tally] = []
        """What Mallory has signed."""
        self.numbers = itertools.count(1)

    @initialize()
    def begin(self) -> None:
        """Air comes later, if it comes."""
        for each in self.by_uri.values():
            each.book.hear_roster(roster(1, EVERYBODY[:-1]))

    @rule(who=PLACES, number=st.integers(-5, 20))
    def people_sign_and_withdraw(self, who: int, number: int) -> None:
        one = self._at(who)
        one.collected = max(0, one.collected + number)

    @rule(who=PLACES, reach=st.sets(PLACES))
    def an_author_tells(self, who: int, reach: set[int]) -> None:
        """After a restore it asks those whom it can reach, first."""
        self._tell(self._at(who), {EVERYBODY[place] for place in reach})

    @rule(which=NUMBERS, signatures=st.integers(0, 40), to=PLACES)
    def mallory_signs_a_version_again(self, which: int, signatures: int, to: int) -> None:
        """With another number it is a lie; with the same one only a new proof."""
        if self.signed:
            old = self.signed[which % len(self.signed)]
            new = tally(MALLORY, old.epoch, old.version, signatures, next(self.numbers))
            self.by_uri[MALLORY].queue.append((EVERYBODY[to], new))

    @rule(who=st.sampled_from([1, 2, 3, 4]))
    def somebody_joins_or_leaves(self, who: int) -> None:
        """The admin of the origin decides, be its roster the newest or not."""
        origin, uri = self.by_uri[ORIGIN], EVERYBODY[who]
        known = origin.members
        self._sign_roster((*known, uri) if uri not in known else tuple(set(known) - {uri}))

    @rule(who=PLACES, which=NUMBERS, copies=st.integers(0, 2))
    def the_network_loses_brings_or_doubles(self, who: int, which: int, copies: int) -> None:
        """In whatever order: 0 is lost, 1 has arrived, 2 has arrived and will arrive again."""
        sender = self._at(who)
        if sender.queue:
            place = which % len(sender.queue)
            to, document = sender.queue[place] if copies == 2 else sender.queue.pop(place)
            if copies:
                self._hear(self.by_uri[to], document)

    @rule(who=PLACES)
    def a_backup_is_made(self, who: int) -> None:
        self.backups[EVERYBODY[who]] = self._at(who).backup()

    @rule(who=PLACES)
    def a_backup_is_restored(self, who: int) -> None:
        """What was collected, heard and queued since is gone. Mallory has no need of accidents."""
        uri = EVERYBODY[who]
        if uri in self.backups and uri != MALLORY:
            self.by_uri[uri] = self.backups[uri].backup()

    @rule(who=PLACES, whom=PLACES)
    def one_asks_another(self, who: int, whom: int) -> None:
        if who != whom:
            self._ask(self._at(who), self._at(whom))

    @rule()
    def all_compare(self) -> None:
        self.agree()

    def teardown(self) -> None:
        self.agree()

    @invariant()
    def nobody_else_lies(self) -> None:
        for one in self.by_uri.values():
            liars = {version.author for version in one.book.forks if version.kind == "tally"}
            assert liars <= {MALLORY}

    def agree(self) -> None:
        """The network is whole: after so many rounds nobody learns anything new, and all is as it should be."""
        for _ in range(ROUNDS):
            for one in self.by_uri.values():
                self._tell(one, set(EVERYBODY))
                for other in self.by_uri.values():
                    if one is not other:
                        self._ask(one, other)
        pairs = itertools.permutations(self.by_uri.values(), 2)
        assert not any([self._ask(one, other) for one, other in pairs])
        first = self.by_uri[ORIGIN]
        for one in self.by_uri.values():
            assert one.book.roster == first.book.roster
            assert one.shown == first.shown
            assert one.book.forks.keys() == first.book.forks.keys()
            assert one.book.counted() == first.book.counted()
        self._expect(first.book)

    def _expect(self, book: Book) -> None:
        """Who is in counts with what it collected, and Mallory unless he was seen to lie."""
        lied = any(version.kind == "tally" for version in book.forks)
        believed = [uri for uri in self.by_uri[ORIGIN].members if uri != MALLORY or not lied]
        counted = {uri: found.signatures for uri, found in book.counted().items()}
        assert counted == {uri: self.by_uri[uri].collected for uri in believed}
        assert list(book.counted(book.forks)) == list(self.by_uri[ORIGIN].members)

    def _at(self, place: int) -> Organisation:
        return self.by_uri[EVERYBODY[place]]

    def _ask(self, one: Organisation, other: Organisation) -> bool:
        """One hears of another what it does not know; whether that was anything."""
        offered: list[Document] = [each for each in (other.book.roster, *other.shown) if each is not None]
        heard = [self._hear(one, each) for each in offered if each is not one.known(each)]
        forks = {version: pair for version, pair in other.book.forks.items() if version not in one.book.forks}
        one.book.forks |= forks
        return any(heard) or bool(forks)

    def _hear(self, one: Organisation, document: Document) -> bool:
        if isinstance(document, Roster):
            return self._hear_roster(one, document)
        before = one.book.heads.get(document.author)
        is_new = one.book.hear(document)
        if one.book.heads.get(document.author) is before:
            return is_new
        if document.author == one.uri != MALLORY:
            # It has said that, and does not remember: what it says now is newer.
            self._issue(one, epoch=document.epoch + 1, version=1)
        elif one.uri == ORIGIN:
            self._send(one, document, but=document.author)
        return is_new

    def _hear_roster(self, one: Organisation, heard: Roster) -> bool:
        if one.uri != ORIGIN:
            return one.book.hear_roster(heard)
        known = one.book.roster
        assert known is not None
        if heard.version < known.version or heard is known:
            return False
        one.book.hear_roster(heard)
        self._sign_roster(heard.members)
        return True

    def _sign_roster(self, members: tuple[str, ...]) -> None:
        origin = self.by_uri[ORIGIN]
        assert origin.book.roster is not None
        signed = roster(origin.book.roster.version + 1, members, next(self.numbers))
        origin.book.hear_roster(signed)
        self._send(origin, signed)

    def _tell(self, one: Organisation, reach: set[str]) -> None:
        if one.uri not in one.members:
            return
        if one.told is not None and one.told.signatures == one.collected:
            return
        epoch = 0
        if not one.is_sure:
            epoch = 0 if self._learn(one, reach) else SKIPPED * next(self.numbers)
        if one.told is None or one.told.signatures != one.collected:
            known = (one.told.epoch, one.told.version + 1) if one.told else (1, 1)
            self._issue(one, *max(known, (epoch, 1)))
        one.is_sure = True

    def _learn(self, one: Organisation, reach: set[str]) -> bool:
        """Asks for its own newest tally; whether it was told of by all who may know of it."""
        known, is_complete = one.book.roster, True
        for uri in one.members:
            if uri != one.uri:
                other = self.by_uri[uri]
                is_complete &= uri in reach and other.book.roster == known
                if uri in reach:
                    self._ask(one, other)
        return is_complete

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


TestCoalition = Coalition.TestCase
TestCoalition.settings = settings(
    max_examples=int(__import__('os').environ.get('N','5000')),
    stateful_step_count=15,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

"""Whatever is lost, late or doubled, and whoever lies: organisations that have compared agree."""

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from federation import tallies
from federation.tallies import Tally
from fedicause.coalition.book import Book, Version, version_of
from tests.books import ALLY, EVERYBODY, MALLORY, NOW, ORIGIN, RIVER, Coalition, Organisation, roster, tally

# Five thousand runs take a minute, and several where others work as well.
pytestmark = pytest.mark.timeout(600)

ROUNDS: Final = 3
"""So often everybody asks everybody else, and knows all there is to know."""

PLACES = st.integers(0, len(EVERYBODY) - 1)
NUMBERS = st.integers(0, 30)
SAID = st.builds(
    tally,
    st.sampled_from([ALLY, MALLORY]),
    epoch=st.integers(1, 2),
    version=st.integers(1, 3),
    signatures=st.integers(0, 1),
    proof=st.integers(0, 2),
)
HEARD = st.lists(SAID, max_size=12)


class Campaigning(RuleBasedStateMachine):
    """A coalition, a network that can't be trusted, databases that break, and Mallory, who is one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.coalition = Coalition()
        self.backups: dict[str, Organisation] = {}

    @rule(who=PLACES, number=st.integers(-5, 20))
    def people_sign_and_withdraw(self, who: int, number: int) -> None:
        one = self._at(who)
        one.collected = max(0, one.collected + number)

    @rule(who=PLACES, reach=st.sets(PLACES))
    def an_author_tells(self, who: int, reach: set[int]) -> None:
        self.coalition.tell(self._at(who), {EVERYBODY[place] for place in reach})

    @rule(which=NUMBERS, signatures=st.integers(0, 40), to=PLACES)
    def mallory_signs_a_version_again(self, which: int, signatures: int, to: int) -> None:
        """With another number it is a lie; with the same one only a new proof."""
        signed = self.coalition.signed
        old = signed[which % len(signed)]
        new = tally(MALLORY, old.epoch, old.version, signatures, next(self.coalition.numbers))
        self.coalition.by_uri[MALLORY].queue.append((EVERYBODY[to], new))
        self.coalition.hear(self._at(to), new)

    @rule(who=st.sampled_from(EVERYBODY[1:]))
    def somebody_joins_or_leaves(self, who: str) -> None:
        """The admin of the origin decides, be its roster the newest or not."""
        members = self.coalition.origin.members
        others = tuple(uri for uri in members if uri != who)
        self.coalition.sign_roster(others if who in members else (*members, who))

    @rule(who=PLACES, which=NUMBERS, times=st.integers(0, 2))
    def the_network_loses_brings_or_doubles(self, who: int, which: int, times: int) -> None:
        """In any order: 0 is lost, 1 has come, 2 has come and will come again."""
        sender = self._at(who)
        if sender.queue:
            place = which % len(sender.queue)
            to, document = sender.queue[place] if times == 2 else sender.queue.pop(place)
            if times:
                self.coalition.hear(self.coalition.by_uri[to], document)

    @rule(who=PLACES)
    def a_backup_is_made(self, who: int) -> None:
        self.backups[EVERYBODY[who]] = self._at(who).backup()

    @rule(who=PLACES)
    def a_backup_is_restored(self, who: int) -> None:
        """What was collected, heard and queued since is gone. Mallory has no need of accidents."""
        uri = EVERYBODY[who]
        if uri in self.backups and uri != MALLORY:
            self.coalition.by_uri[uri] = self.backups[uri].backup()

    @rule(who=PLACES, whom=PLACES)
    def one_asks_another(self, who: int, whom: int) -> None:
        if who != whom:
            self.coalition.ask(self._at(who), self._at(whom))

    @rule()
    def all_compare(self) -> None:
        self._agree()

    @invariant()
    def nobody_else_lies(self) -> None:
        for one in self.coalition.by_uri.values():
            liars = {version.author for version in one.book.forks if version.kind == "tally"}
            assert liars <= {MALLORY}

    def teardown(self) -> None:
        self._agree()

    def _agree(self) -> None:
        """After so many rounds nobody learns anything new, and all count alike what each collected."""
        everybody = self.coalition.by_uri.values()
        for _ in range(ROUNDS):
            for one in everybody:
                self.coalition.tell(one, set(EVERYBODY))
                for other in everybody:
                    if one is not other:
                        self.coalition.ask(one, other)
        news = [self.coalition.ask(one, other) for one, other in itertools.permutations(everybody, 2)]
        assert not any(news)
        first = self.coalition.origin
        for one in everybody:
            assert one.book.roster == first.book.roster
            assert one.shown == first.shown
            assert one.book.forks.keys() == first.book.forks.keys()
            assert one.book.counted() == first.book.counted()
        self._expect(first.book)

    def _expect(self, book: Book) -> None:
        """Who is in counts with what it collected, and Mallory unless he was seen to lie."""
        members = self.coalition.origin.members
        has_lied = any(version.kind == "tally" for version in book.forks)
        believed = [uri for uri in members if uri != MALLORY or not has_lied]
        counted = {uri: found.signatures for uri, found in book.counted().items()}
        assert counted == {uri: self.coalition.by_uri[uri].collected for uri in believed}
        assert book.counted(lifted=book.forks).keys() == set(members)

    def _at(self, place: int) -> Organisation:
        return self.coalition.by_uri[EVERYBODY[place]]


TestCampaigning = Campaigning.TestCase
TestCampaigning.settings = settings(
    max_examples=5000,
    stateful_step_count=12,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@given(heard=HEARD, again=st.data())
def test_what_comes_twice_or_in_another_order_is_the_same(heard: list[Tally], again: st.DataObject) -> None:
    repeated = heard + again.draw(st.lists(st.sampled_from(heard), max_size=6) if heard else st.just([]))
    assert known(book_of(again.draw(st.permutations(repeated)))) == known(book_of(heard))


@given(heard=HEARD)
def test_what_was_heard_is_no_news(heard: list[Tally]) -> None:
    book = book_of(heard)
    before = known(book)
    news = [book.hear(each) for each in heard]
    assert not any(news)
    assert known(book) == before


@given(heard=st.tuples(HEARD, HEARD, HEARD))
def test_whoever_asks_whom_first_knows_the_same(heard: tuple[list[Tally], list[Tally], list[Tally]]) -> None:
    one, two, three = map(book_of, heard)
    first = merged(merged(one, two), three)
    last = merged(one, merged(two, three))
    assert known(first) == known(last) == known(merged(merged(three, one), two))


@given(heard=HEARD)
def test_a_book_knows_the_newest_and_every_lie(heard: list[Tally]) -> None:
    """The rules, said once more in another way."""
    by_proof = sorted(heard, key=lambda each: each.proof_value, reverse=True)
    newest = {each.author: each for each in sorted(by_proof, key=lambda each: (each.epoch, each.version))}
    said = {(version_of(each), each.signatures) for each in heard}
    lies = {version for version, times in Counter(version for version, _ in said).items() if times > 1}
    liars = {lie.author for lie in lies}
    book = book_of(heard)
    assert known(book) == (newest, lies)
    assert book.counted() == {uri: each for uri, each in newest.items() if uri not in liars}


@given(heard=HEARD)
def test_who_is_not_on_the_roster_is_not_heard(heard: list[Tally]) -> None:
    book = Book(roster(1, (ORIGIN, RIVER)))
    news = [book.hear(each) for each in heard]
    assert not any(news)
    assert known(book) == ({}, set())


def book_of(heard: Iterable[Tally]) -> Book:
    book = Book(roster(1, EVERYBODY))
    for each in heard:
        book.hear(each)
    return book


def known(book: Book) -> tuple[dict[str, Tally], set[Version]]:
    return dict(book.heads), set(book.forks)


def merged(one: Book, other: Book) -> Book:
    """One after it was told all that the other has heard."""
    books = (one, other)
    heads = [each for book in books for each in book.heads.values()]
    older = [each for book in books for each in book.past.values()]
    forked = [each for book in books for pair in book.forks.values() for each in pair]
    return book_of([*heads, *(tallies.read(each, now=NOW) for each in (*older, *forked))])

"""Words in any order, late or twice, end in the count that the rules say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedicause import sign
from fedicause.sign import Ledger, Word
from storage import actors, counts, local_actors, registers
from storage.actors import Description, Known
from storage.database import Database
from storage.models import Base
from storage.registers import Key

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
CALL = Key(1, "endorsement", 7)


@dataclass(frozen=True)
class Said:
    """What Bob's server sent: at second `at`, about the Like `like` (none: an account's end or a Block)."""

    what: str
    at: int
    like: str | None

    def word(self, key: Key = CALL, host_id: int = 1) -> Word:
        named = self.what in ("like", "undo", "block")
        uri = f"https://carol.example/likes/{self.like}" if self.like else None
        return Word(
            key.actor_id,
            host_id,
            key if named else None,
            self.what == "like",
            (1_700_000_000 + self.at) * 1000,
            uri,
        )


def outcome(heard: list[Said]) -> bool:
    """The rules, said once more in another way: does Bob endorse after this?

    Among all words that count the last signed one decides, a withdrawal at equal times. A Like whose Undo
    came before its first arrival is not a word of its own, but that Undo's, once.
    """
    arrived: set[str | None] = set()
    undone_early: dict[str, int] = {}
    words: list[tuple[int, int, bool]] = []
    for said in heard:
        if said.what == "like":
            assert said.like is not None
            early = undone_early.pop(said.like, None)
            words.append((said.at, 0, True) if early is None else (early, 1, False))
            arrived.add(said.like)
        elif said.what == "undo by id":
            assert said.like is not None
            if said.like in arrived:
                words.append((said.at, 1, False))
            else:
                undone_early[said.like] = max(said.at, undone_early.get(said.like, 0))
        else:
            if words or said.what != "gone":
                words.append((said.at, 1, False))
            if said.what == "undo" and said.like and said.like not in arrived:
                undone_early[said.like] = max(said.at, undone_early.get(said.like, 0))
    return max(words, default=(0, 0, False))[2]


likes = st.sampled_from(["a", "b", "c"])
seconds = st.integers(0, 6)
told = st.one_of(
    st.builds(Said, st.sampled_from(["like", "like", "undo", "undo by id"]), seconds, likes),
    st.builds(Said, st.sampled_from(["gone", "block"]), seconds, st.none()),
)
# Retries and duplicates: any word may come again, in any place.
histories = st.lists(told, max_size=8).flatmap(
    lambda words: st.permutations(words + words[: len(words) // 2])
)


@settings(max_examples=10_000)
@given(histories)
def test_any_interleaving_of_like_undo_delete_and_block_ends_as_the_rules_say(heard: list[Said]) -> None:
    ledger = Ledger({}, {})
    for said in heard:
        ledger.hear(said.word())
    stand = ledger.stands.get(CALL)
    assert (stand is not None and stand.present) == outcome(heard)


@settings(max_examples=2_000)
@given(st.lists(st.tuples(st.booleans(), seconds), max_size=8), st.randoms(use_true_random=False))
def test_words_under_one_id_merge_in_any_order_and_any_number(words, random) -> None:
    def final(order: list[tuple[bool, int]]) -> bool:
        stand = None
        for present, at in order:
            stand = sign.merge(stand, Word(7, 1, CALL, present, at, "https://carol.example/likes/a"))
        return stand is not None and stand.present

    shuffled = words + words
    random.shuffle(shuffled)
    assert final(shuffled) == final(words)


def test_a_like_that_was_undone_before_it_came_counts_for_nothing() -> None:
    ledger = Ledger({}, {})
    ledger.hear(Said("undo by id", 5, "a").word())
    ledger.hear(Said("like", 9, "a").word())
    assert not ledger.stands[CALL].present


def test_the_next_like_with_a_void_id_counts() -> None:
    ledger = Ledger({}, {})
    for said in (Said("undo by id", 5, "a"), Said("like", 6, "a"), Said("like", 9, "a")):
        ledger.hear(said.word())
    assert ledger.stands[CALL].present


def test_nobody_fills_the_table_of_void_ids() -> None:
    ledger = Ledger({}, {})
    for number in range(1000):
        ledger.hear(Said("undo by id", 5, str(number)).word())
    assert len(ledger.new_voids) == sign.VOIDS_PER_ACTOR


@pytest.fixture
async def database(database_url: str):
    database = Database(database_url)
    yield database
    await database.close()


async def a_subject(session) -> int:
    """A campaign's actor, with nothing said of it yet."""
    actor = await local_actors.add(
        session,
        name="forest",
        kind="campaign",
        rsa_public="",
        rsa_sealed=b"",
        ed25519_public="",
        ed25519_sealed=b"",
        now=NOW,
    )
    return actor.id


def by(person: Known, subject: int, said: Said) -> Word:
    return said.word(Key(subject, "endorsement", person.id), person.host_id)


async def people(session, number: int, host: str = "carol.example") -> list[Known]:
    described = [
        Description(
            f"https://{host}/users/{each}", host, "Person", f"u{each}", "", None, f"https://{host}/inbox",
            None, None, (),
        )
        for each in range(number)
    ]  # fmt: skip
    return list((await actors.remember(session, described, NOW)).values())


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=st.lists(histories, min_size=1, max_size=40), sizes=st.lists(st.integers(1, 12), min_size=1))
async def test_the_database_agrees_with_the_rules_however_words_are_grouped(
    database: Database, told: list[list[Said]], sizes: list[int]
) -> None:
    async with database.writing() as session:
        for table in ("registers", "voids", "counts", "local_actors"):
            await session.execute(Base.metadata.tables[table].delete())
        subject = await a_subject(session)
        crowd = await people(session, len(told))
        words = [
            by(person, subject, said)
            for turn in range(max(map(len, told)))
            for person, history in zip(crowd, told, strict=True)
            for said in history[turn : turn + 1]
        ]
        size = iter(sizes * len(words))
        while words:
            group, words = words[: (n := next(size))], words[n:]
            await sign.hear(session, group, now=NOW, wave=None)
        counted = await counts.of(session, subject)
        assert counted.endorsements == sum(map(outcome, told))
        assert all(each.agrees for each in await counts.recount(session))


async def test_more_first_endorsements_than_a_wave_are_held_not_dropped(database: Database) -> None:
    async with database.writing() as session:
        subject = await a_subject(session)
        crowd = await people(session, 30)
        words = [
            Said("like", 1, "a").word(Key(subject, "endorsement", each.id), each.host_id) for each in crowd
        ]
        for start in range(0, 30, 10):
            await sign.hear(session, words[start : start + 10], now=NOW, wave=25)
        counted = await counts.of(session, subject)
        assert (counted.endorsements, counted.held) == (25, 5)
        words = [
            Said("undo", 2, "a").word(Key(subject, "endorsement", each.id), each.host_id) for each in crowd
        ]
        await sign.hear(session, words, now=NOW + timedelta(hours=2), wave=25)
        counted = await counts.of(session, subject)
        assert (counted.endorsements, counted.held) == (0, 0)


async def test_a_move_carries_the_endorsement_over_and_counts_it_once(database: Database) -> None:
    async with database.writing() as session:
        subject = await a_subject(session)
        old, new = await people(session, 2)
        await sign.hear(
            session,
            [Said("like", 1, "a").word(Key(subject, "endorsement", old.id), old.host_id)],
            now=NOW,
            wave=None,
        )
        moved_at = (1_700_000_000 + 5) * 1000
        await sign.move(session, old, new, moved_at, now=NOW)
        await sign.move(session, old, new, moved_at, now=NOW)
        stands = await registers.of_actors(session, [old.id, new.id])
        assert [key.actor_id for key, stand in stands.items() if stand.present] == [new.id]
        assert (await counts.of(session, subject)).endorsements == 1

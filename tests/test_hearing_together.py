"""Several processes hear the same people at once: it ends as if one had come after the other."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from fedicause import sign
from fedicause.group_commit import GroupCommit
from fedicause.sign import Word
from fedicause.watching.meter import Meter
from storage import counts, registers
from storage.database import Database
from storage.registers import Key
from tests.test_sign import NOW, Said, a_subject, outcome, people

PEOPLE = 60
PROCESSES = 4
SAYINGS = [
    Said("like", 1, "a"),
    Said("like", 3, "b"),
    Said("undo", 2, "a"),
    Said("undo", 4, "b"),
    Said("undo by id", 2, "a"),
    Said("gone", 5, None),
]

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


@asynccontextmanager
async def writers(url: str, *, wave: int | None = None) -> AsyncIterator[list[GroupCommit]]:
    """What each process has: connections of its own, and groups that it collects by itself."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(PROCESSES):
            database = Database(url)
            stack.push_async_callback(database.close)

            async def apply(session, words: Sequence[Word]) -> Sequence[None]:
                await sign.hear(session, words, now=NOW, wave=wave)
                return [None] * len(words)

            made.append(
                await stack.enter_async_context(GroupCommit(database, apply, meter=Meter(), name="words"))
            )
        yield made


async def test_counts_agree_with_what_was_said_to_whom(database_url: str) -> None:
    # Given people of whom each says a few things, some twice, in any order and to any process
    chance = random.Random(7)
    database = Database(database_url)
    async with database.writing() as session:
        subject = await a_subject(session)
        crowd = await people(session, PEOPLE)
    said = {person.id: chance.choices(SAYINGS, k=chance.randint(1, 5)) for person in crowd}
    words = [
        each.word(Key(subject, "endorsement", person.id), person.host_id)
        for person in crowd
        for each in said[person.id]
    ]
    chance.shuffle(words)
    # When all of it comes at once
    async with writers(database_url) as processes:
        await asyncio.gather(*(chance.choice(processes).submit(word) for word in words))
    # Then the count is that of the registers, and of each what one order of their words leads to
    async with database.reading() as session:
        assert [each for each in await counts.recount(session) if not each.agrees] == []
        stands = await registers.of_actors(session, [person.id for person in crowd])
    await database.close()
    present = {key.actor_id for key, stand in stands.items() if stand.present}
    wrong = [
        (history, person in present)
        for person, history in said.items()
        if (person in present) not in {outcome([*order]) for order in itertools.permutations(history)}
    ]
    assert not wrong


async def test_a_wave_is_held_at_the_same_number(database_url: str) -> None:
    database = Database(database_url)
    async with database.writing() as session:
        subject = await a_subject(session)
        crowd = await people(session, PEOPLE)
    likes = [Said("like", 1, "a").word(Key(subject, "endorsement", each.id), each.host_id) for each in crowd]
    async with writers(database_url, wave=25) as processes:
        await asyncio.gather(
            *(process.submit(like) for like, process in zip(likes, itertools.cycle(processes), strict=False))
        )
    async with database.reading() as session:
        counted = await counts.of(session, subject)
    await database.close()
    assert (counted.endorsements, counted.held) == (25, PEOPLE - 25)

"""The keys that many requests ask for at the same time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from fedicause.fediverse.lookup import Lookup
from storage import actors
from storage.database import Database
from tests.storage import rows

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = [f"u{number}@social.test" for number in range(40)]


@pytest.fixture
async def lookup(database_url: str) -> AsyncIterator[Lookup]:
    database = Database(database_url)
    async with database.writing() as session:
        described = [
            replace(each, keys=((f"{each.uri}#main-key", f"the key of {each.handle}"),))
            for each in map(rows.describe, PEOPLE)
        ]
        await actors.remember(session, described, NOW)
    yield Lookup(database)
    await database.close()


def key_of(handle: str) -> str:
    return f"{rows.describe(handle).uri}#main-key"


async def test_a_crowd_is_looked_up_in_one_query(lookup: Lookup) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "actor_keys" in statement:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        wanted = [*map(key_of, PEOPLE), key_of(PEOPLE[0]), "https://nobody.test/#key", "é\N{SNOWMAN}'\""]
        found = await asyncio.gather(*map(lookup.key, wanted))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) == 1
    assert [each.pem for each in found if each] == [
        f"the key of {handle.partition('@')[0]}" for handle in [*PEOPLE, PEOPLE[0]]
    ]
    assert found[0] == found[-3]
    assert found[-2:] == [None, None]


async def test_what_cannot_be_asked_for_is_nothing_to_the_others(lookup: Lookup) -> None:
    # A string that PostgreSQL's JSON does not take; no request comes this far with it.
    found, *_ = await asyncio.gather(lookup.key(key_of(PEOPLE[0])), lookup.key("\0"), return_exceptions=True)
    assert isinstance(found, actors.Recorded)


async def test_what_is_under_way_ends_with_it(lookup: Lookup) -> None:
    waiting = [asyncio.create_task(lookup.key(key_of(each))) for each in PEOPLE[:2]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = asyncio.create_task(lookup.key(key_of(PEOPLE[2])))
    await asyncio.sleep(0)
    await lookup.close()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*waiting, late, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 3


async def test_what_was_just_begun_ends_too(lookup: Lookup) -> None:
    waiting = asyncio.create_task(lookup.key(key_of(PEOPLE[0])))
    for _ in range(2):
        await asyncio.sleep(0)
    assert lookup._tasks
    await lookup.close()
    done, _ = await asyncio.wait([waiting], timeout=5)
    assert done
    assert waiting.cancelled()


async def test_who_gives_up_takes_it_from_nobody(lookup: Lookup) -> None:
    impatient = asyncio.create_task(lookup.key(key_of(PEOPLE[0])))
    patient = asyncio.create_task(lookup.key(key_of(PEOPLE[0])))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is not None

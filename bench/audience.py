"""Followers of a campaign, each with an inbox of its own, some on hosts where nobody answers."""

import asyncio

from msgspec.structs import replace

from bench.crowd import Crowd
from bench.instance import Bench
from storage import actors, local_actors, registers
from storage.columns import from_milliseconds
from storage.database import Database
from storage.registers import Key, Stand

_AT_ONCE = 5000


def follow(bench: Bench, slug: str, alive: Crowd, dead: Crowd) -> None:
    """Has all of these follow a campaign."""
    asyncio.run(_follow(bench, slug, alive, dead))


async def _follow(bench: Bench, slug: str, *crowds: Crowd) -> None:
    database, long_ago = Database(bench.database_url), from_milliseconds(0)
    for crowd in crowds:
        # Personal inboxes: more work than shared ones.
        described = [replace(each, shared_inbox=None) for each in crowd.descriptions()]
        for start in range(0, len(described), _AT_ONCE):
            async with database.writing() as session:
                subject = await local_actors.by_name(session, slug)
                assert subject is not None
                known = await actors.remember(session, described[start : start + _AT_ONCE], long_ago)
                stands = {
                    Key(subject.id, "subscription", each.id): Stand(True, False, 0, ())
                    for each in known.values()
                }
                await registers.put(session, stands, known=())
    await database.close()

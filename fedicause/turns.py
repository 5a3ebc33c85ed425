"""Rounds of work that one process does for all: they take turns, by leases in the database.

SQLite has one process, whose turn it always is.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from fedicause.instance import Instance
from storage import database, turns

LEASE: Final = timedelta(seconds=60)
"""After which, at least, others take over from a process that has been killed."""
SELDOM: Final = timedelta(minutes=1)
"""Between two times: what is done no oftener keeps less in memory."""


class Turn(Struct):
    """What is done, and how often. `is_clocked`: so often by all processes together, however many they are.

    The others are done by one process until it stops, whenever there is something to do.
    """

    name: str
    step: Callable[[], Awaitable[None]]
    every: timedelta
    is_clocked: bool = False
    held_until: datetime | None = None
    """By this process."""

    async def do(self) -> None:
        if self.every < SELDOM:
            await self.step()
            return
        with database.seldom():
            await self.step()


async def take(instance: Instance, turn: Turn) -> None:
    """Does the work, unless it is another process's turn."""
    if instance.database.dialect == "sqlite":
        await turn.do()
        return
    begun = instance.now()
    if not await _is_ours(instance, turn, begun):
        return
    try:
        await turn.do()
    finally:
        if turn.is_clocked:
            await give_back(instance, turn, next_at=begun + turn.every)


async def give_back(instance: Instance, turn: Turn, next_at: datetime | None = None) -> None:
    """Lets others have the turn, at once or from then on."""
    if turn.held_until is not None:
        async with instance.database.writing() as session:
            next_at = max(instance.now(), next_at or instance.now())
            await turns.give_back(session, turn.name, until=turn.held_until, next_at=next_at)
        turn.held_until = None


async def _is_ours(instance: Instance, turn: Turn, now: datetime) -> bool:
    held = turn.held_until
    if held is not None and held - now > LEASE / 2:
        return True
    async with instance.database.reading() as session:
        until = await turns.until(session, turn.name)
    if until is not None and until > now and until != held:
        turn.held_until = None
        return False
    until = now + (max(LEASE, turn.every) if turn.is_clocked else LEASE)
    async with instance.database.writing() as session:
        is_ours = await turns.take(session, turn.name, now=now, until=until, held=held)
    turn.held_until = until if is_ours else None
    return is_ours

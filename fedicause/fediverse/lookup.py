"""Looks keys up in the database: all that are asked for in one turn of the event loop, in one query."""

import asyncio
from collections.abc import Mapping

from storage import absence, actors
from storage.actors import Recorded
from storage.database import Database

_Waiting = Mapping[str, asyncio.Future[Recorded | None]]


class Lookup:
    """In a crowd the keys of hundreds come at once; a query for each would take most of all the time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, asyncio.Future[Recorded | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def key(self, key_id: str) -> Recorded | None:
        """What is recorded of a key, read after this was called; raises what the database does."""
        found = self._waiting.get(key_id)
        if found is None:
            loop = asyncio.get_running_loop()
            if not self._waiting:
                loop.call_soon(self._begin)
            found = self._waiting[key_id] = loop.create_future()
        # Shielded: others may wait for the same.
        return await asyncio.shield(found)

    async def close(self) -> None:
        """Ends what is under way, before the database is closed."""
        for each in self._waiting.values():
            each.cancel()
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        task = asyncio.create_task(self._read(waiting), name="key lookup")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, waiting))

    def _ended(self, task: asyncio.Task[None], waiting: _Waiting) -> None:
        self._tasks.discard(task)
        # Cancelled before its first step, a task has answered nobody.
        for each in waiting.values():
            each.cancel()

    async def _read(self, waiting: _Waiting) -> None:
        try:
            async with self._database.reading() as session:
                found = await actors.by_keys(session, waiting)
        except Exception as error:
            if len(waiting) > 1 and not absence.is_away(error):
                # What is wrong with one of them is nothing to the others.
                await asyncio.gather(*(self._read({key_id: waiting[key_id]}) for key_id in waiting))
                return
            for each in waiting.values():
                each.set_exception(error)
        else:
            for key_id, each in waiting.items():
                each.set_result(found.get(key_id))

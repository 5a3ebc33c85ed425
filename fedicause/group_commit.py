"""Many small changes share one transaction: the cost of a durable commit is paid once for all that wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import collector
from fedicause.watching.meter import Meter
from storage import absence
from storage import database as databases
from storage.database import Database

log = logging.getLogger(__name__)

Apply = Callable[[AsyncSession, Sequence[Any]], Awaitable[Sequence[Any]]]
_Waiting = tuple[Any, asyncio.Future[Any], float]


# A group costs the same few statements whatever its size. In a crowd the next group waits while more keep
# coming, though not long, nor for more than are worth it: while they are written, the others are verified
# (see sluice.py, without which all would be verified first, and then all would wait for the write).
# A lone change never waits.
CROWD = 16
ENOUGH = 128
MOMENT = 0.003
MOMENTS = 8
# Of a group that met another process at the same people: the other one is through by then.
TRIES = 5


class Overloaded(Exception):
    """More is waiting to be written than may wait."""


class GroupCommit:
    """Collects changes while a commit is under way and applies them together in the next one.

    `apply(session, changes)` gives one result for each change. A group that fails is tried again one change
    at a time, so that only the change at fault does; as a whole where the database was lost meanwhile. Then
    nobody knows whether it was written the first time, and `again(change, result)` says what a result means.
    """

    def __init__(
        self,
        database: Database,
        apply: Apply,
        *,
        meter: Meter,
        name: str,
        again: Callable[[Any, Any], Any] = lambda _, result: result,
        most: int = 512,
        waiting: int = 8192,
    ) -> None:
        """`meter` is told under this name how large the groups are, how long they wait and are written.

        `again(change, result)` is the result of a change that may have been written once before: of that
        commit no answer came.
        """
        self._size, self._waited, self._wrote = (
            meter.time(what, name) for what in ("group_size", "group_wait", "group_write")
        )
        self._database = database
        self._apply = apply
        self._again = again
        self._most = most
        self._room = waiting
        self._waiting: list[_Waiting] = []
        self._come = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "GroupCommit":
        self._task = asyncio.create_task(self._run(), name="group commit")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Writes what waits, then stops."""
        self._is_closing = True
        self._come.set()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def submit(self, change: Any) -> asyncio.Future[Any]:
        """Has the result of a change once it is durable, or what `apply` raised for it. Raises Overloaded."""
        if len(self._waiting) >= self._room:
            raise Overloaded
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future, perf_counter()))
        self._come.set()
        return future

    async def _run(self) -> None:
        crowded = False
        while await self._somebody_waits():
            if crowded:
                await self._gather()
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            crowded = len(group) >= CROWD
            collector.expect(crowd=crowded)
            begun = perf_counter()
            self._size.add(len(group))
            self._waited.add(begun - group[0][2])
            try:
                await self._write(group)
            finally:
                self._wrote.add(perf_counter() - begun)

    async def _somebody_waits(self) -> bool:
        """Waits until somebody does; False when nobody does and nobody is to come."""
        while not self._waiting:
            if self._is_closing:
                return False
            self._come.clear()
            await self._come.wait()
        return True

    async def _gather(self) -> None:
        for _ in range(MOMENTS):
            waiting = len(self._waiting)
            if waiting >= ENOUGH:
                return
            await asyncio.sleep(MOMENT)
            if len(self._waiting) == waiting:
                return

    async def _apply_all(self, changes: Sequence[Any], tries: int = TRIES) -> Sequence[Any]:
        while True:
            try:
                async with self._database.writing() as session:
                    return await self._apply(session, changes)
            except Exception as error:
                tries -= 1
                if not tries or not databases.is_met(error):
                    raise

    async def _write(self, group: list[_Waiting], *, again: bool = False) -> None:
        try:
            results = await self._apply_all([change for change, _, _ in group])
        except Exception as error:
            if absence.is_away(error) and not again and not isinstance(error, absence.Away):
                await self._write(group, again=True)
            elif absence.is_away(error) or absence.is_full(error):
                log.warning("a group of %d changes can't be written: %s", len(group), type(error).__name__)
                for _, future, _ in group:
                    if not future.done():
                        future.set_exception(error)
            elif len(group) > 1:
                log.warning(
                    "a group of %d changes failed, trying each alone: %s", len(group), type(error).__name__
                )
                for one in group:
                    await self._write([one], again=again)
            elif not group[0][1].done():
                group[0][1].set_exception(error)
            return
        for (change, future, _), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(self._again(change, result) if again else result)

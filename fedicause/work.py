"""The work that no request waits for: which round runs when, deliveries, and requests that were parked."""

import asyncio
import itertools
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from federation import httpsig
from federation.vocabulary import Malformed
from fedicause import rounds, turns
from fedicause.campaigning import history
from fedicause.coalition.attend import Attendant
from fedicause.fediverse import judge, recheck
from fedicause.fediverse.deliver import Courier
from fedicause.group_commit import Overloaded
from fedicause.instance import Instance
from fedicause.letters import post
from fedicause.receive import Receiver, Refused
from fedicause.timekeeping import Timekeeper
from fedicause.turns import Turn
from storage import absence, parked
from storage import database as databases
from storage.parked import Parked

log = logging.getLogger(__name__)


PARKED_LEASE: Final = timedelta(seconds=60)
PARKED_AT_ONCE: Final = 32
PARKED_FIRST_RETRY: Final = timedelta(seconds=30)
PARKED_FOR: Final = timedelta(days=2)

RECHECK_EVERY: Final = timedelta(minutes=1)
TARGETS_EVERY: Final = timedelta(minutes=1)
HISTORY_EVERY: Final = timedelta(minutes=10)
REMIND_EVERY: Final = timedelta(minutes=10)
HOUSEKEEPING_EVERY: Final = timedelta(hours=1)
LIMITS_EVERY: Final = timedelta(minutes=1)
APART: Final = 0.05
"""Seconds between the first rounds of two loops: what reads at the same moment needs a connection each."""
LEASES_END_AFTER: Final = 60.0
"""Seconds after the clock was put back."""


async def run(instance: Instance, *, stop: asyncio.Event, receiver: Receiver | None = None) -> None:
    """Works until `stop` is set; then finishes what is under way. Whatever needs keys needs a `receiver`.

    Loops wake up by the bells `deliveries`, `progress` and `parked`, and by themselves every sweep. A failure
    is logged, and the loop goes on. Of several processes (PostgreSQL) all claim rows, and one does what is to
    be done once.
    """
    sweep = instance.settings.sweep
    for_all = [
        Turn("progress", lambda: rounds.tell_progress(instance), sweep),
        Turn("dates", lambda: rounds.keep_dates(instance), sweep),
        Turn("targets", lambda: rounds.write_to_targets(instance), TARGETS_EVERY),
        Turn("answers", lambda: rounds.count_answers(instance), sweep),
        Turn("history", lambda: history.keep(instance), HISTORY_EVERY, is_clocked=True),
        Turn("reminders", lambda: rounds.remind_people(instance), REMIND_EVERY, is_clocked=True),
        Turn("retention", lambda: rounds.forget_signers(instance), HOUSEKEEPING_EVERY, is_clocked=True),
        Turn("housekeeping", lambda: rounds.sweep_up(instance), HOUSEKEEPING_EVERY, is_clocked=True),
        Turn("limits", lambda: rounds.forget_limits(instance), LIMITS_EVERY, is_clocked=True),
    ]
    async with asyncio.TaskGroup() as group:
        number = itertools.count()

        def begin(name: str, work: Callable[[], Awaitable[None]]) -> None:
            group.create_task(_begin(instance, stop, next(number) * APART, work), name=name)

        def repeat(name: str, step: Callable[[], Awaitable[None]]) -> None:
            begin(name, lambda: _loop(instance, stop, name, step, every=sweep))

        begin("clock", lambda: _keep_time(instance, stop))
        begin("deliveries", lambda: _deliver(instance, stop))
        begin("letters", lambda: _send_letters(instance, stop))
        repeat("mailings", lambda: rounds.mail_updates(instance))
        repeat("webhooks", lambda: rounds.tell_crm(instance))
        if receiver is not None:
            begin("parked", lambda: _retry_parked(instance, receiver, stop))
            attendant = Attendant(instance, receiver.key_for)
            compare_every = instance.settings.compare_every
            for_all += [
                Turn(
                    "recheck", lambda: recheck.look_round(instance, receiver), RECHECK_EVERY, is_clocked=True
                ),
                Turn("tallies", lambda: _tell_tallies(instance, attendant), sweep),
                Turn("compare", attendant.round, compare_every, is_clocked=True),
            ]
            repeat("mirror", lambda: rounds.look_at_others(instance))
        for turn in for_all:
            begin(turn.name, partial(_take_turns, instance, stop, turn))


async def _begin(
    instance: Instance, stop: asyncio.Event, after: float, work: Callable[[], Awaitable[None]]
) -> None:
    await _wait(instance, stop, "", after)
    await work()


async def _keep_time(instance: Instance, stop: asyncio.Event) -> None:
    timekeeper = Timekeeper(instance.now)
    steady = asyncio.get_running_loop().time
    # At the start nobody knows what the clock did before.
    was_put_back, is_wrong, free_at = False, True, steady()

    async def step() -> None:
        nonlocal was_put_back, free_at, is_wrong
        put = timekeeper.step()
        if put is not None and put < timedelta(0):
            was_put_back, is_wrong = True, True
            # Whoever lives has then written what came of what it had in hand.
            free_at = steady() + LEASES_END_AFTER
        if is_wrong:
            with databases.seldom():
                await rounds.mend_times(instance, was_put_back=was_put_back)
            is_wrong = False
        if steady() >= free_at:
            with databases.seldom():
                await rounds.end_leases(instance)
            free_at = math.inf

    await _loop(instance, stop, "clock", step, every=instance.settings.sweep)


async def _tell_tallies(instance: Instance, attendant: Attendant) -> None:
    if await attendant.tell():
        instance.hints.ring("deliveries")


async def _send_letters(instance: Instance, stop: asyncio.Event) -> None:
    started = False

    async def step() -> None:
        nonlocal started
        if not started:
            with databases.seldom():
                await post.start(instance)
            started = True
        while not stop.is_set() and (pause := await post.round(instance, stop)) is not None:
            if pause:
                await _wait(instance, stop, "", pause)

    await _loop(instance, stop, "letters", step, every=instance.settings.sweep)


async def retry_parked(instance: Instance, receiver: Receiver) -> int:
    """Takes those parked requests whose keys can be had by now; returns how many were looked at."""
    now = instance.now()
    async with instance.database.writing() as session:
        waiting = await parked.claim(session, now, PARKED_LEASE, PARKED_AT_ONCE)
    if waiting:
        are_done = await asyncio.gather(*(_retry(receiver, each, now) for each in waiting))
        async with instance.database.writing() as session:
            for each, is_done in zip(waiting, are_done, strict=True):
                if is_done:
                    await parked.finish(session, each.id)
                else:
                    pause = judge.pause_before(each.attempts + 1, PARKED_FIRST_RETRY)
                    await parked.postpone(session, each.id, now + pause)
    return len(waiting)


async def _retry(receiver: Receiver, waiting: Parked, now: datetime) -> bool:
    """Whether there is nothing more to do about a parked request: it was taken, or will never be."""
    try:
        await receiver.retry(waiting)
    except (httpsig.KeyPending, Overloaded):
        return now - waiting.received_at > PARKED_FOR
    except (httpsig.Forged, Refused, Malformed) as error:
        log.info("dropped a parked request of %s: %s", waiting.host, type(error).__name__)
    except Exception as error:  # of one request; the others must not wait for it
        if absence.is_away(error) or absence.is_full(error):
            raise
        log.exception("a parked request of %s broke", waiting.host)
        return now - waiting.received_at > PARKED_FOR
    return True


async def _retry_parked(instance: Instance, receiver: Receiver, stop: asyncio.Event) -> None:
    started = instance.database.dialect != "sqlite"

    async def step() -> None:
        nonlocal started
        if not started:
            with databases.seldom():
                async with instance.database.writing() as session:
                    await parked.release_all(session)
            started = True
        while await retry_parked(instance, receiver) == PARKED_AT_ONCE and not stop.is_set():
            pass

    await _loop(instance, stop, "parked", step, every=instance.settings.sweep)


async def _deliver(instance: Instance, stop: asyncio.Event) -> None:
    courier = Courier(instance)
    started = False
    try:
        while not stop.is_set():
            try:
                if not started:
                    with databases.seldom():
                        async with instance.database.writing() as session:
                            await courier.start(session)
                    started = True
                await _deliver_until(instance, courier, stop)
            except Exception as error:
                _log("deliveries", error)
                await _wait(instance, stop, "", 1.0)
        await courier.stop()
        await _exchange(instance, courier, look_around=False)
    finally:
        courier.abandon()


async def _deliver_until(instance: Instance, courier: Courier, stop: asyncio.Event) -> None:
    """Exchanges: at once when somebody rings, every sweep, and for every batch of results."""
    look_around = True
    ring = asyncio.create_task(
        instance.hints.wait("deliveries", instance.settings.sweep.total_seconds()), name="bell"
    )
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        while not stop.is_set():
            await _exchange(instance, courier, look_around=look_around)
            done = asyncio.create_task(courier.done.wait(), name="done")
            await asyncio.wait({ring, stopped, done}, return_when=asyncio.FIRST_COMPLETED)
            done.cancel()
            look_around = ring.done()
            if look_around:
                ring = asyncio.create_task(
                    instance.hints.wait("deliveries", instance.settings.sweep.total_seconds()), name="bell"
                )
    finally:
        ring.cancel()
        stopped.cancel()


async def _exchange(instance: Instance, courier: Courier, *, look_around: bool) -> None:
    async with instance.database.writing() as session:
        harvest = await courier.exchange(session, look_around=look_around)
    courier.committed(harvest)


async def _take_turns(instance: Instance, stop: asyncio.Event, turn: Turn) -> None:
    await _loop(instance, stop, turn.name, lambda: turns.take(instance, turn), every=turn.every)
    try:
        await turns.give_back(instance, turn)
    except Exception as error:  # then others wait for it to end by itself
        _log(turn.name, error)


async def _loop(
    instance: Instance,
    stop: asyncio.Event,
    name: str,
    step: Callable[[], Awaitable[None]],
    *,
    every: timedelta,
) -> None:
    """Does something regularly, and whenever its bell rings, though not twice in a second."""
    while not stop.is_set():
        try:
            await step()
        except Exception as error:
            _log(name, error)
        await _wait(instance, stop, "", min(1.0, every.total_seconds()))
        await _wait(instance, stop, name, every.total_seconds())


def _log(name: str, error: Exception) -> None:
    if absence.is_away(error) or absence.is_full(error) or databases.is_met(error):
        # Nothing is broken: it will be done once the database is back, or there is room, or the way is free.
        log.warning("%s must wait: %s", name, type(error).__name__)
    else:
        log.error("%s failed; it goes on", name, exc_info=error)


async def _wait(instance: Instance, stop: asyncio.Event, bell: str, seconds: float) -> None:
    """Until the bell rings, if there is one; at most so many seconds, and not once `stop` is set."""
    waits: set[asyncio.Task[Any]] = {asyncio.create_task(stop.wait(), name="stop")}
    if bell:
        waits.add(asyncio.create_task(instance.hints.wait(bell, seconds), name="bell"))
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waits:
        task.cancel()

"""The work that no request waits for: deliveries, counts to be told, parked requests, ends, sweeping up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from federation import discovery, httpsig
from federation.vocabulary import Malformed
from fedicause import (
    announce,
    compare,
    crm,
    history,
    judge,
    lobby,
    mailing,
    mirror,
    options,
    post,
    publish,
    recheck,
    remind,
    retention,
    schedule,
)
from fedicause.deliver import Courier
from fedicause.group_commit import Overloaded
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.receive import Receiver, Refused
from storage import (
    activities,
    campaigns,
    deliveries,
    hosts,
    letters,
    notices,
    parked,
    registers,
    seen,
    targets,
    webhooks,
)
from storage import options as answers
from storage.parked import Parked

log = logging.getLogger(__name__)

SOFTWARE_KNOWN_FOR: Final = timedelta(days=1)
ASKED_AT_ONCE: Final = 16
ASKED_PER_ROUND: Final = 128
NODEINFO_TOTAL: Final = 5.0

PARKED_LEASE: Final = timedelta(seconds=60)
PARKED_AT_ONCE: Final = 32
PARKED_FIRST_RETRY: Final = timedelta(seconds=30)
PARKED_FOR: Final = timedelta(days=2)

RECHECK_EVERY: Final = timedelta(minutes=1)
TARGETS_EVERY: Final = timedelta(minutes=1)
HISTORY_EVERY: Final = timedelta(minutes=10)
REMIND_EVERY: Final = timedelta(minutes=10)
# Beside people who sign, nobody waits long for the database.
REMINDED_AT_ONCE: Final = 200
HOUSEKEEPING_EVERY: Final = timedelta(hours=1)
ENDED_KEPT_FOR: Final = timedelta(days=30)
UNLISTED_KEPT_FOR: Final = timedelta(days=2)


async def run(instance: Instance, *, stop: asyncio.Event, receiver: Receiver | None = None) -> None:
    """Works until `stop` is set; then finishes what is under way. Whatever needs keys needs a `receiver`.

    Loops wake up by the bells `deliveries`, `progress` and `parked`, and by themselves every sweep. A failure
    is logged, and the loop goes on.
    """
    sweep = instance.settings.sweep
    async with asyncio.TaskGroup() as group:
        group.create_task(_deliver(instance, stop), name="deliveries")
        group.create_task(
            _loop(instance, stop, "progress", lambda: tell_progress(instance), every=sweep), name="progress"
        )
        group.create_task(_send_letters(instance, stop), name="letters")
        group.create_task(
            _loop(instance, stop, "dates", lambda: keep_dates(instance), every=sweep), name="dates"
        )
        group.create_task(
            _loop(instance, stop, "mailings", lambda: mail_updates(instance), every=sweep), name="mailings"
        )
        group.create_task(
            _loop(instance, stop, "targets", lambda: write_to_targets(instance), every=TARGETS_EVERY),
            name="targets",
        )
        group.create_task(
            _loop(instance, stop, "answers", lambda: count_answers(instance), every=sweep), name="answers"
        )
        group.create_task(
            _loop(instance, stop, "history", lambda: history.keep(instance), every=HISTORY_EVERY),
            name="history",
        )
        group.create_task(
            _loop(instance, stop, "reminders", lambda: remind_people(instance), every=REMIND_EVERY),
            name="reminders",
        )
        group.create_task(
            _loop(instance, stop, "webhooks", lambda: tell_crm(instance), every=sweep), name="webhooks"
        )
        group.create_task(
            _loop(instance, stop, "retention", lambda: forget_signers(instance), every=HOUSEKEEPING_EVERY),
            name="retention",
        )
        group.create_task(
            _loop(instance, stop, "housekeeping", lambda: sweep_up(instance), every=HOUSEKEEPING_EVERY),
            name="housekeeping",
        )
        if receiver is not None:
            group.create_task(_retry_parked(instance, receiver, stop), name="parked")
            group.create_task(_look_round(instance, receiver, stop), name="recheck")
            comparer = compare.Comparer(instance, receiver.key_for)
            group.create_task(
                _loop(instance, stop, "tallies", lambda: _tell_tallies(instance, comparer), every=sweep),
                name="tallies",
            )
            group.create_task(
                _loop(instance, stop, "compare", comparer.round, every=instance.settings.compare_every),
                name="compare",
            )
            group.create_task(
                _loop(instance, stop, "mirror", lambda: _look_at_others(instance), every=sweep), name="mirror"
            )
        if instance.database.dialect == "postgresql":
            group.create_task(_listen(instance, stop), name="notices")


async def tell_progress(instance: Instance) -> None:
    """Queues counts that have moved for the hosts that read them, having asked new hosts what they run."""
    now = instance.now()
    async with instance.database.reading() as session:
        audiences = await announce.listeners(session, now=now)
        known = {each.host_id for listeners in audiences.values() for each in listeners}
        unasked = await hosts.unasked(session, known, before=now - SOFTWARE_KNOWN_FOR, limit=ASKED_PER_ROUND)
    if unasked:
        software = await _software(instance, unasked)
        async with instance.database.writing() as session:
            await hosts.put_software(session, software, now)
    for actor_id, listeners in audiences.items():
        async with instance.database.writing() as session:
            told = await announce.progress(
                session, urls=instance.urls, actor_id=actor_id, listeners=listeners, now=now
            )
        if told:
            instance.hints.ring("deliveries")


async def _tell_tallies(instance: Instance, comparer: compare.Comparer) -> None:
    if await comparer.tell():
        instance.hints.ring("deliveries")


async def _look_at_others(instance: Instance) -> None:
    while await mirror.round(instance):
        pass


async def write_to_targets(instance: Instance) -> None:
    """Queues the letters that may go to decision-makers now."""
    last: int | None = 0
    while last is not None:
        async with instance.database.reading() as session:
            if not await targets.mailboxes(session, last, 1):
                return
        async with instance.database.writing() as session:
            last = await lobby.send(session, Here.at(instance), last)
        instance.hints.ring("letters")


async def count_answers(instance: Instance) -> None:
    """Counts what was ticked in large campaigns, for all who look: see options.numbers."""
    now = instance.now()
    async with instance.database.reading() as session:
        counted = {
            coalition_id: await answers.counted(session, coalition_id)
            for coalition_id in await answers.to_count(session, options.COUNTED_AT_ONCE)
        }
    if counted:
        async with instance.database.writing() as session:
            for coalition_id, numbers in counted.items():
                await answers.put_ballot(session, coalition_id, numbers, now)


async def _send_letters(instance: Instance, stop: asyncio.Event) -> None:
    await post.start(instance)

    async def step() -> None:
        while not stop.is_set() and (pause := await post.round(instance, stop)) is not None:
            if pause:
                await _wait(instance, stop, "", pause)

    await _loop(instance, stop, "letters", step, every=instance.settings.sweep)


async def keep_dates(instance: Instance) -> None:
    """What is to happen with campaigns at a time that has come."""
    await publish_due(instance)
    await close_ended(instance)


async def close_ended(instance: Instance) -> None:
    """Closes the campaigns whose end has come."""
    now = instance.now()
    async with instance.database.reading() as session:
        if not await campaigns.expired(session, now=now):
            return
    async with instance.database.writing() as session:
        closed = await publish.close_ended(session, urls=instance.urls, now=now)
    for slug in closed:
        log.info("closed %s: its end has come", slug)
    instance.hints.ring("deliveries")


async def publish_due(instance: Instance) -> None:
    """Publishes the drafts whose time has come."""
    now = instance.now()
    async with instance.database.reading() as session:
        if not await campaigns.due(session, now=now):
            return
    async with instance.database.writing() as session:
        published = await schedule.publish_due(session, urls=instance.urls, now=now)
    for slug in published:
        log.info("published %s: its time has come", slug)
    instance.hints.ring("deliveries")


async def mail_updates(instance: Instance) -> None:
    """Queues the letters with news of campaigns, as many as there is room for."""
    async with instance.database.reading() as session:
        is_due = await mailing.is_due(session)
    while is_due:
        async with instance.database.writing() as session:
            is_due = await mailing.step(session, Here.at(instance))
        instance.hints.ring("letters")


async def remind_people(instance: Instance) -> None:
    """Reminds of signatures that wait to be confirmed, and forgets those that have waited too long."""
    for step in (remind.remind, remind.forget):
        looked_at = REMINDED_AT_ONCE
        while looked_at == REMINDED_AT_ONCE:
            async with instance.database.writing() as session:
                looked_at = await step(session, Here.at(instance), REMINDED_AT_ONCE)
    instance.hints.ring("letters")


async def forget_signers(instance: Instance) -> None:
    """Forgets who signed campaigns that ended long enough ago: see retention."""
    async with instance.database.reading() as session:
        due = await retention.due(session, instance.settings.retention_months, instance.now())
    for coalition_id in due:
        after: int | None = 0
        while after is not None:
            async with instance.database.writing() as session:
                after = await retention.step(session, Here.at(instance), coalition_id, after)
        log.info("forgot who signed in coalition %d: its time is over", coalition_id)
    is_more = True
    while is_more:
        async with instance.database.writing() as session:
            is_more = await retention.clear(session)


async def tell_crm(instance: Instance) -> None:
    """Tells the organisation's own system what it must hear, where it has one."""
    while instance.settings.crm_url is not None:
        now = instance.now()
        async with instance.database.writing() as session:
            claimed = await webhooks.claim(session, now=now, lease_until=now + crm.LEASE, limit=crm.AT_ONCE)
        if not claimed:
            return
        results = await crm.send(instance, claimed)
        async with instance.database.writing() as session:
            await webhooks.settle(session, results, instance.now())


async def sweep_up(instance: Instance) -> None:
    """Forgets what has expired."""
    now = instance.now()
    async with instance.database.writing() as session:
        await seen.purge(session, now)
        await registers.purge(session, now, int(now.timestamp()) // 3600)
    async with instance.database.writing() as session:
        await deliveries.expire(session, before=now - judge.GIVEN_UP_AFTER, now=now)
        await deliveries.purge(session, before=now - ENDED_KEPT_FOR)
        await activities.purge(session, before=now - UNLISTED_KEPT_FOR)
        await letters.purge(session, before=now - post.KEPT_FOR)
        await webhooks.purge(session, before=now - crm.KEPT_FOR)


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
    except Exception:  # of one request; the others must not wait for it
        log.exception("a parked request of %s broke", waiting.host)
        return now - waiting.received_at > PARKED_FOR
    return True


async def _retry_parked(instance: Instance, receiver: Receiver, stop: asyncio.Event) -> None:
    if instance.database.dialect == "sqlite":
        async with instance.database.writing() as session:
            await parked.release_all(session)

    async def step() -> None:
        while await retry_parked(instance, receiver) == PARKED_AT_ONCE and not stop.is_set():
            pass

    await _loop(instance, stop, "parked", step, every=instance.settings.sweep)


async def _look_round(instance: Instance, receiver: Receiver, stop: asyncio.Event) -> None:
    await _loop(
        instance,
        stop,
        "recheck",
        lambda: recheck.look_round(instance, receiver),
        every=RECHECK_EVERY,
    )


async def _deliver(instance: Instance, stop: asyncio.Event) -> None:
    courier = Courier(instance)
    started = False
    try:
        while not stop.is_set():
            try:
                if not started:
                    async with instance.database.writing() as session:
                        await courier.start(session)
                    started = True
                await _deliver_until(instance, courier, stop)
            except Exception:
                log.exception("deliveries failed; they go on")
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


async def _software(instance: Instance, names: list[str]) -> dict[str, str | None]:
    turn = asyncio.Semaphore(ASKED_AT_ONCE)

    async def ask(name: str) -> str | None:
        async with turn:
            try:
                async with asyncio.timeout(NODEINFO_TOTAL):
                    return await discovery.software(instance.remote, name)
            except (TimeoutError, Malformed):
                return None

    return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))


async def _listen(instance: Instance, stop: asyncio.Event) -> None:
    """Rings for what other processes have queued; whatever is missed meanwhile, the sweep finds."""

    async def step() -> None:
        async with notices.listening(instance.database, instance.hints.ring) as closed:
            ends = {asyncio.create_task(closed.wait()), asyncio.create_task(stop.wait())}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in ends:
                task.cancel()

    await _loop(instance, stop, "notices", step, every=instance.settings.sweep)


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
        except Exception:
            log.exception("%s failed; it goes on", name)
        await _wait(instance, stop, "", min(1.0, every.total_seconds()))
        await _wait(instance, stop, name, every.total_seconds())


async def _wait(instance: Instance, stop: asyncio.Event, bell: str, seconds: float) -> None:
    """Until the bell rings, if there is one; at most so many seconds, and not once `stop` is set."""
    waits: set[asyncio.Task[Any]] = {asyncio.create_task(stop.wait(), name="stop")}
    if bell:
        waits.add(asyncio.create_task(instance.hints.wait(bell, seconds), name="bell"))
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waits:
        task.cancel()

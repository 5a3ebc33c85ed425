"""What is done from time to time, a round at a time: counts, dates, letters, answers, forgetting."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from federation import lazily
from federation.vocabulary import Malformed
from fedicause import announce, keyring
from fedicause.fediverse import judge
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import post
from fedicause.people import retention
from fedicause.signing import options, unconfirmed
from fedicause.watching import reporting
from storage import (
    activities,
    campaigns,
    clocks,
    deliveries,
    former_keys,
    hosts,
    key_failures,
    letters,
    mailings,
    meters,
    processes,
    registers,
    revisits,
    seen,
    targets,
    turns,
    webhooks,
)
from storage import options as answers

log = logging.getLogger(__name__)

SOFTWARE_KNOWN_FOR: Final = timedelta(days=1)
ASKED_AT_ONCE: Final = 16
ASKED_PER_ROUND: Final = 128
NODEINFO_TOTAL: Final = 5.0
# Beside people who sign, nobody waits long for the database.
REMINDED_AT_ONCE: Final = 200
ENDED_KEPT_FOR: Final = timedelta(days=30)
UNLISTED_KEPT_FOR: Final = timedelta(days=2)
TOLD_KEPT_FOR: Final = timedelta(days=30)
"""How long is known that the organisation's own system was told something, once that has ended."""


async def mend_times(instance: Instance, *, was_put_back: bool) -> None:
    """Has done what waits for a time that a wrong clock has told; what has failed is tried again at once."""
    async with instance.database.writing() as session:
        further_than = timedelta(0) if was_put_back else clocks.LONGEST_PAUSE
        await clocks.pull(session, instance.now(), further_than=further_than)
    for bell in ("deliveries", "letters", "parked", "progress"):
        instance.hints.ring(bell)


async def end_leases(instance: Instance) -> None:
    """Takes back what somebody took by a clock that was ahead, and has not given back."""
    async with instance.database.writing() as session:
        await clocks.free(session, instance.now())


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
            await turns.alone(session, "progress")
            told = await announce.progress(
                session, urls=instance.urls, actor_id=actor_id, listeners=listeners, now=now
            )
        if told:
            instance.hints.ring("deliveries")


async def write_to_targets(instance: Instance) -> None:
    """Queues the letters that may go to decision-makers now."""
    last: int | None = 0
    while last is not None:
        async with instance.database.reading() as session:
            if not await targets.mailboxes(session, last, 1):
                return
        await lazily.load("fedicause.signing.lobby")
        from fedicause.signing import lobby  # noqa: PLC0415

        async with instance.database.writing() as session:
            await turns.alone(session, "targets")
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
    await lazily.load("fedicause.publish")
    from fedicause import publish  # noqa: PLC0415

    async with instance.database.writing() as session:
        await turns.alone(session, "dates")
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
    await lazily.load("fedicause.campaigning.schedule")
    from fedicause.campaigning import schedule  # noqa: PLC0415

    async with instance.database.writing() as session:
        published = await schedule.publish_due(session, Here(instance.urls, instance.seal, now))
    for slug in published:
        log.info("published %s: its time has come", slug)
    instance.hints.ring("deliveries")


async def mail_updates(instance: Instance) -> None:
    """Queues the letters with news of campaigns, as many as there is room for."""
    async with instance.database.reading() as session:
        if not await mailings.is_any_open(session):
            return
    await lazily.load("fedicause.letters.mailing")
    from fedicause.letters import mailing  # noqa: PLC0415

    async with instance.database.reading() as session:
        is_due = await mailing.is_due(session)
    while is_due:
        async with instance.database.writing() as session:
            is_due = await mailing.step(session, Here.at(instance))
        instance.hints.ring("letters")


async def remind_people(instance: Instance) -> None:
    """Reminds of signatures that wait to be confirmed, and forgets those that have waited too long."""
    steps = [unconfirmed.forget]
    async with instance.database.reading() as session:
        if await unconfirmed.is_to_be_reminded_of(session, instance.now()):
            await lazily.load("fedicause.signing.remind")
            from fedicause.signing import remind  # noqa: PLC0415

            steps.insert(0, remind.remind)
    for step in steps:
        looked_at = REMINDED_AT_ONCE
        while looked_at == REMINDED_AT_ONCE:
            async with instance.database.writing() as session:
                await turns.alone(session, "reminders")
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


async def look_at_others(instance: Instance) -> None:
    """Looks at campaigns of other instances, and at what is said there, as far as that is due: see mirror."""
    async with instance.database.reading() as session:
        if not await revisits.is_anything_due(session, instance.now()):
            return
    await lazily.load("fedicause.coalition.mirror")
    from fedicause.coalition import mirror  # noqa: PLC0415

    while await mirror.round(instance):
        pass


async def tell_crm(instance: Instance) -> None:
    """Tells the organisation's own system what it must hear, where it has one."""
    if instance.settings.crm_url is None:
        return
    await lazily.load("fedicause.people.crm")
    from fedicause.people import crm  # noqa: PLC0415

    while True:
        now = instance.now()
        async with instance.database.writing() as session:
            claimed = await webhooks.claim(session, now=now, lease_until=now + crm.LEASE, limit=crm.AT_ONCE)
        if not claimed:
            return
        results = await crm.send(instance, claimed)
        for result in results:
            instance.meter.count("webhooks", result.outcome or "later")
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
        await webhooks.purge(session, before=now - TOLD_KEPT_FOR)
        await processes.purge(session, before=now - reporting.KEPT_FOR)
        await former_keys.forget_rsa(session, before=now - keyring.FORMER_KEPT)


async def forget_limits(instance: Instance) -> None:
    """Forgets what was counted for limits that nobody is near any more."""
    now = instance.now()
    async with instance.database.writing() as session:
        await meters.purge(session, now)
        await key_failures.purge(session, now)


async def _software(instance: Instance, names: list[str]) -> dict[str, str | None]:
    await lazily.load("federation.discovery")
    from federation import discovery  # noqa: PLC0415

    turn = asyncio.Semaphore(ASKED_AT_ONCE)

    async def ask(name: str) -> str | None:
        async with turn:
            try:
                async with asyncio.timeout(NODEINFO_TOTAL):
                    return await discovery.software(instance.remote, name)
            except (TimeoutError, Malformed):
                return None

    return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))

"""Campaigns of other instances: kept here as copies that follow what their origins show."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.answers import Gone, Missing, RemoteError, Unreachable
from federation.vocabulary import Malformed
from fedicause.campaigning import pictures
from fedicause.coalition.transcribe import Copy
from fedicause.coalition.visit import look
from fedicause.fediverse import recognise
from fedicause.instance import Instance
from storage import (
    actors,
    blocks,
    campaigns,
    coalitions,
    deliveries,
    followings,
    foreign,
    revisits,
    sightings,
)
from storage.coalition_models import ForeignCampaign

__all__ = ["Copy", "look", "round", "store"]

log = logging.getLogger(__name__)

REFRESH_EVERY: Final = timedelta(days=1)
# What changed while it was looked at for the first time was told to nobody here.
FIRST_REFRESH: Final = timedelta(minutes=1)
AT_ONCE: Final = 8
"""Of each kind in one round."""
TOTAL: Final = 20.0
"""Seconds for one look: nobody waits longer than that when the server stops."""
LEASE: Final = timedelta(seconds=60)
READ_EVERY: Final = timedelta(days=1)
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(days=1)
# What is gone seldom comes back; but a 404 may be a server that is being moved.
FIRST_PAUSE_OF_GONE: Final = timedelta(hours=1)
LONGEST_PAUSE_OF_GONE: Final = timedelta(days=32)
TRIES: Final = 6
"""Of a Note that somebody shared, before it is forgotten."""
PAGES: Final = 20
ITEMS: Final = 1000
"""Of an outbox."""

Result = TypeVar("Result")


async def store(
    session: AsyncSession,
    instance: Instance,
    copy: Copy,
    now: datetime,
    *,
    claimed: ForeignCampaign | None = None,
) -> ForeignCampaign:
    """Keeps the copy, in the place of an older one; `claimed` is that one where it was due to be refreshed.

    Raises Malformed where another campaign of that origin has the same name or the same Note.
    """
    for other in (
        await foreign.by_address(session, copy.slug, copy.origin),
        await foreign.by_note(session, copy.note_uri),
    ):
        if other is not None and other.actor_uri != copy.actor_uri:
            raise Malformed("Another campaign of that server has the same name")
    described = [copy.campaign, copy.organisation]
    await actors.remember(session, described, now)
    # Who answers has an inbox again, whatever it said before.
    inboxes = {inbox for each in described for inbox in (each.inbox, each.shared_inbox) if inbox}
    await deliveries.revive(session, inboxes)
    is_known = await foreign.by_actor(session, copy.actor_uri) is not None
    return await foreign.put(
        session,
        copy,
        copy.texts,
        now=now,
        refresh_at=now + (REFRESH_EVERY if is_known else FIRST_REFRESH),
        lease_until=claimed.refresh_at if claimed else None,
    )


async def round(instance: Instance) -> int:
    """Looks at a few of everything that is due; returns at how many. What fails is looked at again later."""
    now = instance.now()
    async with instance.database.reading() as session:
        if not await revisits.is_anything_due(session, now):
            return 0
        blocked = await blocks.targets(session)
    until = now + LEASE
    async with instance.database.writing() as session:
        await revisits.close_ended(session, now)
        known = await revisits.claim(session, now=now, lease_until=until, limit=AT_ONCE)
        shared = await sightings.claim(session, now=now, lease_until=until, limit=AT_ONCE)
        followed = await followings.claim(session, now=now, lease_until=until, limit=AT_ONCE)
    watch = _Watch(instance, blocked)
    looks = [watch.refresh(each) for each in known]
    looks += [watch.look_at(each) for each in shared]
    looks += [watch.read(each) for each in followed]
    for broken in await asyncio.gather(*looks, return_exceptions=True):
        if isinstance(broken, BaseException):  # of one; the others must not wait for it
            log.error("a look at another instance broke", exc_info=broken)
    return len(looks)


class _Watch:
    """One round: no transaction stays open across the network."""

    def __init__(self, instance: Instance, blocked: frozenset[str]) -> None:
        self._instance = instance
        self._blocked = blocked

    async def refresh(self, claimed: ForeignCampaign) -> None:
        """Looks again at a campaign that is known."""
        now = self._instance.now()
        try:
            self._expect_open(claimed.organisation_uri)
            copy = await self._look(claimed.note_uri, claimed)
            await self._change(lambda session: store(session, self._instance, copy, now, claimed=claimed))
        except (Gone, Missing):
            pause = _pause(claimed.failures, FIRST_PAUSE_OF_GONE, LONGEST_PAUSE_OF_GONE)
            await self._change(
                lambda session: revisits.withdraw(session, claimed, now=now, next_at=now + pause)
            )
            log.info("%s is gone from its origin", claimed.note_uri)
        except (RemoteError, Malformed) as error:
            log.info("%s was not refreshed: %s", claimed.note_uri, error)
            pause = _pause(claimed.failures, FIRST_PAUSE, LONGEST_PAUSE)
            await self._change(lambda session: revisits.postpone(session, claimed, next_at=now + pause))
            return
        await self._tidy(claimed.picture)

    async def look_at(self, sighted: sightings.Due) -> None:
        """Looks at a Note that somebody whom we follow shared."""
        now = self._instance.now()
        try:
            self._expect_open(sighted.note_uri)
            copy = await self._look(sighted.note_uri, await self._known(sighted.note_uri))
            self._expect_open(copy.organisation_uri)
            await self._change(lambda session: self._take(session, copy, sighted, now))
        except Unreachable as error:
            log.info("%s could not be looked at: %s", sighted.note_uri, error)
            if sighted.failures + 1 < TRIES:
                later = now + _pause(sighted.failures, FIRST_PAUSE, LONGEST_PAUSE)
                await self._change(lambda session: sightings.postpone(session, sighted, next_at=later))
                return
            await self._change(lambda session: sightings.finish(session, sighted))
        except (RemoteError, Malformed) as error:
            log.info("%s is no campaign: %s", sighted.note_uri, error)
            await self._change(lambda session: sightings.finish(session, sighted))

    async def read(self, due: followings.Due) -> None:
        """Reads which campaigns somebody has whom we follow."""
        now = self._instance.now()
        try:
            self._expect_open(due.uri)
            async with asyncio.timeout(TOTAL):
                found = [due.uri] if due.type == "Group" else await self._shared_by(due.uri)
        except (RemoteError, Malformed, TimeoutError) as error:
            log.info("what %s shared could not be read: %s", due.uri, error)
            later = now + _pause(due.failures, FIRST_PAUSE, LONGEST_PAUSE)
            await self._change(lambda session: followings.postpone(session, due, next_at=later))
            return

        async def keep(session: AsyncSession) -> None:
            await sightings.add(session, found, now)
            await followings.put_read(session, due, now=now, next_at=now + READ_EVERY)

        await self._change(keep)

    async def _shared_by(self, uri: str) -> list[str]:
        """The Notes of its own server that an organisation shared, the oldest first."""
        document = (await self._instance.remote.fetch(uri)).data
        described = recognise.describe(document)
        outbox = vocabulary.id_of(document.get("outbox"))
        if described.uri != uri or outbox is None or not vocabulary.same_host(outbox, uri):
            raise Malformed("an organisation without an outbox of its own")
        now = self._instance.now()
        await self._change(lambda session: actors.remember(session, [described], now))
        listed = self._instance.remote.collection(outbox, total=TOTAL, pages=PAGES, items=ITEMS)
        notes = dict.fromkeys([note async for item in listed if (note := _shared(item, uri))])
        # An update's id is below its call's, which is looked at anyway.
        return [note for note in reversed(notes) if notes.keys().isdisjoint(_above(note))]

    async def _take(self, session: AsyncSession, copy: Copy, sighted: sightings.Due, now: datetime) -> None:
        is_followed = await followings.any_of(session, copy.organisation_uri, copy.actor_uri)
        # Not followed, but our organisation was invited to join it.
        if is_followed or await coalitions.by_uri(session, copy.actor_uri) is not None:
            await store(session, self._instance, copy, now)
        await sightings.finish(session, sighted)

    async def _look(self, uri: str, known: ForeignCampaign | None) -> Copy:
        try:
            async with asyncio.timeout(TOTAL):
                return await look(self._instance, uri, known=known)
        except TimeoutError as error:
            raise Unreachable(f"no answer in {TOTAL:.0f} s") from error

    async def _known(self, uri: str) -> ForeignCampaign | None:
        async with self._instance.database.reading() as session:
            return await foreign.by_note(session, uri) or await foreign.by_actor(session, uri)

    async def _change(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        async with self._instance.database.writing() as session:
            return await work(session)

    def _expect_open(self, uri: str) -> None:
        if blocks.covers(self._blocked, uri, vocabulary.host_of(uri)):
            raise Malformed("blocked")

    async def _tidy(self, picture: str | None) -> None:
        """Removes a picture that nobody shows any more."""
        if picture is None:
            return
        async with self._instance.database.reading() as session:
            if picture in await campaigns.pictures(session):
                return
        await asyncio.to_thread(pictures.remove, picture, self._instance.settings.media)


def _pause(failures: int, first: timedelta, longest: timedelta) -> timedelta:
    pause: timedelta = min(first * 2 ** min(failures, 20), longest)
    return pause


def _shared(item: str | dict[str, Any], uri: str) -> str | None:
    """The Note in an Announce by this actor, where it is on the actor's own server."""
    if (
        not isinstance(item, dict)
        or item.get("type") != "Announce"
        or vocabulary.id_of(item.get("actor")) != uri
    ):
        return None
    note = vocabulary.id_of(item.get("object"))
    return note if note is not None and vocabulary.same_host(note, uri) else None


def _above(uri: str) -> list[str]:
    """The addresses above this one: without its last part, without the last two …"""
    return [uri[:place] for place, each in enumerate(uri) if each == "/"]

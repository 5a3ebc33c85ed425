"""What other servers send us: verified, understood, and recorded before they are answered."""

import logging
from datetime import datetime, timedelta
from typing import Literal

from federation import activities, httpsig, vocabulary
from federation.activities import Activity
from federation.answers import Gone, RemoteError
from federation.tallies import Tally
from fedicause import keyring
from fedicause.coalition import attest
from fedicause.fediverse import interpret, record
from fedicause.fediverse.interpret import Depart, MoveTo, Redescribe, Say
from fedicause.fediverse.recognise import Recogniser
from fedicause.fediverse.record import Unverified, Vanished
from fedicause.fediverse.weigh import Arrival
from fedicause.group_commit import GroupCommit, Overloaded
from fedicause.instance import Instance
from fedicause.sluice import Sluice
from storage import actors, blocks, parked
from storage.actors import Known
from storage.columns import to_milliseconds

log = logging.getLogger(__name__)

# Whoever changes them rings; the command line beside a server on SQLite can't.
BLOCKS_FRESH_FOR = timedelta(seconds=5)
# Said between organisations: an answer, or a new roster, may be waiting to go.
ANSWERED = frozenset({"Join", "Leave", "Accept", "Reject", "Invite"})

# Of a crowd, in one turn of the event loop: a write that is under way needs several turns, and is to be
# through before all the others are verified.
AT_ONCE = 8

Outcome = Literal["taken", "parked", "ignored"]


class Refused(Exception):
    """The sender is blocked, or speaks for somebody else."""


class Blocked(Refused):
    """The sender is blocked."""


class Replayed(httpsig.Forged):
    """A request signature that has had its effect already."""


class Receiver:
    """The inbox behind the web: one `accept` for every request, whatever inbox it was sent to."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._sluice = Sluice(AT_ONCE)
        self._commits = GroupCommit(
            instance.database,
            lambda session, given: record.changes(session, instance, given),
            meter=instance.meter,
            name="inbox",
            # Its signature may have been remembered with the transaction of which no answer came.
            again=lambda change, result: isinstance(change, Arrival) or result,
        )
        self._recogniser = Recogniser(
            instance.database,
            instance.remote,
            self._commits.submit,
            instance.now,
            wait=instance.settings.key_wait,
            not_again_for=instance.settings.failed_key,
        )
        self.key_for = keyring.with_our_own(instance, self._recogniser.key_for)
        """The keys of proofs, ours and everybody's (httpsig.KeyFor)."""
        self._blocked: frozenset[str] = frozenset()
        self._blocked_read_at: datetime | None = None
        self._looks = 0
        instance.hints.listen("blocks", self._forget_blocks)
        instance.hints.listen("actor", lambda about: self._recogniser.drop(int(about) if about else None))

    async def __aenter__(self) -> "Receiver":
        await self._commits.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._recogniser.close()
        await self._commits.__aexit__(*error)

    async def accept(self, request: httpsig.Request) -> Outcome:
        """Takes a request: its effect is durable, or it is parked, when this returns; says which.

        Raises Malformed (no activity), Forged (unsigned, badly signed, stale, replayed), Refused (blocked, or
        the signer is not the actor), Overloaded (come again later).
        """
        turn = self._sluice.enter()
        if turn is not None:
            await turn
        now = self._instance.now()
        activity = activities.read(activities.decode(request.body))
        if not self._knows_blocks(now):
            await self._read_blocks(now)
        if self._is_blocked(activity.actor):
            raise Blocked("blocked")
        if (
            activity.type == "Delete"
            and activity.object_id == activity.actor
            and not await self._is_known(activity.actor)
        ):
            return "ignored"
        try:
            await self._take(request, activity, now)
            return "taken"
        except httpsig.KeyPending as reason:
            log.info("parked a request of %s: %s", vocabulary.host_of(activity.actor), reason)
            if not await self._commits.submit(Unverified(vocabulary.host_of(activity.actor), request, now)):
                raise Overloaded from None
            return "parked"

    async def retry(self, waiting: parked.Parked) -> None:
        """Takes a parked request by the clock of its arrival; raises KeyPending, or what `accept` does."""
        request = httpsig.Request(waiting.method, waiting.target, waiting.headers, waiting.body)
        activity = activities.read(activities.decode(request.body))
        now = self._instance.now()
        if not self._knows_blocks(now):
            await self._read_blocks(now)
        if self._is_blocked(activity.actor):
            raise Refused("blocked since it came")
        await self._take(request, activity, waiting.received_at)

    async def record(self, change: record.Looked) -> None:
        """Writes what was found elsewhere together with what arrives."""
        await self._commits.submit(change)
        self._instance.hints.ring("progress")

    async def look_again(self, uri: str) -> None:
        """Asks for an actor again: what it says now is stored, and if it is gone, its words are withdrawn."""
        try:
            await self._recogniser.actor(uri)
        except Gone:
            await self._commits.submit(Vanished(uri))

    async def _take(self, request: httpsig.Request, activity: Activity, now: datetime) -> None:
        signer = await httpsig.verify(
            request, base_url=self._instance.settings.url, key_for=self._recogniser.key_for, now=now
        )
        if signer.actor != activity.actor:
            raise Refused("signed by somebody else")
        if activity.has_foreign_id():
            raise Refused("an id on another host")
        sender = await self._recogniser.owner(signer.key_id)
        meaning = interpret.read(activity, self._instance.urls)
        attested = None
        if activity.type in attest.CARRIERS:
            attested = await attest.embedded(activity, self.key_for, now=now)
        moved_to = None
        if isinstance(meaning, MoveTo):
            moved_to = await self._new_home(activity.actor, meaning.target)
        elif isinstance(meaning, Redescribe):
            await self._redescribe(activity)
        arrival = Arrival(
            sender,
            activity,
            meaning,
            to_milliseconds(signer.signed_at),
            signer.fingerprint.hex(),
            moved_to,
            attested,
        )
        if not await self._commits.submit(arrival):
            raise Replayed("this signature has had its effect")
        if isinstance(meaning, Depart):
            self._recogniser.forget(sender.id)
        hints = self._instance.hints
        hints.ring("progress")
        if isinstance(attested, Tally):
            hints.ring("tallies")  # the other partners wait for what one of them told
        if activity.type in ANSWERED:
            hints.ring("deliveries")
        if isinstance(meaning, Say) and meaning.asks:
            hints.ring("deliveries")

    def _is_blocked(self, uri: str) -> bool:
        return bool(self._blocked) and blocks.covers(self._blocked, uri, vocabulary.host_of(uri))

    def _knows_blocks(self, now: datetime) -> bool:
        return self._blocked_read_at is not None and abs(now - self._blocked_read_at) <= BLOCKS_FRESH_FOR

    async def _read_blocks(self, now: datetime) -> None:
        before, self._blocked_read_at = self._blocked_read_at, now  # the others go on with what is known
        self._looks += 1
        look = self._looks
        try:
            async with self._instance.database.reading() as session:
                blocked = await blocks.targets(session)
        except BaseException:
            self._blocked_read_at = before
            raise
        if look == self._looks:  # else somebody has looked later
            self._blocked = blocked

    def _forget_blocks(self, _: str) -> None:
        self._blocked_read_at = None

    async def _is_known(self, uri: str) -> bool:
        async with self._instance.database.reading() as session:
            return uri in await actors.by_uris(session, [uri])

    async def _redescribe(self, activity: Activity) -> None:
        """Asks the actor's server: what the activity embeds may be older than what is there."""
        try:
            await self._recogniser.actor(activity.actor)
        except (RemoteError, vocabulary.Malformed) as error:
            log.info(
                "a profile of %s could not be read: %s",
                vocabulary.host_of(activity.actor),
                type(error).__name__,
            )

    async def _new_home(self, old: str, target: str) -> Known | None:
        """The actor that `old` moved to, if that one confirms it."""
        try:
            document = (await self._instance.remote.fetch(target)).data
            if old in [vocabulary.id_of(each) for each in vocabulary.as_list(document.get("alsoKnownAs"))]:
                return await self._recogniser.actor(target)
        except (RemoteError, vocabulary.Malformed) as error:
            log.info(
                "a Move to %s could not be checked: %s", vocabulary.host_of(target), type(error).__name__
            )
        return None

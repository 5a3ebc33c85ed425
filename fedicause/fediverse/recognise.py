"""Whose key signed: from memory, from the database, or from the server of its owner."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urldefrag

from msgspec import Struct

from federation import content, httpsig, keys, vocabulary
from federation.answers import Budget, Exhausted, Gone, RemoteError, Unreachable
from federation.remote import Remote
from fedicause.fediverse import failures
from fedicause.fediverse.lookup import Lookup
from storage.actors import Description, Known
from storage.columns import from_milliseconds
from storage.database import Database

log = logging.getLogger(__name__)

IN_ALL = 10.0
# What one keyId may cost: the key, its owner, a redirect or an id that differs for each.
FETCHES = 4
REMEMBERED_KEYS = 20_000
FRESH_FOR = timedelta(seconds=60)
# What was in the database a moment ago is what it says: others tell of their changes.
LOOKED_FOR = timedelta(seconds=1)
FETCHES_AT_ONCE = 256

Remember = Callable[[Any], Awaitable[Any]]


class Entry(Struct, frozen=True):
    key: keys.Key
    owner: Known
    read_at: datetime
    fetched_at: datetime | None = None


def describe(document: dict[str, Any]) -> Description:
    """What an actor document says, bounded and cleaned; raises Malformed for what is no actor."""
    listed = [kind for kind in vocabulary.as_list(document.get("type")) if isinstance(kind, str)]
    kinds = [kind for kind in listed if kind in vocabulary.ACTOR_TYPES]
    uri = vocabulary.id_of(document)
    inbox = vocabulary.id_of(document.get("inbox"))
    if not kinds or uri is None or inbox is None:
        raise vocabulary.Malformed("not an actor")
    vocabulary.host_of(inbox)
    endpoints = document.get("endpoints")
    shared = vocabulary.id_of(endpoints.get("sharedInbox")) if isinstance(endpoints, dict) else None
    if shared is not None and not vocabulary.same_host(shared, inbox):
        shared = None
    return Description(
        uri=uri,
        host=vocabulary.host_of(uri),
        type=kinds[0],
        handle=_line(document.get("preferredUsername"), 100),
        name=_line(document.get("name"), 200),
        url=_web_address(document.get("url")),
        inbox=inbox,
        shared_inbox=shared,
        moved_to=vocabulary.id_of(document.get("movedTo")),
        keys=tuple((key.id, keys.public_pem(key.public)) for key in keys.keys_of(document)),
    )


def _line(value: object, most: int) -> str:
    return " ".join(content.plain(value).split())[:most] if isinstance(value, str) else ""


def _web_address(value: object) -> str | None:
    for each in vocabulary.as_list(value)[:10]:
        url = each.get("href") if isinstance(each, dict) else each
        if isinstance(url, str):
            try:
                vocabulary.host_of(url)
            except vocabulary.Malformed:
                continue
            return url
    return None


class Recogniser:
    """Finds keys and their owners; fetches each at most once at a time, and not those that failed lately."""

    def __init__(
        self,
        database: Database,
        remote: Remote,
        remember: Remember,
        now: Callable[[], datetime],
        *,
        wait: float,
        not_again_for: timedelta,
    ) -> None:
        self._lookup = Lookup(database)
        self._remote = remote
        self._remember = remember
        self._now = now
        self._wait = wait
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[Entry]] = {}
        self._failures = failures.Failures(database, remember, now, not_again_for=not_again_for)
        self._dropped = 0

    async def key_for(self, key_id: str, *, fresh: bool) -> keys.Key:
        """The key of this id (httpsig.KeyFor).

        Raises Forged where it can't be had at all, KeyPending where not now. `fresh` asks its owner again,
        unless that was done a moment ago or brings no answer: then the known key stands.
        """
        entry = self._at_hand(key_id) or await self._recall(key_id)
        if entry is None:
            return (await self._fetched(key_id)).key
        if not fresh:
            return entry.key
        if abs(self._now() - entry.read_at) > LOOKED_FOR:
            # Another process may have asked already.
            entry = await self._recall(key_id) or entry
        if entry.fetched_at is None or abs(self._now() - entry.fetched_at) > FRESH_FOR:
            try:
                return (await self._fetched(key_id)).key
            except (httpsig.Forged, httpsig.KeyPending):
                return entry.key
        return entry.key

    async def owner(self, key_id: str) -> Known:
        """The owner of a key that `key_for` has just given."""
        entry = self._entries.get(key_id) or await self._recall(key_id)
        if entry is None:
            raise httpsig.KeyPending("the key went out of memory and was not stored")
        return entry.owner

    async def actor(self, uri: str) -> Known:
        """The actor at this address, asked just now; raises RemoteError or Malformed."""
        return await self._learn((await self._remote.fetch(uri, budget=Budget(FETCHES))).data)

    def drop(self, owner_id: int | None) -> None:
        """Forgets an actor that another process has changed, or everybody, and what is being read too."""
        self._dropped += 1
        if owner_id is None:
            self._entries.clear()
        else:
            self.forget(owner_id)

    def forget(self, owner_id: int) -> None:
        """Drops what is remembered of an actor that has changed."""
        for key_id in [key_id for key_id, entry in self._entries.items() if entry.owner.id == owner_id]:
            del self._entries[key_id]

    async def close(self) -> None:
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        await self._lookup.close()

    def _at_hand(self, key_id: str) -> Entry | None:
        entry = self._entries.get(key_id)
        return entry if entry is not None and abs(self._now() - entry.read_at) < FRESH_FOR else None

    async def _recall(self, key_id: str) -> Entry | None:
        """What the database knows of a key; it takes the place of what is remembered."""
        entry, dropped = self._entries.get(key_id), -1
        while dropped != self._dropped:
            dropped = self._dropped
            found = await self._lookup.key(key_id)
        latest = self._entries.get(key_id)
        if latest is not None and latest is not entry:
            return latest  # fetched while the database still had the one before
        if found is None:
            self._entries.pop(key_id, None)
            return None
        owner, pem, fetched_at = found
        # The PEM is parsed only where it changed: that costs as much as several verifications.
        if entry is not None and entry.owner == owner and keys.public_pem(entry.key.public) == pem:
            key = entry.key
        else:
            key = keys.Key(key_id, owner.uri, keys.load_public(pem))
        return self._keep(Entry(key, owner, self._now(), from_milliseconds(fetched_at)))

    def _keep(self, entry: Entry) -> Entry:
        self._entries[entry.key.id] = entry
        self._entries.move_to_end(entry.key.id)
        while len(self._entries) > REMEMBERED_KEYS:
            self._entries.popitem(last=False)
        return entry

    async def _fetched(self, key_id: str) -> Entry:
        self._failures.check_key(key_id)
        task = self._fetching.get(key_id)
        if task is None:
            host = vocabulary.host_of(key_id)
            self._failures.check(key_id, host)
            if len(self._fetching) >= FETCHES_AT_ONCE:
                raise httpsig.KeyPending("too many keys are being fetched")
            task = asyncio.create_task(self._fetch(key_id, host), name="key fetch")
            self._fetching[key_id] = task
            task.add_done_callback(lambda done: self._done(key_id, done))
        try:
            # Shielded: others wait for it too, and a parked request finds its result.
            return await asyncio.wait_for(asyncio.shield(task), self._wait)
        except TimeoutError:
            raise httpsig.KeyPending("the key is slow to come") from None

    def _done(self, key_id: str, task: asyncio.Task[Entry]) -> None:
        self._fetching.pop(key_id, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may have

    async def _fetch(self, key_id: str, host: str) -> Entry:
        try:
            async with asyncio.timeout(IN_ALL):
                await self._failures.ask_others(key_id, host)
                return await self._learn_key(key_id)
        except failures.Known as known:
            raise known.error from None
        except (Unreachable, TimeoutError, Exhausted) as error:
            pending = httpsig.KeyPending(f"the key's server: {error}")
            raise await self._failures.note(key_id, host, pending) from error
        except (RemoteError, vocabulary.Malformed) as error:
            forged = httpsig.Forged(f"no such key: {error}")
            raise await self._failures.note(key_id, host, forged) from error
        except httpsig.Forged as error:
            raise await self._failures.note(key_id, host, error) from error

    async def _learn_key(self, key_id: str) -> Entry:
        budget = Budget(FETCHES)
        document = (await self._remote.fetch(urldefrag(key_id).url, budget=budget)).data
        if all(key.id != key_id for key in _keys_of(document)) or "inbox" not in document:
            # A key document, or GoToSocial's stub of an actor: only the whole actor shows whose the key is.
            document = (await self._remote.fetch(_owner_of(document, key_id), budget=budget)).data
        key = next((key for key in _keys_of(document) if key.id == key_id), None)
        if key is None:
            raise httpsig.Forged("the owner does not know this key")
        owner = await self._learn(document)
        return self._keep(Entry(key, owner, self._now(), self._now()))

    async def _learn(self, document: dict[str, Any]) -> Known:
        known: Known = await self._remember(describe(document))
        self.forget(known.id)
        return known


def _keys_of(document: dict[str, Any]) -> list[keys.Key]:
    try:
        return keys.keys_of(document)
    except vocabulary.Malformed:
        return []


def _owner_of(document: dict[str, Any], key_id: str) -> str:
    for holder in (document, document.get("publicKey")):
        if isinstance(holder, dict):
            owner = vocabulary.id_of(holder.get("owner") or holder.get("controller"))
            if owner is not None and vocabulary.same_host(owner, key_id):
                return owner
    raise httpsig.Forged("a key without an owner on its host")


__all__ = ["Entry", "Gone", "Recogniser", "describe"]

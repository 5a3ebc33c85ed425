"""The keys that sign what our actors say to other servers, read again now and then: they can be changed."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation.keys import SigningKey
from fedicause import keyring
from fedicause.instance import Instance
from storage import local_actors
from storage.activities import Letter
from storage.models import LocalActor

FRESH_FOR: Final = timedelta(seconds=5)


class _Held(Struct):
    sealed: tuple[bytes, bytes | None]
    key: SigningKey
    former: SigningKey | None
    rekeyed_at: datetime | None
    read_at: datetime


class Keychain:
    """Each key is parsed once for as long as it stays the same."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._held: dict[int, _Held] = {}

    async def load(self, session: AsyncSession, actor_ids: Collection[int]) -> None:
        """Has the keys of these actors at hand; raises LookupError where one is not here."""
        now = self._instance.now()
        for actor_id in set(actor_ids):
            held = self._held.get(actor_id)
            if held is not None and abs(now - held.read_at) < FRESH_FOR:
                continue
            actor = await local_actors.by_id(session, actor_id)
            if actor is None:
                raise LookupError(f"the actor {actor_id} of an activity is not here")
            self._held[actor_id] = self._read(actor, held, now)

    def keys(self, letter: Letter) -> tuple[SigningKey, SigningKey | None]:
        """The key for this activity, and another to be tried where that one is not accepted.

        Whoever does not look again when a signature doesn't fit knows the former key only (GoToSocial before
        0.12, snac): the Update that tells of the new one is signed with the one before, as Mastodon does.
        """
        held = self._held[letter.actor_id]
        if held.former is not None and letter.said_at == held.rekeyed_at:
            return held.former, held.key
        return held.key, held.former

    def _read(self, actor: LocalActor, held: _Held | None, now: datetime) -> _Held:
        sealed = actor.rsa_sealed, actor.rsa_former_sealed
        if held is not None and held.sealed == sealed:
            held.read_at = now
            return held
        seal, urls = self._instance.seal, self._instance.urls
        return _Held(
            sealed,
            keyring.signing_key(actor, seal, urls),
            keyring.former_signing_key(actor, seal, urls),
            actor.rekeyed_at,
            now,
        )

"""Counts move here and nowhere else: signed words become registers, and registers become counts.

A register per (subject, kind, actor) holds the last signed word. Of two words the one signed later counts,
and at the same second the withdrawal; so words may come late, twice or in any order and end in one state.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from storage import coalitions, counts, registers, signatures, tallies
from storage.actors import Known
from storage.columns import to_milliseconds
from storage.registers import Key, Stand

VOID_FOR = timedelta(days=7)
# Nobody undoes so many Likes that never came; more are somebody filling the table.
VOIDS_PER_ACTOR = 50
# Ids under which one actor has endorsed one campaign; more tell nothing more.
URIS_REMEMBERED = 8
COUNTED = {"endorsement": "endorsements", "share": "shares", "subscription": "subscriptions"}


class Word(Struct, frozen=True):
    """What one verified actor said in one signed request; `signed_at` in milliseconds since 1970.

    Without `key` it is a withdrawal of whatever bears `activity_uri` (an Undo by id alone), and without
    that too of everything (the actor is gone).
    """

    actor_id: int
    host_id: int
    key: Key | None
    present: bool
    signed_at: int
    activity_uri: str | None


def merge(old: Stand | None, word: Word) -> Stand:
    """The register after one more word: the last signed one wins, a withdrawal at equal times."""
    uris = old.uris if old else ()
    if word.present and word.activity_uri:
        uris = (word.activity_uri, *(uri for uri in uris if uri != word.activity_uri))[:URIS_REMEMBERED]
    if old is not None and (word.signed_at, not word.present) <= (old.signed_at, not old.present):
        return replace(old, uris=uris)
    return Stand(word.present, old.held if old else False, word.signed_at, uris)


async def hear(session: AsyncSession, words: Sequence[Word], *, now: datetime, wave: int | None) -> set[int]:
    """Applies words, in a few statements however many they are; returns the subjects whose counts moved.

    `wave`: how many first endorsements of one host count within an hour; what comes above is held. Raises
    database.Met where another process hears the same people: nothing of the transaction may be kept then.
    """
    if not words:
        return set()
    actors = {word.actor_id for word in words}
    await counts.lock(session, alone=any(word.key is None for word in words))
    before = await registers.by_keys(session, {word.key for word in words if word.key is not None})
    before |= await registers.of_actors(session, {word.actor_id for word in words if word.key is None})
    voids = await registers.voids_of(session, actors)
    ledger = Ledger(before, voids)
    for word in words:
        ledger.hear(word)
    changed = {key: stand for key, stand in ledger.stands.items() if before.get(key) != stand}
    if wave is not None:
        first = {
            key: stand
            for key, stand in changed.items()
            if key.kind == "endorsement" and stand.present and key not in before
        }
        host_of = {word.actor_id: word.host_id for word in words}
        changed |= await _held(session, first, host_of, now=now, wave=wave)
    await registers.put(session, changed, before)
    await registers.spend_voids(session, [void for void in ledger.spent if void in voids])
    await registers.add_voids(session, ledger.new_voids, now + VOID_FOR)
    moves = _moves(before, changed)
    await counts.move(session, moves, now)
    return {subject for subject, move in moves.items() if any(move.values())}


async def move(session: AsyncSession, old: Known, new: Known, signed_at: int, *, now: datetime) -> set[int]:
    """Carries the endorsements of an actor over to where it moved: one person stays one endorsement."""
    await counts.lock(session, alone=True)
    stands = await registers.of_actors(session, [old.id])
    words = []
    for key, stand in stands.items():
        # What is held stays where it is: moving is no way around a wave.
        if key.kind == "endorsement" and stand.present and not stand.held:
            there = Key(key.subject_id, key.kind, new.id)
            words.append(Word(old.id, old.host_id, key, False, signed_at, None))
            words.append(Word(new.id, new.host_id, there, True, stand.signed_at, None))
    return await hear(session, words, now=now, wave=None)


async def confirm(
    session: AsyncSession, coalition_id: int, given: Mapping[bytes, str], *, now: datetime
) -> int:
    """Counts confirmed signatures, countries by item (see storage.signatures); returns how many are new.

    Who has signed already changes nothing, nor do fakes; who had withdrawn has signed again.
    """
    coalition = await coalitions.locked(session, coalition_id)
    known = await signatures.by_items(session, coalition_id, given)
    fresh = {item: country for item, country in given.items() if item not in known}
    back = [row for item, row in known.items() if row.state in ("pending", "withdrawn")]
    await signatures.add(session, coalition_id, fresh, serial=coalition.serial, now=now)
    serial = coalition.serial + len(fresh)
    for row in back:
        serial += 1
        row.state, row.country, row.serial = "confirmed", given[row.item], serial
        row.confirmed_at, row.withdrawn_at = now, None
    moved = Counter([*fresh.values(), *(row.country for row in back)])
    if moved:
        await signatures.move(session, coalition_id, moved, serial=serial, now=now)
    return moved.total()


async def withdraw(
    session: AsyncSession, coalition_id: int, items: Collection[bytes], *, own_uri: str, now: datetime
) -> int:
    """Takes signatures out of the count; returns how many there were. `own_uri`: our organisation's."""
    coalition = await coalitions.locked(session, coalition_id)
    known = await signatures.by_items(session, coalition_id, items)
    gone = [row for row in known.values() if row.state == "confirmed"]
    for row in gone:
        row.state, row.withdrawn_at = "withdrawn", now
    if gone:
        moved = Counter({country: -number for country, number in Counter(r.country for r in gone).items()})
        await signatures.move(session, coalition_id, moved, serial=coalition.serial, now=now)
        await tallies.spoil(session, coalition_id, own_uri)
    return len(gone)


async def invalidate(
    session: AsyncSession,
    coalition_id: int,
    signature_ids: Collection[int],
    invalidation_id: int,
    *,
    own_uri: str,
    now: datetime,
) -> Counter[str]:
    """Takes fakes out, in a few statements however many: how many were confirmed, and how many pending."""
    coalition = await coalitions.locked(session, coalition_id)
    taken = await signatures.invalidate(session, coalition_id, signature_ids, invalidation_id)
    moved = {country: -number for state, country, number in taken if state == "confirmed"}
    if moved:
        await signatures.move(session, coalition_id, moved, serial=coalition.serial, now=now)
        await tallies.spoil(session, coalition_id, own_uri)
    return _by_state(taken)


async def restore(
    session: AsyncSession,
    coalition_id: int,
    signature_ids: Collection[int],
    invalidation_id: int,
    *,
    now: datetime,
) -> Counter[str]:
    """Puts signatures back that were no fakes after all: how many count again, and how many wait."""
    coalition = await coalitions.locked(session, coalition_id)
    back = await signatures.restore(session, signature_ids, invalidation_id, serial=coalition.serial)
    moved = {country: number for state, country, number in back if state == "confirmed"}
    if moved:
        serial = coalition.serial + sum(moved.values())
        await signatures.move(session, coalition_id, moved, serial=serial, now=now)
    return _by_state(back)


def _by_state(numbers: Sequence[tuple[str, str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for state, _, number in numbers:
        found[state] += number
    return found


class Ledger:
    """The registers and void ids of some actors, while their words are heard one after the other."""

    def __init__(self, stands: Mapping[Key, Stand], voids: Mapping[tuple[int, str], int]) -> None:
        self.stands = dict(stands)
        self.voids = dict(voids)
        self.new_voids: dict[tuple[int, str], int] = {}
        self.spent: list[tuple[int, str]] = []
        self._of_actor: dict[int, list[Key]] = {}
        for key in stands:
            self._of_actor.setdefault(key.actor_id, []).append(key)

    def hear(self, word: Word) -> None:
        if word.key is None:
            self._withdraw_unnamed(word)
        elif word.present:
            self._say(word.key, word)
        else:
            old = self.stands.get(word.key)
            if word.activity_uri and (old is None or word.activity_uri not in old.uris):
                self._void(word.actor_id, word.activity_uri, word.signed_at)
            self._put(word.key, merge(old, word))

    def _say(self, key: Key, word: Word) -> None:
        stand = merge(self.stands.get(key), word)
        void = (word.actor_id, word.activity_uri or "")
        voided_at = self.voids.pop(void, None)
        if voided_at is not None:
            # It was undone before it came, and may be a retry that is signed anew: the Undo stands, once.
            self.spent.append(void)
            self.new_voids.pop(void, None)
            old = self.stands.get(key)
            undo = replace(word, present=False, signed_at=voided_at)
            stand = replace(merge(old, undo), uris=stand.uris)
        self._put(key, stand)

    def _withdraw_unnamed(self, word: Word) -> None:
        found = [
            key
            for key in self._of_actor.get(word.actor_id, ())
            if word.activity_uri is None or word.activity_uri in self.stands[key].uris
        ]
        for key in found:
            self._put(key, merge(self.stands[key], word))
        if not found and word.activity_uri:
            self._void(word.actor_id, word.activity_uri, word.signed_at)

    def _void(self, actor_id: int, uri: str, signed_at: int) -> None:
        known = self.voids.get((actor_id, uri))
        if known is None and sum(actor == actor_id for actor, _ in self.voids) >= VOIDS_PER_ACTOR:
            return
        signed_at = max(signed_at, known or 0)
        self.voids[actor_id, uri] = self.new_voids[actor_id, uri] = signed_at

    def _put(self, key: Key, stand: Stand) -> None:
        if key not in self.stands:
            self._of_actor.setdefault(key.actor_id, []).append(key)
        self.stands[key] = stand


async def _held(
    session: AsyncSession, first: Mapping[Key, Stand], host_of: Mapping[int, int], *, now: datetime, wave: int
) -> dict[Key, Stand]:
    """Of these first endorsements those that exceed their host's wave, marked as held."""
    if not first:
        return {}
    more = Counter(host_of[key.actor_id] for key in first)
    counted = await registers.add_waves(session, more, to_milliseconds(now) // 3_600_000)
    seen = {host: number - more[host] for host, number in counted.items()}
    held = {}
    for key, stand in first.items():
        host = host_of[key.actor_id]
        seen[host] += 1
        if seen[host] > wave:
            held[key] = replace(stand, held=True)
    return held


def _moves(before: dict[Key, Stand], changed: dict[Key, Stand]) -> dict[int, Counter[str]]:
    """By how much each count of each subject moves."""
    moves: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for key, stand in changed.items():
        move = moves[key.subject_id]
        for value, sign in ((before.get(key), -1), (stand, +1)):
            if value is not None and value.present:
                move["held" if value.held else COUNTED[key.kind]] += sign
    return moves

"""Which words an arrival adds to the registers: who may say what, about what. No database, no network."""

from msgspec import Struct

from federation.activities import Activity
from fedicause.coalition.attest import Attested
from fedicause.fediverse.interpret import Depart, Meaning, Named, Say, Shun, UndoById
from fedicause.sign import Word
from storage.actors import Known
from storage.registers import Key
from storage.subjects import Subject

ENDORSED_OR_FOLLOWED = ("endorsement", "subscription")


class Arrival(Struct, frozen=True):
    """A verified activity; `signed_at` in milliseconds since 1970. Its result: whether it is no replay."""

    sender: Known
    activity: Activity
    meaning: Meaning | None
    signed_at: int
    fingerprint: str
    moved_to: Known | None = None
    attested: Attested | None = None


def words(arrival: Arrival, about: dict[str, Subject]) -> list[Word]:
    """What an arrival says to the registers; `about` has the subjects that it names."""
    sender, at = arrival.sender, arrival.signed_at
    match arrival.meaning:
        case Say() as said:
            subject = _subject(said.subject, about)
            if subject is None or (said.present and not _may_say(arrival, said, subject)):
                return []
            key = Key(subject.id, said.kind, sender.id)
            return [Word(sender.id, sender.host_id, key, said.present, at, said.activity_uri)]
        case UndoById() as undo:
            return [Word(sender.id, sender.host_id, None, False, at, undo.activity_uri)]
        case Depart():
            return [Word(sender.id, sender.host_id, None, False, at, None)]
        case Shun() as shun:
            subject = _subject(shun.subject, about)
            if subject is not None:
                return [
                    Word(sender.id, sender.host_id, Key(subject.id, kind, sender.id), False, at, None)
                    for kind in ENDORSED_OR_FOLLOWED
                ]
    return []


def _subject(named: Named, about: dict[str, Subject]) -> Subject | None:
    subject = about.get(named.name)
    if subject is None or not subject.is_public or (named.as_note and subject.campaign_id is None):
        return None
    return subject


def _may_say(arrival: Arrival, said: Say, subject: Subject) -> bool:
    """Who is gone says no more; a closed campaign takes no endorsements; only a Person joins like this."""
    if arrival.sender.gone_at is not None:
        return False
    if said.kind != "endorsement":
        return True
    if arrival.activity.type == "Join" and arrival.sender.type != "Person":
        return False
    return subject.is_open


def asked(arrival: Arrival, about: dict[str, Subject]) -> Subject | None:
    said = arrival.meaning
    return _subject(said.subject, about) if isinstance(said, Say) and said.asks and said.present else None

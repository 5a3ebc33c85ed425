"""What the organisation's own system must hear: rows in order, claimed by lease, and who agreed to what."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Signature
from storage.columns import UtcTime
from storage.people_models import Consent, Person, Pledge, Webhook

_ROWS = cast(Table, Webhook.__table__)


class New(Struct, frozen=True):
    """Something to be told; `subject` is the person, under the name that is used there."""

    event: str
    kind: str
    subject: str
    content_sealed: bytes


class Claimed(Struct, frozen=True):
    """A row in our hands until `lease_until`, which is also the proof that it still is."""

    id: int
    event: str
    content_sealed: bytes
    attempts: int
    created_at: datetime
    lease_until: datetime


class Result(Struct, frozen=True):
    """What came of a claimed row: an outcome (sent, expired, unreadable), or when to try again."""

    claimed: Claimed
    outcome: str | None
    next_at: datetime | None = None
    error: str | None = None


class Agreed(Struct, frozen=True):
    """Somebody who signed, and whether they agreed that an organisation writes to them."""

    consent_id: int
    blind: bytes
    coalition_id: int
    details_sealed: bytes
    address_sealed: bytes
    country: str
    language: str
    given_at: datetime
    withdrawn_at: datetime | None
    state: str
    """The signature's."""


class Waiting(Struct, frozen=True):
    """How much waits, since when, and what was last in the way."""

    number: int
    since: datetime
    error: str | None


async def waiting(session: AsyncSession) -> Waiting | None:
    """What waits to be told; None for nothing."""
    number, since, error = (
        await session.execute(
            select(func.count(), func.min(_ROWS.c.created_at), func.max(_ROWS.c.last_error)).where(
                _ROWS.c.ended_at.is_(None)
            )
        )
    ).one()
    return Waiting(number, since, error) if number else None


async def add(session: AsyncSession, new: Sequence[New], now: datetime) -> None:
    if new:
        await session.execute(
            insert(_ROWS),
            [
                {
                    "event": each.event,
                    "kind": each.kind,
                    "subject": each.subject,
                    "content_sealed": each.content_sealed,
                    "created_at": now,
                    "next_at": now,
                    "attempts": 0,
                }
                for each in new
            ],
        )


async def claim(session: AsyncSession, *, now: datetime, lease_until: datetime, limit: int) -> list[Claimed]:
    """Leases what is due, of each person the oldest alone: what comes later must not overtake it."""
    earlier = _ROWS.alias("earlier")
    waits = (
        select(earlier.c.id)
        .where(earlier.c.subject == _ROWS.c.subject, earlier.c.id < _ROWS.c.id, earlier.c.ended_at.is_(None))
        .exists()
    )
    due = (
        select(_ROWS.c.id)
        .where(_ROWS.c.ended_at.is_(None), _ROWS.c.next_at <= now, ~waits)
        .order_by(_ROWS.c.next_at, _ROWS.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=_ROWS)
    )
    rows = await session.execute(
        update(_ROWS)
        .where(_ROWS.c.id.in_(due))
        .values(lease_until=lease_until, next_at=lease_until)
        .returning(_ROWS.c.id, _ROWS.c.event, _ROWS.c.content_sealed, _ROWS.c.attempts, _ROWS.c.created_at)
    )
    return [
        Claimed(row.id, row.event, row.content_sealed, row.attempts, row.created_at, lease_until)
        for row in sorted(rows, key=lambda row: row.id)
    ]


async def settle(session: AsyncSession, results: Sequence[Result], now: datetime) -> None:
    """Writes what came of rows still in our hands; what has ended is empty then."""
    ours = update(_ROWS).where(
        _ROWS.c.id == bindparam("of_id"),
        _ROWS.c.lease_until == bindparam("of_lease", type_=UtcTime),
        _ROWS.c.ended_at.is_(None),
    )
    for result in results:
        values = (
            {"next_at": result.next_at}
            if result.outcome is None
            else {"ended_at": now, "outcome": result.outcome, "content_sealed": b""}
        )
        await session.execute(
            ours.values(lease_until=None, last_error=result.error, attempts=_ROWS.c.attempts + 1, **values),
            {"of_id": result.claimed.id, "of_lease": result.claimed.lease_until},
        )


async def forget(session: AsyncSession, subject: str, now: datetime) -> int:
    """Empties what was not told yet of somebody; returns how much was ever queued about them."""
    number = len(list(await session.scalars(select(_ROWS.c.id).where(_ROWS.c.subject == subject))))
    await session.execute(
        update(_ROWS)
        .where(_ROWS.c.subject == subject, _ROWS.c.ended_at.is_(None))
        .values(ended_at=now, outcome="erased", content_sealed=b"", lease_until=None)
    )
    return number


async def purge(session: AsyncSession, before: datetime) -> None:
    """Forgets what ended before then, and what nobody has fetched since."""
    await session.execute(delete(_ROWS).where((_ROWS.c.ended_at < before) | (_ROWS.c.created_at < before)))


async def agreed(
    session: AsyncSession, organisation_uri: str, signature_ids: Collection[int]
) -> list[Agreed]:
    """The consents to this organisation that came with these signatures, withdrawn ones too."""
    found: list[Agreed] = []
    for part in batches.parts(signature_ids):
        rows = await session.execute(
            _consents(organisation_uri).where(Consent.signature_id.in_(part)).order_by(Consent.id)
        )
        found += [Agreed(*row) for row in rows]
    return found


async def of_person(session: AsyncSession, organisation_uri: str, person_id: int) -> list[Agreed]:
    """The same of all that one person signed."""
    rows = await session.execute(
        _consents(organisation_uri).where(Pledge.person_id == person_id).order_by(Consent.id)
    )
    return [Agreed(*row) for row in rows]


async def agreeing(session: AsyncSession, organisation_uri: str, *, after: int, limit: int) -> list[Agreed]:
    """The consents that hold, of people whose signatures count and who get letters at all, in their order."""
    rows = await session.execute(
        _consents(organisation_uri)
        .where(
            Consent.id > after,
            Consent.withdrawn_at.is_(None),
            Signature.state == "confirmed",
            Person.declined_at.is_(None),
        )
        .order_by(Consent.id)
        .limit(limit)
    )
    return [Agreed(*row) for row in rows]


def _consents(organisation_uri: str) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Consent.id,
            Person.blind,
            Signature.coalition_id,
            Pledge.details_sealed,
            Person.address_sealed,
            Signature.country,
            Pledge.language,
            Consent.given_at,
            Consent.withdrawn_at,
            Signature.state,
        )
        .join(Signature, Signature.id == Consent.signature_id)
        .join(Pledge, Pledge.signature_id == Consent.signature_id)
        .join(Person, Person.id == Pledge.person_id)
        .where(Consent.organisation_uri == organisation_uri)
    )

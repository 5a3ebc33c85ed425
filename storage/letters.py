"""Letters: those that wait to be sent, in whose hands they are, and what became of the others."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import Table, bindparam, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import UtcTime
from storage.people_models import Letter, Person

_ROWS = cast(Table, Letter.__table__)


class Unknown(LookupError):
    """No letter was sent that returns to this address."""


class New(Struct, frozen=True):
    """A letter to be queued; `domain` is its addressee's."""

    kind: str
    person_id: int | None
    domain: str
    content_sealed: bytes
    return_token: str
    is_bulk: bool


class Claimed(Struct, frozen=True):
    """A letter in our hands until `lease_until`, which is also the proof that it still is."""

    id: int
    kind: str
    person_id: int | None
    content_sealed: bytes
    return_token: str
    attempts: int
    created_at: datetime
    lease_until: datetime


class End(Struct, frozen=True):
    """A letter that is not tried again. `outcome`: sent, refused, expired, unreadable."""

    claimed: Claimed
    outcome: str
    error: str | None = None


class Retry(Struct, frozen=True):
    """A letter to be tried again at `next_at`; without an error it was not tried at all."""

    claimed: Claimed
    next_at: datetime
    error: str | None = None


class Waiting(Struct, frozen=True):
    """Since when a letter waits, and what was last in the way."""

    since: datetime
    error: str | None


async def add(session: AsyncSession, new: Sequence[New], now: datetime) -> None:
    """Queues letters, as one statement."""
    if not new:
        return
    await session.execute(
        insert(_ROWS),
        [
            {
                "kind": each.kind,
                "person_id": each.person_id,
                "domain": each.domain,
                "content_sealed": each.content_sealed,
                "is_bulk": each.is_bulk,
                "return_token": each.return_token,
                "created_at": now,
                "next_at": now,
                "attempts": 0,
            }
            for each in new
        ],
    )


async def unwanted(session: AsyncSession, person_ids: Collection[int]) -> set[int]:
    """Those of these people to whom no letter goes: one came back, or they want none."""
    if not person_ids:
        return set()
    given = batches.table(
        batches.dialect_of(session), "given", {"id": int}, [[each] for each in set(person_ids)]
    )
    found = await session.scalars(
        select(Person.id)
        .join(given, given.c.id == Person.id)
        .where(or_(Person.bounced_at.is_not(None), Person.declined_at.is_not(None)))
    )
    return set(found)


async def claim(session: AsyncSession, *, now: datetime, lease_until: datetime, limit: int) -> list[Claimed]:
    """Leases at most `limit` letters that are due: the longest due first, those in bulk last."""
    claimed: list[Claimed] = []
    for is_bulk in (False, True):
        if len(claimed) < limit:
            claimed += await _claim(session, now, lease_until, limit - len(claimed), is_bulk=is_bulk)
    return claimed


async def _claim(
    session: AsyncSession, now: datetime, lease_until: datetime, limit: int, *, is_bulk: bool
) -> list[Claimed]:
    due = (
        select(_ROWS.c.id)
        .where(_ROWS.c.ended_at.is_(None), _ROWS.c.is_bulk.is_(is_bulk), _ROWS.c.next_at <= now)
        .order_by(_ROWS.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = await session.scalars(
        update(Letter)
        .where(Letter.id.in_(due))
        .values(lease_until=lease_until, next_at=lease_until)
        .returning(Letter)
        .execution_options(synchronize_session=False)
    )
    return [
        Claimed(
            row.id,
            row.kind,
            row.person_id,
            row.content_sealed,
            row.return_token,
            row.attempts,
            row.created_at,
            lease_until,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


async def tried_since(session: AsyncSession, since: datetime, now: datetime) -> int:
    """How many letters were handed over since then, or are in somebody's hands."""
    ended = select(func.count()).where(_ROWS.c.ended_at > since, _ROWS.c.outcome.in_(("sent", "refused")))
    leased = select(func.count()).where(_ROWS.c.lease_until > now)
    row = (await session.execute(select(ended.scalar_subquery(), leased.scalar_subquery()))).one()
    return int(row[0]) + int(row[1])


async def settle(
    session: AsyncSession, *, ends: Sequence[End], retries: Sequence[Retry], now: datetime
) -> None:
    """Writes what came of letters still in our hands; the words of those that ended are forgotten."""
    ours = update(_ROWS).where(
        _ROWS.c.id == bindparam("of_id"),
        _ROWS.c.lease_until == bindparam("of_lease", type_=UtcTime),
        _ROWS.c.ended_at.is_(None),
    )
    if ends:
        await session.execute(
            ours.values(
                ended_at=now,
                outcome=bindparam("becomes"),
                last_error=bindparam("error"),
                attempts=_ROWS.c.attempts + 1,
                content_sealed=b"",
                lease_until=None,
            ),
            [_lease(each.claimed) | {"becomes": each.outcome, "error": each.error} for each in ends],
        )
    if retries:
        await session.execute(
            ours.values(
                next_at=bindparam("then", type_=UtcTime),
                last_error=func.coalesce(bindparam("error"), _ROWS.c.last_error),
                attempts=_ROWS.c.attempts + bindparam("tried"),
                lease_until=None,
            ),
            [
                _lease(each.claimed)
                | {"then": each.next_at, "error": each.error, "tried": 0 if each.error is None else 1}
                for each in retries
            ],
        )


def _lease(claimed: Claimed) -> dict[str, Any]:
    return {"of_id": claimed.id, "of_lease": claimed.lease_until}


async def take_over(session: AsyncSession, now: datetime) -> None:
    """Ends every lease: a single process takes over from the one before it."""
    await session.execute(
        update(_ROWS).where(_ROWS.c.lease_until.is_not(None)).values(lease_until=None, next_at=now)
    )


async def bounced(session: AsyncSession, return_token: str, now: datetime) -> None:
    """Notes that a letter came back; nothing more goes to that person. Raises Unknown."""
    found = (
        await session.execute(
            update(_ROWS)
            .where(_ROWS.c.return_token == return_token)
            .values(
                outcome="bounced",
                ended_at=func.coalesce(_ROWS.c.ended_at, literal(now, UtcTime)),
                content_sealed=b"",
                lease_until=None,
            )
            .returning(_ROWS.c.person_id)
        )
    ).one_or_none()
    if found is None:
        raise Unknown(return_token)
    if found.person_id is not None:
        await unreachable(session, [found.person_id], now)


async def unreachable(session: AsyncSession, person_ids: Collection[int], now: datetime) -> None:
    """Notes that letters to these people come back; those that wait are not sent."""
    await session.execute(
        update(Person)
        .where(Person.id.in_(person_ids), Person.bounced_at.is_(None))
        .values(bounced_at=now)
        .execution_options(synchronize_session=False)
    )
    await recall(session, person_ids, now)


async def recall(
    session: AsyncSession,
    person_ids: Collection[int],
    now: datetime,
    *,
    kinds: Collection[str] | None = None,
) -> None:
    """Takes back the letters to these people that were not sent yet, or those of these kinds."""
    condition = _ROWS.c.kind.in_(kinds) if kinds is not None else _ROWS.c.id.is_not(None)
    await session.execute(
        update(_ROWS)
        .where(_ROWS.c.person_id.in_(person_ids), _ROWS.c.ended_at.is_(None), condition)
        .values(ended_at=now, outcome="recalled", content_sealed=b"", lease_until=None)
    )


async def forget(session: AsyncSession, person_id: int) -> None:
    """Leaves no trace of letters to somebody."""
    await session.execute(delete(_ROWS).where(_ROWS.c.person_id == person_id))


async def purge(session: AsyncSession, before: datetime) -> None:
    """Forgets the letters that ended before then; those that return later are not recognised."""
    await session.execute(delete(_ROWS).where(_ROWS.c.ended_at < before))


async def waiting(session: AsyncSession, limit: int) -> list[Letter]:
    """Letters to be sent, the next one first."""
    query = (
        select(Letter)
        .where(Letter.ended_at.is_(None))
        .order_by(Letter.is_bulk, Letter.next_at, Letter.id)
        .limit(limit)
    )
    return list(await session.scalars(query))


async def longest_waiting(session: AsyncSession) -> Waiting | None:
    """The oldest letter that somebody waits for."""
    query = (
        select(Letter.created_at, Letter.last_error)
        .where(Letter.ended_at.is_(None), Letter.is_bulk.is_(False))
        .order_by(Letter.created_at)
        .limit(1)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else Waiting(*row)

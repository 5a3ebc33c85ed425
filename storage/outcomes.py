"""What became of claimed deliveries: delivered, to be tried again, or given up, with their inbox or alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, FromClause, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage import batches, claims
from storage.claims import Claimed
from storage.columns import to_milliseconds
from storage.models import DeadInbox, Delivery

_UNSYNCHRONISED: dict[str, Any] = {"synchronize_session": False}


class Retry(Struct, frozen=True):
    """A row to be tried again at `next_at`; `attempts` are those so far."""

    claimed: Claimed
    attempts: int
    next_at: datetime
    status: int | None
    error: str | None


class End(Struct, frozen=True):
    """A row that is given up. `is_inbox` gives up the whole inbox, until its actor is fetched again."""

    claimed: Claimed
    attempts: int
    status: int | None
    error: str
    is_inbox: bool = False


async def settle(
    session: AsyncSession,
    *,
    delivered: Sequence[Claimed],
    retries: Sequence[Retry],
    ends: Sequence[End],
    now: datetime,
) -> None:
    """Writes what became of claimed rows, those left out whose lease somebody else has by now."""
    if delivered:
        ours = _ours(session, delivered)
        await session.execute(
            delete(Delivery)
            .where(Delivery.id.in_(select(Delivery.id).join(ours, _is_ours(ours))))
            .execution_options(**_UNSYNCHRONISED)
        )
    await _write_back(session, retries, ends, now)
    if retries:
        await _catch_up(session, [each.claimed for each in retries if each.claimed.replaces is not None])
    dead = {each.claimed.inbox: each for each in ends if each.is_inbox}
    if dead:
        await _bury(session, dead, now)
    await claims.arm(session, now, [each.inbox for each in delivered] + [each.claimed.inbox for each in ends])


def _ours(session: AsyncSession, claimed: Sequence[Claimed]) -> FromClause:
    rows = [[each.id, to_milliseconds(each.lease_until)] for each in claimed]
    return batches.table(batches.dialect_of(session), "ours", {"id": int, "lease": int}, rows)


def _is_ours(ours: FromClause) -> ColumnElement[bool]:
    return and_(Delivery.id == ours.c.id, Delivery.lease_until == ours.c.lease)


async def _write_back(
    session: AsyncSession, retries: Sequence[Retry], ends: Sequence[End], now: datetime
) -> None:
    tried: list[tuple[Retry | End, int | None, int | None]] = [
        *((each, to_milliseconds(each.next_at), None) for each in retries),
        *((each, None, to_milliseconds(now)) for each in ends),
    ]
    rows = [
        [
            each.claimed.id,
            to_milliseconds(each.claimed.lease_until),
            each.attempts,
            next_at,
            ended_at,
            each.status,
            each.error,
        ]
        for each, next_at, ended_at in tried
    ]
    if not rows:
        return
    ours = batches.table(
        batches.dialect_of(session),
        "ours",
        {
            "id": int,
            "lease": int,
            "attempts": int,
            "next_at": int,
            "ended_at": int,
            "status": int,
            "error": str,
        },
        rows,
    )
    await session.execute(
        update(Delivery)
        .where(_is_ours(ours))
        .values(
            attempts=ours.c.attempts,
            next_at=ours.c.next_at,
            ended_at=ours.c.ended_at,
            lease_until=None,
            last_status=ours.c.status,
            last_error=ours.c.error,
        )
        .execution_options(**_UNSYNCHRONISED)
    )


async def _catch_up(session: AsyncSession, retries: Sequence[Claimed]) -> None:
    """What comes back undelivered says the newest, where something newer was queued behind it meanwhile."""
    if not retries:
        return
    newer, older = aliased(Delivery), aliased(Delivery)
    found = await session.execute(
        select(older.id, newer.id, newer.activity_id)
        .join(
            newer,
            and_(newer.replaces == older.replaces, newer.inbox == older.inbox, newer.id > older.id),
        )
        .where(
            older.id.in_([each.id for each in retries]),
            older.lease_until.is_(None),
            older.ended_at.is_(None),
            newer.ended_at.is_(None),
        )
        .order_by(newer.id)
        .with_for_update()
    )
    rows = found.all()
    if not rows:
        return
    newest = {older_id: activity_id for older_id, _, activity_id in rows}
    given = batches.table(
        batches.dialect_of(session),
        "given",
        {"id": int, "activity_id": int},
        [[*each] for each in newest.items()],
    )
    await session.execute(
        update(Delivery)
        .where(Delivery.id == given.c.id)
        .values(activity_id=given.c.activity_id)
        .execution_options(**_UNSYNCHRONISED)
    )
    await session.execute(
        delete(Delivery)
        .where(Delivery.id.in_([newer_id for _, newer_id, _ in rows]))
        .execution_options(**_UNSYNCHRONISED)
    )


async def _bury(session: AsyncSession, dead: Mapping[str, End], now: datetime) -> None:
    dialect, moment = batches.dialect_of(session), to_milliseconds(now)
    statement = batches.insert_rows(
        dialect,
        DeadInbox,
        {"inbox": str, "status": int, "died_at": int},
        [[inbox, end.status, moment] for inbox, end in sorted(dead.items())],
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["inbox"],
            set_={"status": statement.excluded.status, "died_at": statement.excluded.died_at},
        )
    )
    given = batches.table(
        dialect,
        "given",
        {"inbox": str, "status": int, "error": str},
        [[inbox, end.status, end.error] for inbox, end in dead.items()],
    )
    await session.execute(
        update(Delivery)
        .where(Delivery.inbox == given.c.inbox, Delivery.ended_at.is_(None))
        .values(
            ended_at=now,
            next_at=None,
            lease_until=None,
            last_status=given.c.status,
            last_error=given.c.error,
        )
        .execution_options(**_UNSYNCHRONISED)
    )

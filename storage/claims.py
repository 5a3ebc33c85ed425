"""Which deliveries are due, and whose hands they are in.

Of each inbox only the oldest row is *armed*, which is to have `next_at`: activities arrive in the order in
which they were said, and no claim looks at the rows behind. Claimed rows have `next_at` = `lease_until`.
Statements are made once, as making them costs more than running them.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Final, cast

from msgspec import Struct
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Table,
    Update,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import UtcTime
from storage.models import Delivery, Host

_ARMING: Final = 0x61726D
"""The advisory lock (PostgreSQL) of whoever arms everything."""
_ROWS = cast(Table, Delivery.__table__)
_HOSTS = cast(Table, Host.__table__)
_NOW = bindparam("now", type_=UtcTime)
_LEASE_UNTIL = bindparam("lease_end", type_=UtcTime)
_PER_HOST = bindparam("per_host", type_=BigInteger)


class Claimed(Struct, frozen=True):
    """A row in our hands until `lease_until`, which is also the proof that it still is."""

    id: int
    activity_id: int
    inbox: str
    host: str
    replaces: str | None
    attempts: int
    created_at: datetime
    lease_until: datetime


async def plan_anew(session: AsyncSession) -> None:
    """Makes PostgreSQL plan the statements of this transaction for the queue as it is.

    A plan that it kept from when the queue was short reads the whole of a long one for every inbox.
    """
    if batches.dialect_of(session) == "postgresql":
        await session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


async def arm(session: AsyncSession, now: datetime, inboxes: Collection[str] | None = None) -> None:
    """Makes the oldest row due in each of these inboxes (in all of them by default) that has no armed one."""
    await plan_anew(session)
    dialect = batches.dialect_of(session)
    if inboxes is None:
        # Two that arm everything, each in an order of its own, would lock each other out: one is enough.
        if dialect == "sqlite" or await session.scalar(select(func.pg_try_advisory_xact_lock(_ARMING))):
            await session.execute(_arming(dialect, everywhere=True), {"now": now})
    else:
        given = batches.packed([[inbox] for inbox in set(inboxes)])
        await session.execute(_arming(dialect, everywhere=False), {"now": now, "given": given})


async def claim(
    session: AsyncSession,
    *,
    now: datetime,
    lease_until: datetime,
    limit: int,
    per_host: int,
    failing_at: int,
    in_hand: Mapping[str, int],
) -> list[Claimed]:
    """Leases at most `limit` due rows, one of every host before a second of any.

    A host gets `per_host` rows less those `in_hand`, none while it is paused, and a single one if it has
    failed `failing_at` times in a row: until that one comes back it is paused for everybody else.
    """
    await plan_anew(session)
    rows = await session.execute(
        _claiming(batches.dialect_of(session)),
        {
            "now": now,
            "lease_end": lease_until,
            "most": limit,
            "per_host": per_host,
            "failing_at": failing_at,
            "busy": batches.packed([[host, number] for host, number in in_hand.items()]),
        },
    )
    claimed = [
        Claimed(id, activity_id, inbox, host, replaces, attempts, created_at, lease_until)
        for id, activity_id, inbox, host, replaces, attempts, created_at in rows
    ]
    if claimed:
        # Whose row another process has just now is passed over: there the failures are being counted.
        failing = (
            select(_HOSTS.c.id)
            .where(_HOSTS.c.name.in_({each.host for each in claimed}), _HOSTS.c.failures >= failing_at)
            .with_for_update(skip_locked=True, key_share=True)
        )
        await session.execute(update(_HOSTS).where(_HOSTS.c.id.in_(failing)).values(paused_until=lease_until))
    return claimed


async def take_over(session: AsyncSession, now: datetime, *, failing_at: int) -> None:
    """Ends every lease: a single process takes over from the one before it.

    So too the pause of a failing host for as long as it was being tried: that trial has no result.
    """
    tried = select(_ROWS.c.host).where(_ROWS.c.lease_until.is_not(None))
    await session.execute(
        update(Host)
        .where(Host.name.in_(tried), Host.failures >= failing_at)
        .values(paused_until=now)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(_ROWS).where(_ROWS.c.lease_until.is_not(None)).values(lease_until=None, next_at=now)
    )


@cache
def _arming(dialect: str, *, everywhere: bool) -> Update:
    every = _every("inbox", _is_waiting)
    waiting: FromClause = every if everywhere else batches.source(dialect, "given", {"inbox": str})
    first, other = _ROWS.alias("first"), _ROWS.alias("other")
    oldest = (
        select(first.c.id)
        .where(first.c.inbox == waiting.c.inbox, _is_waiting(first))
        .order_by(first.c.next_at, first.c.id)
        .limit(1)
        .correlate(waiting)
        .scalar_subquery()
    )
    # The NULLs come last. A lookup of armed rows alone may be answered from the wrong index: queues change
    # too fast for PostgreSQL's statistics.
    armed_at = (
        select(other.c.next_at)
        .where(other.c.inbox == waiting.c.inbox, other.c.ended_at.is_(None))
        .order_by(other.c.next_at.desc() if dialect == "sqlite" else other.c.next_at)
        .limit(1)
        .correlate(waiting)
        .scalar_subquery()
    )
    heads = select(oldest).select_from(waiting).where(armed_at.is_(None))
    return update(_ROWS).where(_ROWS.c.id.in_(heads), _ROWS.c.next_at.is_(None)).values(next_at=_NOW)


@cache
def _claiming(dialect: str) -> Update:
    picked = _candidates(dialect, _open_hosts(dialect))
    place = func.row_number().over(partition_by=picked.c.host, order_by=(picked.c.next_at, picked.c.id))
    ranked = select(picked.c.id, picked.c.next_at, picked.c.room, place.label("place")).subquery("ranked")
    chosen = (
        select(ranked.c.id)
        .where(ranked.c.place <= ranked.c.room)
        .order_by(ranked.c.place, ranked.c.next_at, ranked.c.id)
        .limit(bindparam("most", type_=BigInteger))
    )
    # Looked at again under lock: another process may have been quicker. `coalesce` keeps PostgreSQL from
    # reading the index of all due rows for the few that were chosen.
    locked = (
        select(_ROWS.c.id)
        .where(
            _ROWS.c.id.in_(chosen),
            _ROWS.c.ended_at.is_(None),
            func.coalesce(_ROWS.c.next_at, _LEASE_UNTIL) <= _NOW,
        )
        .with_for_update(skip_locked=True)
    )
    row = _ROWS.c
    return (
        update(_ROWS)
        .where(row.id.in_(locked))
        .values(lease_until=_LEASE_UNTIL, next_at=_LEASE_UNTIL)
        .returning(row.id, row.activity_id, row.inbox, row.host, row.replaces, row.attempts, row.created_at)
    )


def _open_hosts(dialect: str) -> FromClause:
    """The hosts with armed rows that are not paused, and how many rows each may get."""
    hosts = _every("host", _is_armed)
    busy = batches.source(dialect, "busy", {"host": str, "rows": int})
    failing_at = bindparam("failing_at", type_=BigInteger)
    most = case((func.coalesce(_HOSTS.c.failures, 0) >= failing_at, 1), else_=_PER_HOST)
    return (
        select(hosts.c.host, (most - func.coalesce(busy.c.rows, 0)).label("room"))
        .select_from(hosts)
        .outerjoin(_HOSTS, _HOSTS.c.name == hosts.c.host)
        .outerjoin(busy, busy.c.host == hosts.c.host)
        .where(hosts.c.host.is_not(None), or_(_HOSTS.c.paused_until.is_(None), _HOSTS.c.paused_until <= _NOW))
        .subquery("open_hosts")
    )


def _candidates(dialect: str, open_hosts: FromClause) -> FromClause:
    """The first due rows of each open host, found by index whatever the number of rows behind them."""
    due = _ROWS.alias("due")
    first = (
        select(due.c.id, due.c.next_at)
        .where(due.c.host == open_hosts.c.host, due.c.ended_at.is_(None), due.c.next_at <= _NOW)
        .order_by(due.c.next_at, due.c.id)
        .limit(_PER_HOST)
        .correlate(open_hosts)
    )
    if dialect == "postgresql":
        found = first.lateral("found")
        query = select(open_hosts.c.host, open_hosts.c.room, found.c.id, found.c.next_at)
        return query.select_from(open_hosts.join(found, true())).subquery("picked")
    # SQLite has no lateral join, and looks an IN of row keys up one by one.
    row = _ROWS.alias("row")
    ids = first.with_only_columns(due.c.id)
    query = select(open_hosts.c.host, open_hosts.c.room, row.c.id, row.c.next_at)
    return query.select_from(open_hosts).join(row, row.c.id.in_(ids)).subquery("picked")


def _is_waiting(row: FromClause) -> ColumnElement[bool]:
    return row.c.ended_at.is_(None) & row.c.next_at.is_(None)


def _is_armed(row: FromClause) -> ColumnElement[bool]:
    return row.c.ended_at.is_(None) & row.c.next_at.is_not(None)


def _every(name: str, condition: Callable[[FromClause], ColumnElement[bool]]) -> CTE:
    """The distinct values of a column among some rows, each by one look into its index; the last is NULL."""
    start, following = _ROWS.alias("start"), _ROWS.alias("following")
    first = select(start.c[name]).where(condition(start)).order_by(start.c[name]).limit(1).subquery()
    walk = select(first.c[name]).cte(f"every_{name}", recursive=True)
    after = (
        select(following.c[name])
        .where(condition(following), following.c[name] > walk.c[name])
        .order_by(following.c[name])
        .limit(1)
        .scalar_subquery()
    )
    return walk.union_all(select(after).where(walk.c[name].is_not(None)))

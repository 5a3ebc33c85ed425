"""The counts of local actors, and what they ought to be by the registers."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Case, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Coalition
from storage.columns import EPOCH, to_milliseconds
from storage.models import Campaign, Counts, LocalActor, Register

# The advisory lock of whoever writes registers, on PostgreSQL.
COUNTING = 0xC0047
COLUMNS = ("endorsements", "shares", "subscriptions", "held")


class Recount(Struct, frozen=True):
    """One subject (a local actor by row key and name): what its row says, and what its registers say.

    The numbers are in the order of COLUMNS.
    """

    subject_id: int
    name: str
    stored: tuple[int, int, int, int]
    counted: tuple[int, int, int, int]

    @property
    def agrees(self) -> bool:
        return self.stored == self.counted


async def of(session: AsyncSession, subject_id: int) -> Counts:
    """The counts of one local actor; all 0, and not in the session, where nothing was counted yet."""
    found = await session.get(Counts, subject_id, populate_existing=True)
    return found or nothing(subject_id)


async def of_many(session: AsyncSession, subject_ids: Collection[int]) -> dict[int, Counts]:
    """The counts of several local actors by row key; every one asked for is in it."""
    rows = await session.scalars(select(Counts).where(Counts.subject_id.in_(subject_ids)))
    found = {row.subject_id: row for row in rows}
    return {subject_id: found.get(subject_id) or nothing(subject_id) for subject_id in subject_ids}


async def of_published(session: AsyncSession) -> dict[str, tuple[int, int]]:
    """The published campaigns by slug: their endorsements, and the signatures that were collected here."""
    rows = await session.execute(
        select(Campaign.slug, func.coalesce(Counts.endorsements, 0), func.coalesce(Coalition.signatures, 0))
        .outerjoin(Counts, Counts.subject_id == Campaign.actor_id)
        .outerjoin(Coalition, Coalition.campaign_id == Campaign.id)
        .where(Campaign.state == "published")
        .order_by(Campaign.slug)
    )
    return {slug: (endorsements, signatures) for slug, endorsements, signatures in rows}


def nothing(subject_id: int) -> Counts:
    """Counts of 0 for a subject that has no row, and never changed."""
    return Counts(
        subject_id=subject_id,
        endorsements=0,
        shares=0,
        subscriptions=0,
        held=0,
        changed_at=EPOCH,
        announced_at=None,
    )


async def recount(session: AsyncSession) -> list[Recount]:
    """Every local actor's stored counts beside those that its registers give."""
    counting = and_(Register.present, ~Register.held)

    def number(kind: str) -> Case[int]:
        return case((and_(Register.kind == kind, counting), 1), else_=0)

    held = case((and_(Register.present, Register.held), 1), else_=0)
    counted = (
        select(
            Register.subject_id,
            func.sum(number("endorsement")).label("endorsements"),
            func.sum(number("share")).label("shares"),
            func.sum(number("subscription")).label("subscriptions"),
            func.sum(held).label("held"),
        )
        .group_by(Register.subject_id)
        .subquery()
    )
    rows = await session.execute(
        select(
            LocalActor.id,
            LocalActor.name,
            Counts.endorsements,
            Counts.shares,
            Counts.subscriptions,
            Counts.held,
            counted.c.endorsements,
            counted.c.shares,
            counted.c.subscriptions,
            counted.c.held,
        )
        .outerjoin(Counts, Counts.subject_id == LocalActor.id)
        .outerjoin(counted, counted.c.subject_id == LocalActor.id)
        .order_by(LocalActor.name)
    )
    return [
        Recount(
            subject_id,
            name,
            (int(e or 0), int(s or 0), int(f or 0), int(h or 0)),
            (int(ce or 0), int(cs or 0), int(cf or 0), int(ch or 0)),
        )
        for subject_id, name, e, s, f, h, ce, cs, cf, ch in rows
    ]


async def replace(session: AsyncSession, recounted: Collection[Recount], *, now: datetime) -> None:
    """Moves the counts of these subjects by what they were off at one moment: others may go on."""
    moves = {
        each.subject_id: {
            column: right - kept
            for column, right, kept in zip(COLUMNS, each.counted, each.stored, strict=True)
        }
        for each in recounted
    }
    await move(session, moves, now)


async def lock(session: AsyncSession, *, alone: bool) -> None:
    """Lets other writers of registers go on beside this transaction, or none until it ends (`alone`).

    Words that name their registers go on together: registers.put finds out when two of them meet. Who reads
    more registers than it names must be alone. Ask once, before anything else is locked. SQLite has one
    writer anyway.
    """
    if batches.dialect_of(session) == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        await session.execute(select(lock(COUNTING)))


async def move(session: AsyncSession, moves: Mapping[int, Mapping[str, int]], now: datetime) -> None:
    """Adds to the counts of each subject what its counters say, by column name.

    For these rows all processes wait: move them late in a transaction.
    """
    rows = [
        [subject, to_milliseconds(now), *(moved.get(column, 0) for column in COLUMNS)]
        # In one order, so that nobody waits for each other.
        for subject, moved in sorted(moves.items())
        if any(moved.values())
    ]
    if not rows:
        return
    await batches.put(session, _move(batches.dialect_of(session)), rows)


@cache
def _move(dialect: str) -> Any:
    kinds: dict[str, batches.Kind] = dict.fromkeys(("subject_id", "changed_at", *COLUMNS), int)
    statement = batches.insert_rows(dialect, Counts, kinds)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["subject_id"],
        set_={"changed_at": new.changed_at}
        | {column: getattr(Counts, column) + new[column] for column in COLUMNS},
    )

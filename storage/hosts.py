"""Other servers: what they run, which signatures they take, whether they answer."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct
from sqlalchemy import and_, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import UtcTime, to_milliseconds
from storage.models import Host

Scheme = Literal["cavage", "rfc9421"]


class State(Struct, frozen=True):
    """How often in a row a host has failed, and when its last answer was noted."""

    failures: int
    last_answer_at: datetime | None

    def is_silent_since(self, moment: datetime) -> bool:
        return self.last_answer_at is None or self.last_answer_at < moment


class Failure(Struct, frozen=True):
    """A host that did not answer: how often in a row, until when it is left alone, what went wrong.

    `why`: in a word; the status of its answer where there was one.
    """

    name: str
    failures: int
    paused_until: datetime | None
    error: str
    why: str


async def ensure(session: AsyncSession, names: Iterable[str], now: datetime) -> None:
    """Adds those of these hosts that have no row."""
    rows = [[name, to_milliseconds(now), 0] for name in sorted(set(names))]
    if rows:
        columns: dict[str, batches.Kind] = {"name": str, "first_seen_at": int, "failures": int}
        await session.execute(
            batches.insert_rows(batches.dialect_of(session), Host, columns, rows).on_conflict_do_nothing()
        )


async def ids(session: AsyncSession, names: Iterable[str], now: datetime) -> dict[str, int]:
    """The row keys of these hosts by name; those that have none get one."""
    names = sorted(set(names))
    await ensure(session, names, now)
    rows = await batches.gather(session, select(Host.name, Host.id).where(Host.name.in_(names)))
    return dict(rows)


async def under(session: AsyncSession, name: str) -> list[int]:
    """The rows of a host and of its subdomains."""
    below = Host.name.endswith(f".{name}", autoescape=True)
    return list(await session.scalars(select(Host.id).where(or_(Host.name == name, below))))


async def schemes(session: AsyncSession) -> dict[str, Scheme]:
    """The signature scheme that each host is known to take."""
    rows = await batches.gather(session, select(Host.name, Host.scheme).where(Host.scheme.is_not(None)))
    return dict(rows)


async def put_schemes(session: AsyncSession, schemes: Mapping[str, str]) -> None:
    """Remembers the signature scheme that hosts took."""
    given = batches.table(
        batches.dialect_of(session), "given", {"name": str, "scheme": str}, list(map(list, schemes.items()))
    )
    await session.execute(
        update(Host)
        .where(Host.name == given.c.name)
        .values(scheme=given.c.scheme)
        .execution_options(synchronize_session=False)
    )


async def put_software(session: AsyncSession, software: dict[str, str | None], now: datetime) -> None:
    """Remembers what hosts run by their NodeInfo; None where they don't say."""
    given = batches.table(
        batches.dialect_of(session),
        "given",
        {"name": str, "software": str},
        list(map(list, software.items())),
    )
    await session.execute(
        update(Host)
        .where(Host.name == given.c.name)
        .values(software=given.c.software, software_checked_at=now)
        .execution_options(synchronize_session=False)
    )


async def unasked(
    session: AsyncSession, host_ids: Collection[int], *, before: datetime, limit: int
) -> list[str]:
    """Those of these hosts that were not asked since `before` what they run, and that do answer."""
    given = batches.table(batches.dialect_of(session), "given", {"id": int}, [[each] for each in host_ids])
    rows = await session.scalars(
        select(Host.name)
        .join(given, given.c.id == Host.id)
        .where(or_(Host.software_checked_at.is_(None), Host.software_checked_at < before), Host.failures == 0)
        .order_by(Host.id)
        .limit(limit)
    )
    return list(rows)


async def states(session: AsyncSession, names: Collection[str]) -> dict[str, State]:
    """How these hosts are doing, and nobody else changes that meanwhile; one without a row as if new."""
    rows = await session.execute(
        select(Host.name, Host.failures, Host.last_answer_at)
        .where(Host.name.in_(names))
        # In one order for all processes: two that judge the same hosts wait for each other only one way.
        .order_by(Host.name)
        .with_for_update(key_share=True)
    )
    found = {name: State(failures, last_answer_at) for name, failures, last_answer_at in rows}
    return {name: found.get(name, State(0, None)) for name in names}


async def lately(session: AsyncSession, *, limit: int) -> list[str]:
    """The hosts that answered last, and do so still."""
    rows = await session.scalars(
        select(Host.name)
        .where(Host.last_answer_at.is_not(None), Host.failures == 0)
        .order_by(Host.last_answer_at.desc())
        .limit(limit)
    )
    return list(rows)


async def put_failures(session: AsyncSession, failed: Collection[Failure], now: datetime) -> None:
    """Notes what these hosts have come to."""
    if not failed:
        return
    given = batches.table(
        batches.dialect_of(session),
        "given",
        {"name": str, "failures": int, "paused_until": int, "error": str, "why": str},
        [
            [
                each.name,
                each.failures,
                each.paused_until and to_milliseconds(each.paused_until),
                each.error,
                each.why,
            ]
            for each in failed
        ],
    )
    await session.execute(
        update(Host)
        .where(Host.name == given.c.name)
        .values(
            failures=given.c.failures,
            paused_until=given.c.paused_until,
            last_error=given.c.error,
            why=given.c.why,
            failing_since=func.coalesce(Host.failing_since, literal(now, UtcTime)),
        )
        .execution_options(synchronize_session=False)
    )


async def pause(session: AsyncSession, pauses: dict[str, datetime]) -> None:
    """Leaves hosts alone for as long as they asked, without holding it against them."""
    if not pauses:
        return
    given = batches.table(
        batches.dialect_of(session),
        "given",
        {"name": str, "until": int},
        [[name, to_milliseconds(until)] for name, until in pauses.items()],
    )
    await session.execute(
        update(Host)
        .where(Host.name == given.c.name)
        .values(paused_until=given.c.until)
        .execution_options(synchronize_session=False)
    )


async def hurry(session: AsyncSession, name: str | None) -> list[str]:
    """Ends the pause of a host that has failed, or of every such one; returns their names."""
    failed = Host.failures > 0
    done = await session.scalars(
        update(Host)
        .where(failed if name is None else and_(failed, Host.name == name))
        .values(paused_until=None)
        .returning(Host.name)
        .execution_options(synchronize_session=False)
    )
    return list(done)


async def paused(session: AsyncSession, now: datetime) -> int:
    """How many hosts are left alone for a while, because they do not answer or asked for it."""
    count = await session.scalar(select(func.count()).where(Host.paused_until > now))
    return count or 0


async def put_answers(session: AsyncSession, names: Collection[str], now: datetime) -> None:
    """Notes that these hosts answer."""
    if names:
        await session.execute(
            update(Host)
            .where(Host.name.in_(names))
            .values(
                failures=0,
                paused_until=None,
                last_error=None,
                why=None,
                failing_since=None,
                last_answer_at=now,
            )
            .execution_options(synchronize_session=False)
        )

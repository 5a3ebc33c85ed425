"""The last signed word of each remote actor on each subject, and the ids that are void."""

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.columns import to_milliseconds
from storage.database import Met
from storage.models import Actor, Host, LocalActor, Register, Void, Wave


class Key(Struct, frozen=True, order=True):
    """Whose word on what."""

    subject_id: int
    kind: str
    actor_id: int


class Stand(Struct, frozen=True):
    """A register's value; `signed_at` in milliseconds since 1970, `uris` of what said yes, the last first."""

    present: bool
    held: bool
    signed_at: int
    uris: tuple[str, ...]


# Of the bare tables: what goes through models costs each statement a detour through the object mapper.
_REGISTERS = Register.__table__.c
_VOIDS = Void.__table__.c
_COLUMNS = (
    _REGISTERS.subject_id,
    _REGISTERS.kind,
    _REGISTERS.actor_id,
    _REGISTERS.present,
    _REGISTERS.held,
    _REGISTERS.signed_at,
    _REGISTERS.activity_uri,
    _REGISTERS.earlier_uris,
)


@cache
def _select_of_actors(dialect: str) -> Select[tuple[Any]]:
    given = batches.source(dialect, "given", {"actor_id": int})
    return batches.gathering(dialect, select(*_COLUMNS).join(given, given.c.actor_id == _REGISTERS.actor_id))


@cache
def _select_by_keys(dialect: str) -> Select[tuple[Any]]:
    given = batches.source(dialect, "given", {"subject_id": int, "kind": str, "actor_id": int})
    found = select(*_COLUMNS).join(
        given,
        and_(
            given.c.subject_id == _REGISTERS.subject_id,
            given.c.kind == _REGISTERS.kind,
            given.c.actor_id == _REGISTERS.actor_id,
        ),
    )
    if dialect == "postgresql":
        # Nobody else changes them until the commit, and locks them in another order.
        key = (_REGISTERS.subject_id, _REGISTERS.kind, _REGISTERS.actor_id)
        found = found.order_by(*key).with_for_update(of=Register.__table__, key_share=True)
    return batches.gathering(dialect, found)


async def of_actors(session: AsyncSession, actor_ids: Iterable[int]) -> dict[Key, Stand]:
    """All that these actors have said."""
    return await _read(session, _select_of_actors, [[actor] for actor in set(actor_ids)])


async def by_keys(session: AsyncSession, keys: Iterable[Key]) -> dict[Key, Stand]:
    """What these registers hold; those that there are. They are ours to change until the transaction ends."""
    given = [[key.subject_id, key.kind, key.actor_id] for key in set(keys)]
    return await _read(session, _select_by_keys, given)


async def _read(
    session: AsyncSession, query: Callable[[str], Select[tuple[Any]]], given: Sequence[Sequence[Any]]
) -> dict[Key, Stand]:
    if not given:
        return {}
    rows = await batches.gathered(
        session, query(batches.dialect_of(session)), {"given": batches.packed(given)}
    )
    return {
        Key(subject, kind, actor): Stand(
            bool(present),
            bool(held),
            signed_at,
            ((uri,) if uri else ()) + (tuple(json.loads(earlier)) if earlier else ()),
        )
        for subject, kind, actor, present, held, signed_at, uri, earlier in rows
    }


def _rows(dialect: str) -> Any:
    return batches.insert_rows(
        dialect,
        Register,
        {
            "subject_id": int,
            "kind": str,
            "actor_id": int,
            "present": bool,
            "held": bool,
            "signed_at": int,
            "activity_uri": str,
            "earlier_uris": str,
        },
    )


@cache
def _put(dialect: str) -> Any:
    statement = _rows(dialect)
    told = ("present", "held", "signed_at", "activity_uri", "earlier_uris")
    return statement.on_conflict_do_update(
        index_elements=["subject_id", "kind", "actor_id"],
        set_={column: statement.excluded[column] for column in told},
    )


@cache
def _add() -> Any:
    """Of PostgreSQL, where others write beside us; its only value says how many rows there were none of."""
    statement = _rows("postgresql").on_conflict_do_nothing().returning(_REGISTERS.actor_id).cte("added")
    return select(func.count()).select_from(statement)


async def put(session: AsyncSession, stands: Mapping[Key, Stand], known: Container[Key]) -> None:
    """Writes these registers, those `known` over what was read of them in this transaction.

    Raises database.Met where one that was not there is there now.
    """
    dialect = batches.dialect_of(session)
    if dialect == "postgresql":
        new = {key: stand for key, stand in sorted(stands.items()) if key not in known}
        added = await session.scalar(_add(), {"given": batches.packed(_packed(new))}) if new else 0
        if added != len(new):
            raise Met("the first words of one actor came to two processes")
        stands = {key: stand for key, stand in stands.items() if key not in new}
    if stands:
        await batches.put(session, _put(dialect), _packed(stands))


def _packed(stands: Mapping[Key, Stand]) -> list[list[Any]]:
    return [
        [
            key.subject_id,
            key.kind,
            key.actor_id,
            stand.present,
            stand.held,
            stand.signed_at,
            stand.uris[0] if stand.uris else None,
            json.dumps(stand.uris[1:]) if stand.uris[1:] else None,
        ]
        for key, stand in stands.items()
    ]


@cache
def _select_voids(dialect: str) -> Select[tuple[Any]]:
    given = batches.source(dialect, "given", {"actor_id": int})
    return batches.gathering(
        dialect,
        select(_VOIDS.actor_id, _VOIDS.activity_uri, _VOIDS.signed_at).join(
            given, given.c.actor_id == _VOIDS.actor_id
        ),
    )


async def voids_of(session: AsyncSession, actor_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    """The void ids of these actors, with the time (milliseconds) of the word that voided each."""
    rows = await batches.gathered(
        session,
        _select_voids(batches.dialect_of(session)),
        {"given": batches.packed([[actor] for actor in set(actor_ids)])},
    )
    return {(actor, uri): signed_at for actor, uri, signed_at in rows}


async def add_voids(session: AsyncSession, voids: dict[tuple[int, str], int], expires_at: datetime) -> None:
    if not voids:
        return
    statement = batches.insert_rows(
        batches.dialect_of(session),
        Void,
        {"actor_id": int, "activity_uri": str, "signed_at": int, "expires_at": int},
        [[actor, uri, signed_at, to_milliseconds(expires_at)] for (actor, uri), signed_at in voids.items()],
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["actor_id", "activity_uri"],
            set_={"signed_at": statement.excluded.signed_at, "expires_at": statement.excluded.expires_at},
        )
    )


async def spend_voids(session: AsyncSession, voids: Sequence[tuple[int, str]]) -> None:
    """Takes away voids that have had their effect."""
    for actor_id, uri in voids:
        await session.execute(delete(Void).where(Void.actor_id == actor_id, Void.activity_uri == uri))


@cache
def _add_waves(dialect: str) -> Any:
    statement = batches.insert_rows(dialect, Wave, {"host_id": int, "hour": int, "endorsers": int})
    counted = Wave.__table__.c
    return statement.on_conflict_do_update(
        index_elements=["host_id", "hour"],
        set_={"endorsers": counted.endorsers + statement.excluded.endorsers},
    ).returning(counted.host_id, counted.endorsers)


async def add_waves(session: AsyncSession, more: Mapping[int, int], hour: int) -> dict[int, int]:
    """Counts so many first endorsements more of each host; how many there are in this hour (since 1970)."""
    rows = [[host, hour, number] for host, number in sorted(more.items())]
    counted = await batches.put_returning(session, _add_waves(batches.dialect_of(session)), rows)
    return {host: number for host, number in counted}  # noqa: C416 - rows are no pairs to the checker


async def purge(session: AsyncSession, now: datetime, hour: int) -> None:
    """Forgets voids that have expired and the waves of earlier hours."""
    await session.execute(delete(Void).where(Void.expires_at < now))
    await session.execute(delete(Wave).where(Wave.hour < hour - 24))


async def held_by_host(session: AsyncSession) -> list[tuple[int, int, int]]:
    """Held endorsements as (host id, subject id, number)."""
    rows = await session.execute(
        select(Actor.host_id, Register.subject_id, func.count())
        .join(Actor, Actor.id == Register.actor_id)
        .where(Register.held, Register.present)
        .group_by(Actor.host_id, Register.subject_id)
    )
    return [(host, subject, number) for host, subject, number in rows]


async def release(session: AsyncSession, host_ids: Sequence[int]) -> None:
    """Lets the held endorsements of these hosts count."""
    await session.execute(
        update(Register)
        .where(Register.held, Register.actor_id.in_(select(Actor.id).where(Actor.host_id.in_(host_ids))))
        .values(held=False)
    )


async def withdraw_hosts(session: AsyncSession, host_ids: Sequence[int], now: datetime) -> int:
    """Withdraws every word from these hosts, as of now; returns how many there were."""
    result = await session.execute(
        update(Register)
        .where(Register.present, Register.actor_id.in_(select(Actor.id).where(Actor.host_id.in_(host_ids))))
        .values(present=False, held=False, signed_at=now)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


class Boost(Struct, frozen=True):
    """A share, and what can be asked whether it still stands."""

    key: Key
    host_id: int
    software: str | None
    activity_uri: str


async def shares_to_check(session: AsyncSession, before: datetime, limit: int) -> list[Boost]:
    """Shares that nobody has looked at since `before`."""
    rows = await session.execute(
        select(Register.subject_id, Register.actor_id, Actor.host_id, Host.software, Register.activity_uri)
        .join(Actor, Actor.id == Register.actor_id)
        .join(Host, Host.id == Actor.host_id)
        # By subject too: then the primary key leads there, past however many endorsements.
        .where(Register.subject_id.in_(select(LocalActor.id)), Register.kind == "share", Register.present)
        .where(func.coalesce(Register.checked_at, Register.signed_at) < before)
        .limit(limit)
    )
    return [
        Boost(Key(subject, "share", actor), host, software, uri)
        for subject, actor, host, software, uri in rows
        if uri is not None
    ]


async def checked(session: AsyncSession, boosts: Sequence[Boost], now: datetime) -> None:
    given = batches.table(
        batches.dialect_of(session), "given", {"subject_id": int, "actor_id": int},
        [[boost.key.subject_id, boost.key.actor_id] for boost in boosts],
    )  # fmt: skip
    await session.execute(
        update(Register)
        .where(
            Register.subject_id == given.c.subject_id,
            Register.kind == "share",
            Register.actor_id == given.c.actor_id,
        )
        .values(checked_at=now)
        .execution_options(synchronize_session=False)
    )

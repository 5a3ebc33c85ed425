"""The actors of other servers and their keys."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, hosts, notices
from storage.columns import to_milliseconds
from storage.models import Actor, ActorKey, Host


class Description(Struct, frozen=True):
    """What an actor says of itself; `keys` are (keyId, public key in PEM)."""

    uri: str
    host: str
    type: str
    handle: str
    name: str
    url: str | None
    inbox: str
    shared_inbox: str | None
    moved_to: str | None
    keys: tuple[tuple[str, str], ...]


class Known(Struct, frozen=True):
    """An actor that we have a row for; `gone_at` in milliseconds since 1970."""

    id: int
    host_id: int
    uri: str
    host: str
    type: str
    gone_at: int | None


class Recorded(NamedTuple):
    """A key: its owner, itself in PEM, and when it was fetched (milliseconds since 1970)."""

    owner: Known
    pem: str
    fetched_at: int


_KNOWN = (Actor.id, Actor.host_id, Actor.uri, Host.name, Actor.type, Actor.gone_at)


@cache
def _select_by_keys(dialect: str) -> Select[tuple[Any]]:
    given = batches.source(dialect, "given", {"key_uri": str})
    return batches.gathering(
        dialect,
        select(ActorKey.key_uri, ActorKey.public_pem, ActorKey.fetched_at, *_KNOWN)
        .join(given, given.c.key_uri == ActorKey.key_uri)
        .join(Actor, Actor.id == ActorKey.actor_id)
        .join(Host, Host.id == Actor.host_id),
    )


async def by_keys(session: AsyncSession, key_uris: Iterable[str]) -> dict[str, Recorded]:
    given = {"given": batches.packed([[key_uri] for key_uri in key_uris])}
    rows = await batches.gathered(session, _select_by_keys(batches.dialect_of(session)), given)
    return {key_uri: Recorded(Known(*known), pem, fetched_at) for key_uri, pem, fetched_at, *known in rows}


async def by_uris(session: AsyncSession, uris: Iterable[str]) -> dict[str, Known]:
    given = batches.table(batches.dialect_of(session), "given", {"uri": str}, [[uri] for uri in set(uris)])
    rows = await batches.gather(
        session,
        select(*_KNOWN).join(Host, Host.id == Actor.host_id).join(given, given.c.uri == Actor.uri),
    )
    return {row[2]: Known(*row) for row in rows}


async def remember(
    session: AsyncSession, descriptions: Sequence[Description], now: datetime
) -> dict[str, Known]:
    """Stores what these actors say of themselves, over what they said before; by URI.

    An actor that was gone and answers again is here again.
    """
    by_uri = {each.uri: each for each in descriptions}
    dialect, moment = batches.dialect_of(session), to_milliseconds(now)
    host_ids = await hosts.ids(session, {each.host for each in by_uri.values()}, now)
    statement = batches.insert_rows(
        dialect,
        Actor,
        {
            "uri": str,
            "host_id": int,
            "type": str,
            "handle": str,
            "name": str,
            "url": str,
            "inbox": str,
            "shared_inbox": str,
            "moved_to": str,
            "first_seen_at": int,
            "fetched_at": int,
        },
        [
            [
                e.uri,
                host_ids[e.host],
                e.type,
                e.handle,
                e.name,
                e.url,
                e.inbox,
                e.shared_inbox,
                e.moved_to,
                moment,
                moment,
            ]
            for _, e in sorted(by_uri.items())
        ],
    )
    told = ("type", "handle", "name", "url", "inbox", "shared_inbox", "moved_to", "fetched_at")
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["uri"],
            set_={column: statement.excluded[column] for column in told} | {"gone_at": None},
        )
    )
    known = await by_uris(session, by_uri)
    await _replace_keys(session, {known[uri].id: each.keys for uri, each in by_uri.items()}, moment)
    return known


async def _replace_keys(
    session: AsyncSession, keys: dict[int, tuple[tuple[str, str], ...]], moment: int
) -> None:
    owners = batches.table(
        batches.dialect_of(session), "owners", {"actor_id": int}, [[actor_id] for actor_id in keys]
    )
    had = await session.execute(
        delete(ActorKey)
        .where(ActorKey.actor_id.in_(select(owners.c.actor_id)))
        .returning(ActorKey.actor_id, ActorKey.key_uri, ActorKey.public_pem)
        .execution_options(synchronize_session=False)
    )
    for actor_id in sorted({actor for actor, uri, pem in had if (uri, pem) not in keys[actor]}):
        await changed(session, actor_id)
    rows = [[uri, actor_id, pem, moment] for actor_id, listed in keys.items() for uri, pem in listed]
    if not rows:
        return
    statement = batches.insert_rows(
        batches.dialect_of(session),
        ActorKey,
        {"key_uri": str, "actor_id": int, "public_pem": str, "fetched_at": int},
        rows,
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["key_uri"],
            set_={
                "actor_id": statement.excluded.actor_id,
                "public_pem": statement.excluded.public_pem,
                "fetched_at": statement.excluded.fetched_at,
            },
        )
    )


async def depart(session: AsyncSession, actor_id: int, at: datetime) -> None:
    """Marks an actor as gone and forgets what it said of itself; its key stays for the last Undo to come."""
    await session.execute(
        update(Actor)
        .where(Actor.id == actor_id)
        .values(gone_at=at, handle="", name="", url=None)
        .execution_options(synchronize_session=False)
    )
    await changed(session, actor_id)


async def changed(session: AsyncSession, actor_id: int) -> None:
    """Has every process forget what it remembers of an actor and its keys."""
    await notices.post(session, "actor", str(actor_id))


async def move(session: AsyncSession, actor_id: int, target: str) -> None:
    await session.execute(
        update(Actor)
        .where(Actor.id == actor_id)
        .values(moved_to=target)
        .execution_options(synchronize_session=False)
    )


async def inbox(session: AsyncSession, actor_id: int) -> str | None:
    """The actor's own inbox, for what concerns it alone."""
    return await session.scalar(select(Actor.inbox).where(Actor.id == actor_id))


async def name(session: AsyncSession, actor_id: int) -> str:
    """The actor's display name, else its user name."""
    found = await session.scalar(
        select(func.coalesce(func.nullif(Actor.name, ""), Actor.handle)).where(Actor.id == actor_id)
    )
    return found or ""


async def endorsers_to_check(session: AsyncSession, before: datetime, limit: int) -> list[str]:
    """The URIs of actors, not known to be gone, whose server nobody has asked about them since `before`."""
    return list(
        await session.scalars(
            select(Actor.uri)
            .where(Actor.fetched_at < before, Actor.gone_at.is_(None))
            .order_by(Actor.fetched_at)
            .limit(limit)
        )
    )


async def checked(session: AsyncSession, uris: Sequence[str], now: datetime) -> None:
    """Notes that these were asked about, whatever the answer."""
    await session.execute(
        update(Actor)
        .where(Actor.uri.in_(uris))
        .values(fetched_at=now)
        .execution_options(synchronize_session=False)
    )

"""Public replies from the fediverse, and whether they are shown."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, pages
from storage.models import Actor, Campaign, Host, Testimony
from storage.pages import Asked, Page


class Shown(Struct, frozen=True):
    """A testimony with its author, as pages and moderators see it."""

    id: int
    campaign: str
    state: str
    html: str
    url: str
    author_name: str
    author_handle: str
    author_host: str
    author_url: str
    published_at: datetime


class Standing(Struct, frozen=True):
    """A testimony, and what can be asked whether it still stands."""

    id: int
    actor_id: int
    note_uri: str


async def to_check(session: AsyncSession, before: datetime, limit: int) -> list[Standing]:
    """Testimonies, shown or waiting, that nobody has looked at since `before`."""
    rows = await session.execute(
        select(Testimony.id, Testimony.actor_id, Testimony.note_uri)
        .where(Testimony.state.in_(("pending", "allowed")))
        .where(func.coalesce(Testimony.checked_at, Testimony.received_at) < before)
        .limit(limit)
    )
    return [Standing(*row) for row in rows]


async def checked(session: AsyncSession, found: Sequence[Standing], now: datetime) -> None:
    await session.execute(
        update(Testimony)
        .where(Testimony.id.in_([each.id for each in found]))
        .values(checked_at=now)
        .execution_options(synchronize_session=False)
    )


async def put(
    session: AsyncSession,
    *,
    campaign_id: int,
    actor_id: int,
    note_uri: str,
    in_reply_to: str,
    url: str | None,
    html: str,
    published_at: datetime,
    signed_at: datetime,
    now: datetime,
) -> None:
    """Stores a reply, or its newer text: that waits for a moderator again. A deleted one stays deleted."""
    row = await session.scalar(select(Testimony).where(Testimony.note_uri == note_uri))
    if row is None:
        await session.execute(
            batches.insert(batches.dialect_of(session), Testimony)
            .values(
                campaign_id=campaign_id,
                actor_id=actor_id,
                note_uri=note_uri,
                in_reply_to=in_reply_to,
                url=url,
                html=html,
                state="pending",
                published_at=published_at,
                signed_at=signed_at,
                received_at=now,
                checked_at=now,
            )
            .on_conflict_do_nothing()
        )
        return
    if row.actor_id != actor_id or signed_at <= row.signed_at or row.state == "deleted":
        return
    if row.html != html and row.state == "allowed":
        row.state = "pending"
    row.html, row.url, row.signed_at, row.checked_at = html, url, signed_at, now
    await session.flush()


async def retract(session: AsyncSession, actor_id: int, note_uri: str, signed_at: datetime) -> bool:
    """Forgets the text of a reply that its author deleted; False where there is no such reply."""
    found = await session.scalar(
        update(Testimony)
        .where(Testimony.note_uri == note_uri, Testimony.actor_id == actor_id)
        .values(state="deleted", html="", url=None, signed_at=signed_at)
        .returning(Testimony.id)
        .execution_options(synchronize_session=False)
    )
    return found is not None


async def retract_all(session: AsyncSession, actor_id: int, signed_at: datetime) -> None:
    """Forgets whatever this actor wrote."""
    await session.execute(
        update(Testimony)
        .where(Testimony.actor_id == actor_id)
        .values(state="deleted", html="", url=None, signed_at=signed_at)
        .execution_options(synchronize_session=False)
    )


async def campaign_of(session: AsyncSession, note_uri: str) -> int | None:
    """The campaign under which this reply stands, so that an answer to it stands there too."""
    return await session.scalar(select(Testimony.campaign_id).where(Testimony.note_uri == note_uri))


async def set_state(session: AsyncSession, testimony_id: int, state: str) -> bool:
    """Whether there was such a testimony to show or hide; a deleted one is none."""
    found = await session.scalar(
        update(Testimony)
        .where(Testimony.id == testimony_id, Testimony.state != "deleted")
        .values(state=state)
        .returning(Testimony.id)
        .execution_options(synchronize_session=False)
    )
    return found is not None


async def set_states(session: AsyncSession, testimony_ids: Collection[int], state: str) -> int:
    """Shows or hides these; returns how many there were. Deleted ones are none."""
    decided = 0
    for part in batches.parts(testimony_ids):
        found = await session.scalars(
            update(Testimony)
            .where(Testimony.id.in_(part), Testimony.state != "deleted")
            .values(state=state)
            .returning(Testimony.id)
            .execution_options(synchronize_session=False)
        )
        decided += len(found.all())
    return decided


async def hide_of(
    session: AsyncSession, *, host_ids: Collection[int] = (), actor_id: int | None = None
) -> int:
    """Hides all that was written on these hosts, or by this actor; returns how many were shown or waited."""
    authors = select(Actor.id).where(
        Actor.host_id.in_(host_ids) if actor_id is None else Actor.id == actor_id
    )
    found = await session.scalars(
        update(Testimony)
        .where(Testimony.actor_id.in_(authors), Testimony.state.in_(("pending", "allowed")))
        .values(state="hidden")
        .returning(Testimony.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())


async def page(session: AsyncSession, state: str, asked: Asked, limit: int) -> Page[Shown]:
    """Those in this state, the newest first."""
    query = _with_authors().where(Testimony.state == state)
    found = await pages.rows(session, query, Testimony.id, asked, limit)
    return Page([_seen(*row[1:]) for row in found.items], found.older, found.newer)


async def by_notes(session: AsyncSession, note_uris: Collection[str]) -> dict[str, Shown]:
    """Those that these Notes are, by URI; deleted ones are none."""
    found: dict[str, Shown] = {}
    for part in batches.parts(note_uris):
        rows = await session.execute(
            _with_authors().where(Testimony.note_uri.in_(part), Testimony.state != "deleted")
        )
        found |= {row[1].note_uri: _seen(*row[1:]) for row in rows}
    return found


async def allowed(session: AsyncSession, campaign_id: int, limit: int = 50) -> list[Shown]:
    """What the page shows: newest first."""
    return await _shown(session, limit, Testimony.campaign_id == campaign_id, Testimony.state == "allowed")


async def waiting(session: AsyncSession, limit: int = 200) -> list[Shown]:
    """What a moderator has not yet decided: newest first."""
    return await _shown(session, limit, Testimony.state == "pending")


async def _shown(session: AsyncSession, limit: int, *conditions: ColumnElement[bool]) -> list[Shown]:
    rows = await session.execute(
        _with_authors().where(*conditions).order_by(Testimony.published_at.desc()).limit(limit)
    )
    return [_seen(*row[1:]) for row in rows]


def _with_authors() -> Select[*tuple[Any, ...]]:
    return (
        select(Testimony.id, Testimony, Actor, Host.name, Campaign.slug)
        .join(Actor, Actor.id == Testimony.actor_id)
        .join(Host, Host.id == Actor.host_id)
        .join(Campaign, Campaign.id == Testimony.campaign_id)
    )


def _seen(testimony: Testimony, actor: Actor, host: str, slug: str) -> Shown:
    return Shown(
        id=testimony.id,
        campaign=slug,
        state=testimony.state,
        html=testimony.html,
        url=testimony.url or testimony.note_uri,
        author_name=actor.name or actor.handle,
        author_handle=actor.handle,
        author_host=host,
        author_url=actor.url or actor.uri,
        published_at=testimony.published_at,
    )

"""Replies from the fediverse as a debate: who answers whom, among those that moderators allowed."""

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage import batches, pages
from storage.models import Testimony
from storage.pages import Asked, Page


class Said(Struct, frozen=True):
    """A reply by its row key and URI, and the URI to which it answers."""

    id: int
    note_uri: str
    in_reply_to: str


async def openings(session: AsyncSession, campaign_id: int, asked: Asked, limit: int) -> Page[Said]:
    """Those that answer the call itself, or something that is not shown; the newest first."""
    parent = aliased(Testimony)
    shown_parent = exists().where(parent.note_uri == Testimony.in_reply_to, parent.state == "allowed")
    query = select(Testimony.id, Testimony.note_uri, Testimony.in_reply_to).where(
        Testimony.campaign_id == campaign_id, Testimony.state == "allowed", ~shown_parent
    )
    found = await pages.rows(session, query, Testimony.id, asked, limit)
    return Page([Said(*row) for row in found.items], found.older, found.newer)


async def answers(
    session: AsyncSession, campaign_id: int, note_uris: Collection[str], limit: int
) -> list[Said]:
    """What answers these, the oldest first."""
    found: list[Said] = []
    for part in batches.parts(note_uris):
        rows = await session.execute(
            select(Testimony.id, Testimony.note_uri, Testimony.in_reply_to)
            .where(
                Testimony.in_reply_to.in_(part),
                Testimony.campaign_id == campaign_id,
                Testimony.state == "allowed",
            )
            .order_by(Testimony.id)
            .limit(limit)
        )
        found += [Said(*row) for row in rows]
    return found[:limit]

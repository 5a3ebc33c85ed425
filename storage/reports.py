"""Flags: what somebody asks a moderator to look at."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, pages
from storage.models import Actor, Host
from storage.moderation_models import Report
from storage.pages import Asked, Page


class Open(Struct, frozen=True):
    """A report that nobody has handled; `host` is the server that it came from."""

    id: int
    host: str
    objects: list[str]
    content: str
    received_at: datetime


async def add(
    session: AsyncSession, *, actor_id: int, objects: Sequence[str], content: str, now: datetime
) -> None:
    session.add(
        Report(actor_id=actor_id, objects=json.dumps(list(objects)), content=content, received_at=now)
    )
    await session.flush()


async def waiting(session: AsyncSession, limit: int = 200) -> list[Open]:
    rows = await session.execute(
        select(Report, Host.name)
        .join(Actor, Actor.id == Report.actor_id)
        .join(Host, Host.id == Actor.host_id)
        .where(Report.handled_at.is_(None))
        .order_by(Report.id.desc())
        .limit(limit)
    )
    return [
        Open(report.id, host, json.loads(report.objects), report.content, report.received_at)
        for report, host in rows
    ]


async def page(session: AsyncSession, asked: Asked, limit: int, *, is_handled: bool) -> Page[Open]:
    """Those that nobody has handled yet, or the others; the newest first."""
    query = (
        select(Report.id, Report, Host.name)
        .join(Actor, Actor.id == Report.actor_id)
        .join(Host, Host.id == Actor.host_id)
        .where(Report.handled_at.is_not(None) if is_handled else Report.handled_at.is_(None))
    )
    found = await pages.rows(session, query, Report.id, asked, limit)
    return Page(
        [
            Open(report.id, host, json.loads(report.objects), report.content, report.received_at)
            for _, report, host in found.items
        ],
        found.older,
        found.newer,
    )


async def handle(session: AsyncSession, report_ids: Collection[int], now: datetime) -> int:
    """Closes these; returns how many were open."""
    closed = 0
    for part in batches.parts(report_ids):
        found = await session.scalars(
            update(Report)
            .where(Report.id.in_(part), Report.handled_at.is_(None))
            .values(handled_at=now)
            .returning(Report.id)
            .execution_options(synchronize_session=False)
        )
        closed += len(found.all())
    return closed


async def handled(session: AsyncSession, report_id: int, now: datetime) -> bool:
    """Whether there was such a report, not handled yet."""
    found = await session.scalar(
        update(Report)
        .where(Report.id == report_id, Report.handled_at.is_(None))
        .values(handled_at=now)
        .returning(Report.id)
        .execution_options(synchronize_session=False)
    )
    return found is not None

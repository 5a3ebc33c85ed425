"""How the instance stands, read at one moment: queues, processes, disk, database, the last backup."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from fedicause.instance import Instance
from fedicause.watching import machine, reporting
from storage import counts, hosts, landmarks, processes, queues
from storage.queues import Standing


class Process(Struct, frozen=True):
    """A process of ours; its `report` as `reporting.report` makes it."""

    id: str
    role: str
    name: str
    version: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    is_alive: bool
    report: Mapping[str, Any]


class State(Struct, frozen=True):
    """`campaigns`: the published ones by slug, with their endorsements and the signatures collected here."""

    now: datetime
    queues: Mapping[str, Standing]
    given_up: int
    hosts_paused: int
    campaigns: Mapping[str, tuple[int, int]]
    processes: tuple[Process, ...]
    database_bytes: int
    disk_free: int
    disk_total: int
    backup_at: datetime | None


async def read(instance: Instance) -> State:
    """Raises SQLAlchemyError and OSError where the database does not answer."""
    now = instance.now()
    async with instance.database.reading() as session:
        standings = await queues.standings(session, now=now)
        given_up = await queues.given_up(session, now=now)
        paused = await hosts.paused(session, now)
        counted = await counts.of_published(session)
        backup_at = await landmarks.last(session, landmarks.BACKUP)
        rows = await processes.since(session, now - reporting.KEPT_FOR)
    free, total = machine.disk(instance.settings)
    return State(
        now,
        standings,
        given_up,
        paused,
        counted,
        tuple(
            Process(
                row.id,
                row.role,
                row.name,
                row.version,
                row.started_at,
                row.seen_at,
                row.ended_at,
                row.ended_at is None and abs(now - row.seen_at) < reporting.GONE_AFTER,
                json.loads(row.report),
            )
            for row in rows
        ),
        await instance.database.size(),
        free,
        total,
        backup_at,
    )

"""Keeps what the support was on each day, so that organisers see how it grew."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from fedicause import support
from fedicause.instance import Instance
from storage import campaigns, coalitions, foreign, history
from storage.history import Point
from storage.models import Campaign


async def keep(instance: Instance) -> None:
    """Notes today's numbers of every campaign that is shown here; the last ones of a day stay."""
    now = instance.now()
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with instance.database.reading() as session:
        ours = list(
            await session.scalars(select(Campaign).where(Campaign.state.in_(campaigns.PUBLIC_STATES)))
        )
        theirs = [listed.campaign for listed in await foreign.listed(session)]
        told = (
            (
                await coalitions.of_campaigns(session, [each.id for each in ours]),
                await support.of_campaigns(session, instance.urls, ours, now),
            ),
            (
                await coalitions.of_foreigns(session, [each.id for each in theirs]),
                await support.of_foreigns(session, instance.urls, theirs, now),
            ),
        )
    points = [
        _point(coalition_id, day, documents[campaign_id])
        for found, documents in told
        for campaign_id, coalition_id in found.items()
    ]
    async with instance.database.writing() as session:
        await history.put(session, points)


def _point(coalition_id: int, day: datetime, numbers: dict[str, Any]) -> Point:
    hosts = {host["host"]: host["signatures"] for host in numbers["hosts"]}
    return Point(
        coalition_id,
        day,
        numbers["endorsements"],
        numbers["signatures"],
        numbers["shares"],
        json.dumps(hosts, separators=(",", ":")),
    )

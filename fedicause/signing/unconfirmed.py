"""What waits to be confirmed, and for how long: then it is forgotten with all that was written."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from storage import people, pledges

REMINDED_AFTER: Final = timedelta(days=2)
FORGOTTEN_AFTER: Final = timedelta(days=14)
"""What is not confirmed by then was not meant."""
NETWORKS_KEPT_FOR: Final = timedelta(days=7)
DECLINED_FOR: Final = timedelta(days=90)
"""For how long nothing is written to somebody for whom another signed."""
IDLE_AFTER: Final = timedelta(days=1)


async def is_to_be_reminded_of(session: AsyncSession, now: datetime) -> bool:
    """Whether there is anything for `remind`."""
    return bool(await pledges.to_remind(session, now - REMINDED_AFTER, 1))


async def forget(session: AsyncSession, here: Here, limit: int) -> int:
    """Forgets what was not confirmed in time, in steps of so many rows; returns the most rows of one kind."""
    overdue = await pledges.overdue(session, here.now - FORGOTTEN_AFTER, limit)
    await pledges.forget(session, overdue)
    await pledges.forget_networks(session, here.now - NETWORKS_KEPT_FOR)
    await people.relent(session, here.now - DECLINED_FOR)
    await people.purge_doors(session, here.now)
    idle = await people.forget_idle(session, here.now - IDLE_AFTER, limit)
    return max(len(overdue), idle)

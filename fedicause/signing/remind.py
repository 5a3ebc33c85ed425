"""What waits to be confirmed: reminded of once, then forgotten with all that was written."""

from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import mail
from fedicause.here import Here
from fedicause.signing import answer, collecting
from storage import people, pledges

REMINDED_AFTER: Final = timedelta(days=2)
NETWORKS_KEPT_FOR: Final = timedelta(days=7)
DECLINED_FOR: Final = timedelta(days=90)
"""For how long nothing is written to somebody for whom another signed."""
IDLE_AFTER: Final = timedelta(days=1)


async def remind(session: AsyncSession, here: Here, limit: int) -> int:
    """Queues reminders for at most so many signatures; returns how many were looked at."""
    waiting = await pledges.to_remind(session, here.now - REMINDED_AFTER, limit)
    places = await collecting.of_coalitions(session, here, {each.coalition_id for each in waiting})
    drafts = []
    for each in waiting:
        left = (each.asked_at + answer.FORGOTTEN_AFTER - here.now).days
        if each.coalition_id in places and left > 0:
            drafts.append(
                answer.confirm(
                    here,
                    places[each.coalition_id],
                    kind="remind",
                    to=here.seal.open(each.address_sealed).decode(),
                    language=each.language,
                    person_id=each.person_id,
                    token=answer.link_token(here, each.coalition_id, each.item, each.asked_at),
                    days=left,
                )
            )
    await mail.queue_many(session, here, drafts)
    await pledges.reminded(session, [each.signature_id for each in waiting], here.now)
    return len(waiting)


async def forget(session: AsyncSession, here: Here, limit: int) -> int:
    """Forgets what was not confirmed in time, in steps of so many rows; returns the most rows of one kind."""
    overdue = await pledges.overdue(session, here.now - answer.FORGOTTEN_AFTER, limit)
    await pledges.forget(session, overdue)
    await pledges.forget_networks(session, here.now - NETWORKS_KEPT_FOR)
    await people.relent(session, here.now - DECLINED_FOR)
    await people.purge_doors(session, here.now)
    idle = await people.forget_idle(session, here.now - IDLE_AFTER, limit)
    return max(len(overdue), idle)

"""Reminds, once, of what waits to be confirmed."""

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import mail
from fedicause.here import Here
from fedicause.signing import answer, collecting
from fedicause.signing.unconfirmed import FORGOTTEN_AFTER, REMINDED_AFTER
from storage import pledges


async def remind(session: AsyncSession, here: Here, limit: int) -> int:
    """Queues reminders for at most so many signatures; returns how many were looked at."""
    waiting = await pledges.to_remind(session, here.now - REMINDED_AFTER, limit)
    places = await collecting.of_coalitions(session, here, {each.coalition_id for each in waiting})
    drafts = []
    for each in waiting:
        left = (each.asked_at + FORGOTTEN_AFTER - here.now).days
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

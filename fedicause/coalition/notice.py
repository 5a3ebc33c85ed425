"""What of all that arrives concerns coalitions, and what of that only says when to look again."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from federation import lazily, vocabulary
from fedicause.fediverse.interpret import Say
from fedicause.fediverse.weigh import Arrival
from fedicause.instance import Instance
from storage import revisits, sightings

# Said by organisations and campaigns, to each other.
_BETWEEN_US = frozenset({"Accept", "Reject", "Invite", "Remove"})
# Said to everybody: it may be about a campaign that we show.
_TO_ALL = frozenset({"Announce", "Create", "Update", "Delete"})


def concerns(arrival: Arrival) -> bool:
    """Whether an arrival may be anything to coalitions; costs next to nothing."""
    kind = arrival.activity.type
    if kind in ("Join", "Leave"):
        return arrival.sender.type == "Organization"
    return kind in _BETWEEN_US or (kind in _TO_ALL and not isinstance(arrival.meaning, Say))


async def record(session: AsyncSession, instance: Instance, arrival: Arrival, now: datetime) -> None:
    """Writes what an arrival says that `concerns` coalitions; what few say is loaded late."""
    activity = arrival.activity
    if activity.type in _TO_ALL and arrival.attested is None:
        await noticed(
            session, sender=arrival.sender.uri, type=activity.type, object_id=activity.object_id, now=now
        )
        return
    await lazily.load("fedicause.coalition.deal")
    from fedicause.coalition import deal  # noqa: PLC0415

    await deal.record(session, instance, arrival, now)


async def noticed(
    session: AsyncSession, *, sender: str, type: str, object_id: str | None, now: datetime
) -> bool:
    """Notes what a verified Announce, Create, Update or Delete means for copies; whether that is anything.

    Nothing is taken from the activity: it says when to look, and the origin what there is. One statement.
    """
    if type in ("Create", "Update"):
        return await revisits.changed(session, actor_uri=sender, now=now)
    if object_id is None:
        return False
    if type == "Delete":
        return await revisits.deleted(session, actor_uri=sender, object_uri=object_id, now=now)
    # A partner shares the calls of others too: those are for whoever follows the others.
    if type == "Announce" and vocabulary.same_host(object_id, sender):
        return await sightings.shared(session, actor_uri=sender, note_uri=object_id, now=now)
    return False

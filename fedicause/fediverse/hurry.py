"""An admin knows better: a server that did not answer is tried now, and not when its pause is over."""

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.moderate import Unknown
from storage import deliveries, hosts, notices


async def try_now(session: AsyncSession, here: Here, host: str | None) -> int:
    """Whatever waits for this server, or for all that did not answer, becomes due; returns how many they are.

    What they failed so far counts on: one delivery goes first, and the others once it has arrived. Raises
    Unknown where there is no such server.
    """
    names = await hosts.hurry(session, host)
    if not names:
        raise Unknown(host or "")
    await deliveries.hurry(session, names, here.now)
    await notices.post(session, "deliveries")
    return len(names)

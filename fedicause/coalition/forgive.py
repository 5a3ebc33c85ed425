"""What an admin decides about who has lied: to count them again, or that a sudden growth is in order."""

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.coalition import estimate
from fedicause.here import Here
from fedicause.publish import Impossible
from storage import coalitions, evidence, past_tallies
from storage.coalition_models import Evidence
from storage.partner_models import Jump


class NotFound(Impossible):
    """There is no such evidence or jump, or it was dealt with."""


async def lift(session: AsyncSession, here: Here, evidence_id: int) -> Evidence:
    """Counts the author of this evidence again, here; what was signed stays to be seen. Raises NotFound."""
    found = await evidence.by_id(session, evidence_id)
    if found is None:
        raise NotFound(f"There is no evidence e{evidence_id}: see `fedicause partner evidence`")
    if found.lifted_at is not None:
        raise NotFound(f"The evidence e{evidence_id} was lifted on {found.lifted_at:%-d %B %Y}")
    found.lifted_at = here.now
    await session.flush()
    coalition = await coalitions.locked(session, found.coalition_id)
    await estimate.reckon(session, coalition)
    return found


async def pass_over(session: AsyncSession, here: Here, jump_id: int) -> Jump:
    """Marks a jump as looked at. Raises NotFound."""
    found = await past_tallies.jump(session, jump_id)
    if found is None or found.handled_at is not None:
        raise NotFound(f"There is no jump j{jump_id} to be looked at: see `fedicause partner evidence`")
    found.handled_at = here.now
    return found

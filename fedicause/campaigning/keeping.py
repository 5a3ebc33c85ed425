"""For how long a campaign keeps who signed it."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from storage.models import Campaign

LONGEST: Final = 120
"""Months that a campaign may ask for."""


async def set_months(session: AsyncSession, slug: str, months: int | None) -> Campaign:
    """Sets for how long a campaign keeps who signed; None: as long as the instance does. Raises Unusable."""
    if months is not None and not 1 <= months <= LONGEST:
        raise fields.Unusable(f"must be between 1 and {LONGEST} months")
    campaign = await publish.find(session, slug)
    campaign.retention_months = months
    await session.flush()
    return campaign

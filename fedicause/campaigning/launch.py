"""A draft becomes public, and the coalition of its campaign begins: at first with our organisation alone."""

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import partners, publish, tally
from fedicause.here import Here
from storage.models import Campaign


async def launch(session: AsyncSession, here: Here, slug: str) -> Campaign:
    """Publishes a draft, with the first roster and the first tally of its coalition. Raises Impossible."""
    campaign = await publish.publish(session, urls=here.urls, slug=slug, now=here.now)
    coalition = await partners.found(session, here, campaign)
    await tally.issue(session, here, coalition.id)
    return campaign

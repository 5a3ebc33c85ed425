"""The support of a campaign: the total, and the parts that it is made of."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from fedicause.urls import Urls
from storage import counts, local_actors
from storage.models import Campaign, Counts, Organisation


async def support(session: AsyncSession, urls: Urls, campaign: Campaign) -> dict[str, Any]:
    """The document of `/api/campaigns/{slug}/support`: numbers and who collected them, no people."""
    organisation, _ = await local_actors.organisation(session)
    return document(urls, campaign, await counts.of(session, campaign.actor_id), organisation)


def document(urls: Urls, campaign: Campaign, counted: Counts, organisation: Organisation) -> dict[str, Any]:
    """The same from rows at hand."""
    endorsements, signatures = counted.endorsements, 0
    changed = max(filter(None, (counted.changed_at, campaign.published_at, campaign.created_at)))
    updated = vocabulary.timestamp(changed)
    return {
        "total": endorsements + signatures,
        "endorsements": endorsements,
        "signatures": signatures,
        "shares": counted.shares,
        # Whoever endorses and signs is in both parts: people are between the largest part and the sum.
        "people": {
            "low": max(endorsements, signatures),
            "high": endorsements + signatures,
            "estimate": None,
        },
        "hosts": [
            {
                "host": vocabulary.host_of(urls.base),
                "organisation": organisation.name,
                "signatures": signatures,
                "updated": updated,
                "state": "origin",
            }
        ],
        "countries": {},
        "elsewhere": [],
        "goal": campaign.goal,
        "updated": updated,
    }

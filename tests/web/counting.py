"""What the public is told about the campaign `forest`, and what moderators see."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from fedicause.instance import Instance
from storage import counts
from storage.models import Campaign, ParkedRequest
from tests import dialects, signing
from tests.conftest import Client
from tests.fediverse import Fediverse

NOTE = "https://ours.test/campaigns/forest"
FOREST = "https://ours.test/actors/forest"
INBOX = f"{FOREST}/inbox"
SHARED_INBOX = "https://ours.test/inbox"


async def support(client: Client, fediverse: Fediverse) -> dict[str, Any]:
    """The public support, 2 seconds later."""
    fediverse.clock.advance(2)
    async with client.get("/api/campaigns/forest/support") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def endorsements(client: Client, fediverse: Fediverse) -> int:
    return int((await support(client, fediverse))["endorsements"])


async def held(instance: Instance, campaign: Campaign) -> int:
    """The endorsements that wait for a moderator."""
    async with instance.database.reading() as session:
        return (await counts.of(session, campaign.actor_id)).held


async def are_right(instance: Instance) -> bool:
    """Whether every count is what its registers say."""
    async with instance.database.reading() as session:
        return all(each.agrees for each in await counts.recount(session))


async def parked(instance: Instance) -> int:
    """The requests that wait for their keys."""
    async with instance.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(ParkedRequest)) or 0


async def statuses(fediverse: Fediverse, requests: Mapping[str, signing.Request]) -> dict[str, int]:
    """Our answers to these requests, by the name of each."""
    return {name: (await fediverse.send(request)).status for name, request in requests.items()}


def like(actor: str, **more: Any) -> dialects.Document:
    """A Like of the call, as Mastodon writes it."""
    activity = {
        "@context": dialects.CONTEXT,
        "id": f"{actor}#likes/1",
        "type": "Like",
        "actor": actor,
        "object": NOTE,
    }
    return {name: value for name, value in (activity | more).items() if value is not None}

"""What can be endorsed, shared or followed here: organisation and campaigns, by name."""

from collections.abc import Collection
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.models import Campaign, LocalActor


class Subject(Struct, frozen=True):
    """A local actor; for a campaign also its row and state."""

    id: int
    name: str
    kind: str
    campaign_id: int | None
    state: str | None

    @property
    def is_open(self) -> bool:
        """Whether it takes endorsements."""
        return self.state == "published"

    @property
    def is_public(self) -> bool:
        return self.kind == "organisation" or self.state in ("published", "closed")


@cache
def _by_names(dialect: str) -> Select[tuple[Any]]:
    given = batches.source(dialect, "given", {"name": str})
    actor, campaign = LocalActor.__table__, Campaign.__table__
    return batches.gathering(
        dialect,
        select(actor.c.id, actor.c.name, actor.c.kind, campaign.c.id.label("campaign_id"), campaign.c.state)
        .select_from(actor)
        .join(given, given.c.name == actor.c.name)
        .outerjoin(campaign, campaign.c.actor_id == actor.c.id),
    )


async def by_names(session: AsyncSession, names: Collection[str]) -> dict[str, Subject]:
    if not names:
        return {}
    given = batches.packed([[name] for name in names])
    rows = await batches.gathered(session, _by_names(batches.dialect_of(session)), {"given": given})
    return {row[1]: Subject(*row) for row in rows}

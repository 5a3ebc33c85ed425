"""Counts from elsewhere (paper, an official system): entered by hand, dated, with a source, always apart."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from fedicause.fields import Unusable
from storage import elsewhere
from storage.coalition_models import ElsewhereCount

SOURCE_LENGTH: Final = 120
# It is the next day already in the far east of the world.
_AHEAD: Final = timedelta(hours=14)


class Unknown(publish.Impossible):
    """There is no such count."""


async def enter(
    session: AsyncSession,
    *,
    slug: str,
    source: str,
    count: int,
    country: str | None,
    counted_on: date,
    now: datetime,
) -> ElsewhereCount:
    """Records what a source counted until a day, in one country (ISO 3166-1 alpha-2, or EL) or in all.

    It takes the place of what the same source counted there before. Raises Unusable, publish.Unknown.
    """
    campaign = await publish.find(session, slug)
    source = " ".join(source.split())
    try:
        fields.line_of(source, SOURCE_LENGTH)
    except Unusable as error:
        raise Unusable(f"The source {error}") from error
    if not source:
        raise Unusable("The source is empty")
    if not 0 <= count <= fields.PEOPLE:
        raise Unusable(f"The count {count:,} can't be one of people")
    counted_at = datetime.combine(counted_on, time(), UTC)
    if counted_at > now + _AHEAD:
        raise Unusable(f"{counted_on:%-d %B %Y} is still to come")
    return await elsewhere.add(
        session,
        campaign_id=campaign.id,
        source=await _as_before(session, campaign.id, source),
        count=count,
        country=None if country is None else fields.country(country),
        counted_at=counted_at,
        now=now,
    )


async def remove(session: AsyncSession, count_id: int) -> None:
    """Forgets a count, as if it had never been entered. Raises Unknown."""
    if not await elsewhere.remove(session, count_id):
        raise Unknown(f"There is no count {count_id}")


async def _as_before(session: AsyncSession, campaign_id: int, source: str) -> str:
    """The source as it was spelled before: small and capital letters make no other source."""
    known = await elsewhere.of_campaign(session, campaign_id)
    return next((each.source for each in known if each.source.casefold() == source.casefold()), source)

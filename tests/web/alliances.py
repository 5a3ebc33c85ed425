"""Rows of coalitions and of campaigns elsewhere, for tests of what is shown of them."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from storage import actors, coalitions
from storage.actors import Description
from storage.coalition_models import (
    Coalition,
    CountryCount,
    Evidence,
    Following,
    ForeignCampaign,
    ForeignText,
    Member,
    Tally,
)

OURS = "https://ours.test/actors/org"
ALLY = "https://ally.test/actors/ally"
RIVER = "https://river.test/actors/river"


async def coalition(session: AsyncSession, campaign_uri: str, **of: Any) -> Coalition:
    """The coalition of a campaign of ours (`campaign_id`) or of another's (`foreign_id`)."""
    return await coalitions.add(session, campaign_uri=campaign_uri, **of)


async def member(
    session: AsyncSession,
    coalition: Coalition,
    uri: str,
    name: str,
    *,
    now: datetime,
    place: int = 1,
    heard: timedelta = timedelta(0),
) -> Member:
    """An accepted partner; `heard` is how long ago we last had contact."""
    host = uri.split("/")[2]
    row = Member(
        coalition_id=coalition.id,
        actor_uri=uri,
        host=host,
        name=name,
        inbox=f"{uri}/inbox",
        state="accepted",
        place=place,
        asked_at=now,
        answered_at=now,
        heard_at=now - heard,
    )
    session.add(row)
    await session.flush()
    return row


async def collected(
    session: AsyncSession,
    coalition: Coalition,
    author_uri: str,
    countries: dict[str, int],
    *,
    now: datetime,
    endorsements: int = 0,
    age: timedelta = timedelta(0),
) -> None:
    """The newest tally of a partner: its signatures by country."""
    signatures = sum(countries.values())
    session.add(
        Tally(
            coalition_id=coalition.id,
            author_uri=author_uri,
            epoch=1,
            version=7,
            signatures=signatures,
            endorsements=endorsements,
            countries=json.dumps(countries),
            updated_at=now - age,
            proof_value="z1",
            document="{}",
            received_at=now - age,
            passed_on=True,
            before=signatures,
            before_at=now - age,
        )
    )
    await session.flush()


async def collected_here(session: AsyncSession, coalition: Coalition, countries: dict[str, int]) -> None:
    """Our own signatures."""
    coalition.signatures = sum(countries.values())
    for country, number in countries.items():
        session.add(CountryCount(coalition_id=coalition.id, country=country, signatures=number))
    await session.flush()


async def forged(
    session: AsyncSession, coalition: Coalition, author_uri: str, *, now: datetime, kind: str = "tally"
) -> None:
    """Two documents that this author signed as one version."""
    session.add(
        Evidence(
            coalition_id=coalition.id,
            kind=kind,
            author_uri=author_uri,
            epoch=1,
            version=7,
            one="{}",
            other="{}",
            found_at=now,
        )
    )
    await session.flush()


async def follow(session: AsyncSession, uri: str, name: str, *, now: datetime) -> None:
    """Our organisation follows this one."""
    host = uri.split("/")[2]
    described = Description(
        uri=uri,
        host=host,
        type="Organization",
        handle=uri.rpartition("/")[2],
        name=name,
        url=None,
        inbox=f"{uri}/inbox",
        shared_inbox=None,
        moved_to=None,
        keys=(),
    )
    known = await actors.remember(session, [described], now)
    session.add(
        Following(
            actor_id=known[uri].id,
            state="accepted",
            activity_uri=f"https://ours.test/activities/{host}",
            asked_at=now,
            answered_at=now,
            next_at=now + timedelta(days=1),
        )
    )
    await session.flush()


async def foreign(
    session: AsyncSession,
    uri: str,
    name: str,
    slug: str,
    texts: dict[str, tuple[str, str]],
    *,
    now: datetime,
    **more: Any,
) -> ForeignCampaign:
    """A campaign of the organisation `uri`; `texts` are title and HTML by language, the first its own."""
    host = uri.split("/")[2]
    base = uri.partition("/actors/")[0]
    row = ForeignCampaign(
        **{
            "actor_uri": f"{base}/actors/{slug}",
            "note_uri": f"{base}/campaigns/{slug}",
            "slug": slug,
            "origin": host,
            "inbox": f"{base}/actors/{slug}/inbox",
            "organisation_uri": uri,
            "organisation_name": name,
            "kind": "petition",
            "topic": "Environment",
            "goal": None,
            "language": next(iter(texts)),
            "state": "published",
            "published_at": now,
            "fetched_at": now,
            "refresh_at": now + timedelta(days=1),
            **more,
        }
    )
    session.add(row)
    await session.flush()
    for language, (title, html) in texts.items():
        session.add(ForeignText(campaign_id=row.id, language=language, title=title, html=html))
    await session.flush()
    return row

"""The support of a campaign: the total, and the parts that it is made of."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import tallies, vocabulary
from fedicause.campaigning import goals
from fedicause.urls import Urls
from storage import coalitions, counts, elsewhere, local_actors
from storage.coalition_models import Coalition, ElsewhereCount, ForeignCampaign
from storage.coalitions import Collected, Part
from storage.columns import EPOCH
from storage.models import Campaign

STALE_AFTER: Final = timedelta(hours=24)
"""Without contact for so long a partner is marked; its last tally still counts."""


class Share(Struct, frozen=True):
    """What one organisation of a coalition adds. `url` is the campaign's page on its host."""

    host: str
    organisation: str
    signatures: int
    endorsements: int
    countries: Mapping[str, int]
    updated: datetime | None
    state: str
    url: str


class _Own(Struct, frozen=True):
    """Our organisation and what it counts right now."""

    uri: str
    name: str
    endorsements: int
    changed_at: datetime


async def of_campaign(session: AsyncSession, urls: Urls, campaign: Campaign, now: datetime) -> dict[str, Any]:
    """The document of `/api/campaigns/{slug}/support`: numbers and who collected them, no people."""
    return (await of_campaigns(session, urls, [campaign], now))[campaign.id]


async def of_campaigns(
    session: AsyncSession, urls: Urls, given: Sequence[Campaign], now: datetime
) -> dict[int, dict[str, Any]]:
    """The same for several campaigns of ours, by row key."""
    found = await coalitions.of_campaigns(session, [campaign.id for campaign in given])
    collected = await coalitions.collected(session, found.values())
    numbers = await counts.of_many(session, [campaign.actor_id for campaign in given])
    entered = await elsewhere.of_campaigns(session, [campaign.id for campaign in given])
    organisation, actor = await local_actors.organisation(session)
    documents = {}
    for campaign in given:
        counted = numbers[campaign.actor_id]
        changed = max(filter(None, (counted.changed_at, campaign.published_at, campaign.created_at)))
        own = _Own(urls.actor(actor.name, actor.kind), organisation.name, counted.endorsements, changed)
        part = collected.get(found.get(campaign.id, 0))
        documents[campaign.id] = document(
            part.coalition if part else None,
            _shares(urls, urls.note(campaign.slug), part, own, now, origin=True),
            shares=counted.shares,
            goal=campaign.goal,
            entered=entered.get(campaign.id, ()),
        )
    return documents


async def of_foreign(
    session: AsyncSession, urls: Urls, campaign: ForeignCampaign, now: datetime
) -> dict[str, Any]:
    """The document of a campaign of another instance, as far as we have heard."""
    return (await of_foreigns(session, urls, [campaign], now))[campaign.id]


async def of_foreigns(
    session: AsyncSession, urls: Urls, given: Sequence[ForeignCampaign], now: datetime
) -> dict[int, dict[str, Any]]:
    """The same for several, by row key."""
    found = await coalitions.of_foreigns(session, [campaign.id for campaign in given])
    collected = await coalitions.collected(session, found.values())
    organisation, actor = await local_actors.organisation(session)
    own = _Own(urls.actor(actor.name, actor.kind), organisation.name, 0, EPOCH)
    documents = {}
    for campaign in given:
        part = collected.get(found.get(campaign.id, 0))
        shares = _shares(urls, campaign.note_uri, part, own, now, origin=False)
        documents[campaign.id] = document(
            part.coalition if part else None,
            shares or [_unheard(campaign)],
            shares=campaign.shares,
            goal=campaign.goal,
            entered=(),
        )
    return documents


def document(
    coalition: Coalition | None,
    parts: Sequence[Share],
    *,
    shares: int,
    goal: int | None,
    entered: Sequence[ElsewhereCount],
) -> dict[str, Any]:
    """The same from what each organisation adds; who is excluded adds nothing."""
    signatures = sum(part.signatures for part in parts)
    endorsements = sum(part.endorsements for part in parts)
    total = signatures + endorsements
    times = [part.updated for part in parts if part.updated is not None]
    return {
        "total": total,
        "endorsements": endorsements,
        "signatures": signatures,
        "shares": shares,
        "people": _people(coalition, parts, endorsements, signatures),
        "hosts": [
            {
                "host": part.host,
                "organisation": part.organisation,
                "signatures": part.signatures,
                "updated": vocabulary.timestamp(part.updated) if part.updated else None,
                "state": part.state,
                "url": part.url,
            }
            for part in parts
        ],
        "countries": _countries(parts),
        "elsewhere": [
            {
                "source": row.source,
                "count": row.count,
                "country": row.country,
                "date": f"{row.counted_at:%Y-%m-%d}",
            }
            for row in entered
        ],
        "goal": goal,
        "next": goals.next_step(total, goal),
        "updated": vocabulary.timestamp(max(times)) if times else None,
    }


def _people(
    coalition: Coalition | None, parts: Sequence[Share], endorsements: int, signatures: int
) -> dict[str, int | float | None]:
    """Whoever endorses and signs, or signs twice, is in two parts: people are between the largest and all.

    The estimate takes the sketched signatures for so many people as the sketches say, and everything else
    for people of its own.
    """
    low = max([endorsements, *(part.signatures for part in parts)])
    high = endorsements + signatures
    estimate = error = None
    if coalition is not None and coalition.people is not None and coalition.sketched:
        # The sketches are a little older than the tallies: what they say is taken as a proportion.
        sketched = min(coalition.sketched, signatures)
        twice = round(sketched * (1 - min(1.0, coalition.people / coalition.sketched)))
        estimate = max(low, high - twice)
        # What no sketch tells of may all be people who are counted already.
        untold = max(0, signatures - coalition.sketched)
        error = min(1.0, (coalition.error or 0.0) + untold / max(estimate, 1))
    return {"low": low, "high": high, "estimate": estimate, "error": error}


def _countries(parts: Sequence[Share]) -> dict[str, int]:
    added: dict[str, int] = {}
    for part in parts:
        for country, number in tallies.folded(part.countries).items():
            added[country] = added.get(country, 0) + number
    return dict(sorted(added.items(), key=lambda item: (-item[1], item[0])))


def _shares(
    urls: Urls, note: str, collected: Collected | None, own: _Own, now: datetime, *, origin: bool
) -> list[Share]:
    """What each organisation of the roster adds; ours by what it counts now, the others by their tallies."""
    coalition = collected.coalition if collected else None
    parts = collected.parts if collected else []
    listed: list[Share] = []
    if origin and not any(part.actor_uri == own.uri for part in parts):
        listed.append(_ours(urls, note, collected, own, state="origin"))
    for part in parts:
        if part.actor_uri == own.uri:
            state = "excluded" if part.is_excluded else "origin" if origin else "partner"
            listed.append(_ours(urls, note, collected, own, state=state))
        else:
            is_first = coalition is not None and _is_origin(part, coalition)
            listed.append(_theirs(part, note, now, is_origin=is_first))
    return listed


def _is_origin(part: Part, coalition: Coalition) -> bool:
    return vocabulary.same_host(part.actor_uri, coalition.campaign_uri)


def _ours(urls: Urls, note: str, collected: Collected | None, own: _Own, *, state: str) -> Share:
    counts_here = state != "excluded"
    coalition = collected.coalition if collected else None
    changed = max(filter(None, (own.changed_at, coalition.collected_at if coalition else None)))
    return Share(
        host=vocabulary.host_of(urls.base),
        organisation=own.name,
        signatures=coalition.signatures if coalition and counts_here else 0,
        endorsements=own.endorsements if counts_here else 0,
        countries=collected.own_countries if collected and counts_here else {},
        updated=changed if changed > EPOCH else None,
        state=state,
        url=page(note, urls.base),
    )


def _theirs(part: Part, note: str, now: datetime, *, is_origin: bool) -> Share:
    state = "origin" if is_origin else "partner"
    if part.is_excluded:
        state = "excluded"
    elif part.heard_at is None or now - part.heard_at > STALE_AFTER:
        state = "stale"
    counts_here = not part.is_excluded
    return Share(
        host=part.host,
        organisation=part.name or part.host,
        signatures=part.signatures if counts_here else 0,
        endorsements=part.endorsements if counts_here and is_origin else 0,
        countries=json.loads(part.countries) if counts_here else {},
        updated=part.updated_at,
        state=state,
        url=page(note, vocabulary.origin_of(part.actor_uri)),
    )


def _unheard(campaign: ForeignCampaign) -> Share:
    """The origin, of whose numbers nothing is known: we follow the campaign and are no partner."""
    return Share(
        host=campaign.origin,
        organisation=campaign.organisation_name,
        signatures=0,
        endorsements=0,
        countries={},
        updated=None,
        state="origin",
        url=campaign.note_uri,
    )


def page(note: str, base: str) -> str:
    """Where the campaign with this Note is shown by the instance at `base`."""
    if vocabulary.same_host(note, base):
        return note
    return f"{base}/campaigns/{note.rpartition('/')[2]}@{vocabulary.host_of(note)}"

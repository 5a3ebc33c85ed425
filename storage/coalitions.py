"""Coalitions by campaign, and what each of their organisations collected."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct, field
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, foreign
from storage.coalition_models import Coalition, CountryCount, Evidence, ForeignCampaign, Member, Tally
from storage.models import Campaign, Counts, LocalActor


class Part(Struct, frozen=True):
    """An organisation of a roster and its newest tally, which may not have come yet (`updated_at` None)."""

    actor_uri: str
    host: str
    name: str
    heard_at: datetime | None
    signatures: int
    endorsements: int
    countries: str
    updated_at: datetime | None
    is_excluded: bool


class Collected(Struct):
    """A coalition, its parts in the roster's order, and our own count by country."""

    coalition: Coalition
    parts: list[Part] = field(default_factory=list)
    own_countries: dict[str, int] = field(default_factory=dict)


async def add(
    session: AsyncSession,
    *,
    campaign_uri: str,
    campaign_id: int | None = None,
    foreign_id: int | None = None,
    sketch_key_sealed: bytes | None = None,
) -> Coalition:
    """A new coalition, of a campaign of ours or of another's."""
    coalition = Coalition(
        campaign_uri=campaign_uri,
        campaign_id=campaign_id,
        foreign_id=foreign_id,
        sketch_key_sealed=sketch_key_sealed,
    )
    session.add(coalition)
    await session.flush()
    return coalition


async def by_id(session: AsyncSession, coalition_id: int) -> Coalition | None:
    return await session.get(Coalition, coalition_id)


async def by_uri(session: AsyncSession, campaign_uri: str) -> Coalition | None:
    """The coalition of the campaign whose actor has this URI."""
    return await session.scalar(select(Coalition).where(Coalition.campaign_uri == campaign_uri))


async def of_campaign(session: AsyncSession, campaign_id: int) -> Coalition | None:
    return await session.scalar(select(Coalition).where(Coalition.campaign_id == campaign_id))


async def of_foreign(session: AsyncSession, foreign_id: int) -> Coalition | None:
    return await session.scalar(select(Coalition).where(Coalition.foreign_id == foreign_id))


async def locked(session: AsyncSession, coalition_id: int) -> Coalition:
    """The coalition as it is now, which nobody else changes until this transaction ends."""
    found = await session.scalar(
        select(Coalition)
        .where(Coalition.id == coalition_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise LookupError(f"there is no coalition {coalition_id}")
    return found


async def unfounded(session: AsyncSession) -> list[Campaign]:
    """The public campaigns of ours that have no coalition yet."""
    query = (
        select(Campaign)
        .outerjoin(Coalition, Coalition.campaign_id == Campaign.id)
        .where(Campaign.state.in_(("published", "closed")), Coalition.id.is_(None))
    )
    return list(await session.scalars(query))


async def told(session: AsyncSession, *, own_uri: str) -> dict[int, str]:
    """Our newest tallies of the campaigns that we still count for: documents by coalition."""
    rows = await session.execute(
        select(Tally.coalition_id, Tally.document)
        .join(Coalition, Coalition.id == Tally.coalition_id)
        .outerjoin(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(Member, (Member.coalition_id == Coalition.id) & (Member.actor_uri == own_uri))
        .where(
            Tally.author_uri == own_uri,
            or_(Campaign.state.in_(("published", "closed")), Member.state == "accepted"),
        )
    )
    return {row.coalition_id: row.document for row in rows}


async def rosters(session: AsyncSession) -> list[tuple[Coalition, LocalActor]]:
    """The coalitions of campaigns of ours that have a roster, with the actor that signs it."""
    rows = await session.execute(
        select(Coalition, LocalActor)
        .join(Campaign, Campaign.id == Coalition.campaign_id)
        .join(LocalActor, LocalActor.id == Campaign.actor_id)
        .where(Campaign.state.in_(("published", "closed")), Coalition.roster.is_not(None))
        .order_by(Coalition.id)
    )
    return [(coalition, actor) for coalition, actor in rows]


async def moved(session: AsyncSession, *, own_uri: str, before: datetime) -> list[int]:
    """The coalitions whose count of ours is another than our tally says, which is from `before` that.

    Where we are no member (yet, or any more) there is nothing to tell.
    """
    own = select(Tally).where(Tally.author_uri == own_uri).subquery()
    endorsements = func.coalesce(Counts.endorsements, 0)
    query = (
        select(Coalition.id)
        .outerjoin(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(Counts, Counts.subject_id == Campaign.actor_id)
        .outerjoin(own, own.c.coalition_id == Coalition.id)
        .outerjoin(Member, (Member.coalition_id == Coalition.id) & (Member.actor_uri == own_uri))
        .where(
            or_(Campaign.state.in_(("published", "closed")), Member.state == "accepted"),
            or_(
                own.c.epoch.is_(None),
                (own.c.received_at <= before)
                & or_(
                    own.c.signatures != Coalition.signatures,
                    own.c.endorsements != endorsements,
                    Coalition.collected_at >= own.c.received_at,
                ),
            ),
        )
        .order_by(Coalition.id)
    )
    return list(await session.scalars(query))


async def every(session: AsyncSession) -> list[Coalition]:
    return list(await session.scalars(select(Coalition).order_by(Coalition.id)))


async def to_compare(session: AsyncSession) -> list[Coalition]:
    """The coalitions with others in them: of our campaigns with partners, and of those that we show."""
    with_partners = select(Member.coalition_id).where(Member.state == "accepted").distinct()
    query = (
        select(Coalition)
        .outerjoin(ForeignCampaign, ForeignCampaign.id == Coalition.foreign_id)
        .where(
            or_(
                Coalition.campaign_id.is_not(None) & Coalition.id.in_(with_partners),
                _is_shown(),
            )
        )
        .order_by(Coalition.id)
    )
    return list(await session.scalars(query))


async def collected(session: AsyncSession, coalition_ids: Collection[int]) -> dict[int, Collected]:
    """What these coalitions collected, however many people signed: a few rows for each organisation."""
    found = {
        coalition.id: Collected(coalition)
        for coalition in await session.scalars(
            select(Coalition).where(Coalition.id.in_(coalition_ids)).execution_options(populate_existing=True)
        )
    }
    excluded = (
        select(Evidence.coalition_id, Evidence.author_uri)
        .where(Evidence.coalition_id.in_(found), Evidence.kind == "tally", Evidence.lifted_at.is_(None))
        .distinct()
        .subquery()
    )
    rows = await session.execute(
        select(
            Member.coalition_id,
            Member.actor_uri,
            Member.host,
            Member.name,
            Member.heard_at,
            Tally.signatures,
            Tally.endorsements,
            Tally.countries,
            Tally.updated_at,
            excluded.c.author_uri,
        )
        .outerjoin(
            Tally, (Tally.coalition_id == Member.coalition_id) & (Tally.author_uri == Member.actor_uri)
        )
        .outerjoin(
            excluded,
            (excluded.c.coalition_id == Member.coalition_id) & (excluded.c.author_uri == Member.actor_uri),
        )
        .where(Member.coalition_id.in_(found), Member.state == "accepted")
        .order_by(Member.coalition_id, Member.place, Member.id)
    )
    for coalition_id, uri, host, name, heard_at, signatures, endorsements, countries, at, liar in rows:
        found[coalition_id].parts.append(
            Part(
                uri,
                host,
                name,
                heard_at,
                signatures or 0,
                endorsements or 0,
                countries or "{}",
                at,
                liar is not None,
            )
        )
    counted = await session.execute(
        select(CountryCount.coalition_id, CountryCount.country, CountryCount.signatures).where(
            CountryCount.coalition_id.in_(found), CountryCount.signatures > 0
        )
    )
    for coalition_id, country, signatures in counted:
        found[coalition_id].own_countries[country] = signatures
    return found


async def own_countries(session: AsyncSession, coalition_id: int) -> dict[str, int]:
    """Our own signatures by country."""
    rows = await session.execute(
        select(CountryCount.country, CountryCount.signatures).where(
            CountryCount.coalition_id == coalition_id, CountryCount.signatures > 0
        )
    )
    return {country: signatures for country, signatures in rows.all()}  # noqa: C416 - a Result is no mapping


async def unlinked(session: AsyncSession) -> list[ForeignCampaign]:
    """The campaigns of other instances that we show or are invited to, whose coalition does not know them."""
    query = (
        select(ForeignCampaign)
        .outerjoin(Coalition, Coalition.campaign_uri == ForeignCampaign.actor_uri)
        .where(Coalition.foreign_id.is_(None), or_(Coalition.id.is_not(None), _is_shown()))
    )
    return list(await session.scalars(query))


def _is_shown() -> ColumnElement[bool]:
    return or_(foreign.is_followed(), foreign.is_ours_too("accepted"))


async def ours(session: AsyncSession, coalition: Coalition) -> tuple[Campaign, LocalActor] | None:
    """The campaign and its actor, where it is ours."""
    row = (
        await session.execute(
            select(Campaign, LocalActor)
            .join(LocalActor, LocalActor.id == Campaign.actor_id)
            .where(Campaign.id == coalition.campaign_id)
        )
    ).first()
    return (row[0], row[1]) if row else None


async def theirs(session: AsyncSession, coalition: Coalition) -> ForeignCampaign | None:
    """The campaign, where it is another's."""
    return await session.get(ForeignCampaign, coalition.foreign_id) if coalition.foreign_id else None


async def of_campaigns(session: AsyncSession, campaign_ids: Collection[int]) -> dict[int, int]:
    """The coalitions of campaigns of ours: by campaign, both as row keys."""
    rows = await batches.gather(
        session, select(Coalition.campaign_id, Coalition.id).where(Coalition.campaign_id.in_(campaign_ids))
    )
    return dict(rows)


async def of_foreigns(session: AsyncSession, foreign_ids: Collection[int]) -> dict[int, int]:
    """The coalitions of campaigns of others: by campaign, both as row keys."""
    rows = await batches.gather(
        session, select(Coalition.foreign_id, Coalition.id).where(Coalition.foreign_id.in_(foreign_ids))
    )
    return dict(rows)

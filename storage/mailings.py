"""Updates on their way by mail: to whom, and how far."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Coalition, Signature
from storage.models import Campaign, Update
from storage.people_models import Consent, Letter, Mailing, Person, Pledge


class Open(Struct, frozen=True):
    """A mailing in our hands until the transaction ends, with what it tells."""

    mailing: Mailing
    update: Update
    campaign: Campaign


class Recipient(Struct, frozen=True):
    """Somebody who gets it. `blind` is the keyed hash of their address, `serial` numbers their signature."""

    serial: int
    person_id: int
    blind: bytes
    address_sealed: bytes
    language: str


async def start(session: AsyncSession, update: Update, now: datetime) -> None:
    """Notes that an update goes by mail to who has signed so far and wants it."""
    coalition = await session.scalar(select(Coalition).where(Coalition.campaign_id == update.campaign_id))
    # Without one nobody has signed.
    if coalition is not None:
        session.add(
            Mailing(update_id=update.id, coalition_id=coalition.id, until=coalition.serial, created_at=now)
        )
        await session.flush()


async def is_any_open(session: AsyncSession) -> bool:
    return bool(await session.scalar(select(exists().where(Mailing.ended_at.is_(None)))))


async def waiting(session: AsyncSession, most: int) -> int:
    """How many letters in bulk are still to be sent; counted up to `most`."""
    some = select(Letter.id).where(Letter.ended_at.is_(None), Letter.is_bulk.is_(True)).limit(most).subquery()
    return await session.scalar(select(func.count()).select_from(some)) or 0


async def claim(session: AsyncSession) -> Open | None:
    """The oldest mailing that nobody else is at."""
    row = (
        await session.execute(
            select(Mailing, Update, Campaign)
            .join(Update, Update.id == Mailing.update_id)
            .join(Campaign, Campaign.id == Update.campaign_id)
            .where(Mailing.ended_at.is_(None))
            .order_by(Mailing.update_id)
            .limit(1)
            .with_for_update(of=Mailing, skip_locked=True)
        )
    ).one_or_none()
    return None if row is None else Open(*row)


async def recipients(
    session: AsyncSession, mailing: Mailing, organisation_uri: str, *, upto: int, limit: int
) -> list[Recipient]:
    """The next who agreed to letters of this organisation and get any, by signature, up to a number."""
    rows = await session.execute(
        select(Signature.serial, Person.id, Person.blind, Person.address_sealed, Pledge.language)
        .select_from(Signature)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .join(Consent, Consent.signature_id == Signature.id)
        .join(Person, Person.id == Pledge.person_id)
        .where(
            Signature.coalition_id == mailing.coalition_id,
            Signature.serial > mailing.serial,
            Signature.serial <= upto,
            Signature.state == "confirmed",
            Consent.organisation_uri == organisation_uri,
            Consent.withdrawn_at.is_(None),
            Person.bounced_at.is_(None),
            Person.declined_at.is_(None),
        )
        .order_by(Signature.serial)
        .limit(limit)
    )
    return [Recipient(*row) for row in rows]


async def agreed(session: AsyncSession, campaign_id: int, organisation_uri: str, most: int) -> int:
    """How many signatures of a campaign came with a consent that holds; counted up to `most`."""
    some = (
        select(Consent.id)
        .join(Signature, Signature.id == Consent.signature_id)
        .join(Coalition, Coalition.id == Signature.coalition_id)
        .where(
            Coalition.campaign_id == campaign_id,
            Signature.state == "confirmed",
            Consent.organisation_uri == organisation_uri,
            Consent.withdrawn_at.is_(None),
        )
        .limit(most)
        .subquery()
    )
    return await session.scalar(select(func.count()).select_from(some)) or 0

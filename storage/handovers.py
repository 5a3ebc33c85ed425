"""What is handed over: our own signatures in their order, and what was said of them."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Signature
from storage.cosigner_models import Cosigner
from storage.handover_models import Handover
from storage.people_models import Consent, Person, Pledge


class Signed(Struct, frozen=True):
    """A confirmed signature. What was written is sealed, and gone where it was forgotten."""

    serial: int
    country: str
    confirmed_at: datetime
    details_sealed: bytes | None
    address_sealed: bytes | None
    ticked: int
    """The bits of the answers or roles that were chosen."""
    organisation: str | None
    """For which they signed, where that is listed."""
    consents: bool
    """Whether the organisation that is asked about may write to them."""


async def after(
    session: AsyncSession, coalition_id: int, serial: int, *, until: int, organisation_uri: str, limit: int
) -> list[Signed]:
    """Our confirmed signatures with higher numbers, up to `until`, in their order."""
    may_write = (
        select(Consent.id)
        .where(
            Consent.signature_id == Signature.id,
            Consent.organisation_uri == organisation_uri,
            Consent.withdrawn_at.is_(None),
        )
        .exists()
    )
    rows = await session.execute(
        select(
            Signature.serial,
            Signature.country,
            Signature.confirmed_at,
            Pledge.details_sealed,
            Person.address_sealed,
            Signature.ticked,
            Cosigner.name,
            may_write,
        )
        .outerjoin(Pledge, Pledge.signature_id == Signature.id)
        .outerjoin(Person, Person.id == Pledge.person_id)
        .outerjoin(Cosigner, (Cosigner.signature_id == Signature.id) & (Cosigner.state == "listed"))
        .where(
            Signature.coalition_id == coalition_id,
            Signature.serial > serial,
            Signature.serial <= until,
            Signature.state == "confirmed",
        )
        .order_by(Signature.serial)
        .limit(limit)
    )
    # A confirmed one has its time.
    return [Signed(*row) for row in rows if row.confirmed_at]  # type: ignore[arg-type]


async def add(session: AsyncSession, coalition_id: int, document: str, now: datetime, *, number: int) -> None:
    """Keeps what was signed; the coalition is locked."""
    session.add(Handover(coalition_id=coalition_id, number=number, made_at=now, document=document))
    await session.flush()


async def next_number(session: AsyncSession, coalition_id: int) -> int:
    last = await session.scalar(
        select(func.max(Handover.number)).where(Handover.coalition_id == coalition_id)
    )
    return (last or 0) + 1


async def one(session: AsyncSession, coalition_id: int, number: int) -> Handover | None:
    found: Handover | None = await session.scalar(
        select(Handover).where(Handover.coalition_id == coalition_id, Handover.number == number)
    )
    return found


async def every(session: AsyncSession, coalition_id: int) -> list[Handover]:
    """All of a coalition, the newest first."""
    return list(
        await session.scalars(
            select(Handover).where(Handover.coalition_id == coalition_id).order_by(Handover.number.desc())
        )
    )

"""Who signed and wants to be seen: names, reasons, and organisations."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, and_, case, delete, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches, pages
from storage.coalition_models import NAMED, TICKED, Coalition, Signature
from storage.cosigner_models import Cosigner
from storage.models import Actor, Campaign, Register
from storage.pages import Asked, Page
from storage.people_models import ALLOWED_REASON, Person, Pledge


class Named(Struct, frozen=True):
    """Somebody who lets something of the name be seen; `serial` numbers the signatures of a coalition."""

    serial: int
    shown: str
    details_sealed: bytes


class Volunteer(Struct, frozen=True):
    """Somebody who ticked roles: `ticked` has a bit for each."""

    signature_id: int
    ticked: int
    details_sealed: bytes
    address_sealed: bytes


class Reason(Struct, frozen=True):
    """Why somebody signed, as a moderator allowed it."""

    signature_id: int
    shown: str
    details_sealed: bytes
    reason_sealed: bytes
    language: str
    signed_at: datetime


class Shown(Struct, frozen=True):
    """An organisation that signs. `has_logo`, and its size in pixels; `is_counted`: the signature stands."""

    id: int
    name: str
    website: str
    role_sealed: bytes | None
    has_logo: bool
    logo_width: int | None
    logo_height: int | None
    proof: str
    state: str
    created_at: datetime
    is_counted: bool


async def named(session: AsyncSession, coalition_id: int, asked: Asked, limit: int) -> Page[Named]:
    """A page of those who confirmed and want to be seen: by an index that has nobody else."""
    query = (
        select(Signature.serial, Pledge.shown, Pledge.details_sealed)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .where(Signature.coalition_id == coalition_id, text(NAMED))
    )
    found = await pages.rows(session, query, Signature.serial, asked, limit)
    return Page([Named(*row) for row in found.items], found.older, found.newer)


async def volunteers(session: AsyncSession, coalition_id: int, asked: Asked, limit: int) -> Page[Volunteer]:
    """A page of those who confirmed and ticked something, for the staff."""
    query = (
        select(Signature.id, Signature.ticked, Pledge.details_sealed, Person.address_sealed)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .join(Person, Person.id == Pledge.person_id)
        .where(Signature.coalition_id == coalition_id, text(TICKED))
    )
    found = await pages.rows(session, query, Signature.id, asked, limit)
    return Page([Volunteer(*row) for row in found.items], found.older, found.newer)


async def reasons(session: AsyncSession, coalition_id: int, limit: int) -> list[Reason]:
    """What moderators allowed of signatures that stand, the newest first."""
    rows = await session.execute(
        select(
            Signature.id,
            Pledge.shown,
            Pledge.details_sealed,
            Pledge.reason_sealed,
            Pledge.language,
            Signature.confirmed_at,
        )
        .join(Pledge, Pledge.signature_id == Signature.id)
        .where(
            text(ALLOWED_REASON),
            # Not by an index of the signatures: of those there are many more than of allowed reasons.
            func.coalesce(Signature.coalition_id, 0) == coalition_id,
            Signature.state == "confirmed",
        )
        .order_by(Pledge.signature_id.desc())
        .limit(limit)
    )
    found: Iterable[Any] = rows
    return [Reason(*row) for row in found]


def _cosigners(*conditions: Any) -> Select[*tuple[Any, ...]]:
    """Organisations with whether what they stand on stands: a person's signature, or an account's ☆."""
    signs = exists().where(Signature.id == Cosigner.signature_id, Signature.state == "confirmed")
    endorses = (
        exists()
        .where(Register.actor_id == Cosigner.actor_id, Register.kind == "endorsement", Register.present)
        .where(
            Register.subject_id == Campaign.actor_id,
            Campaign.id == Coalition.campaign_id,
            Coalition.id == Cosigner.coalition_id,
        )
    )
    stands = or_(
        and_(Cosigner.signature_id.is_not(None), signs), and_(Cosigner.actor_id.is_not(None), endorses)
    )
    return (
        select(
            Cosigner.id,
            Cosigner.name,
            Cosigner.website,
            Cosigner.role_sealed,
            Cosigner.logo.is_not(None),
            Cosigner.logo_width,
            Cosigner.logo_height,
            Cosigner.proof,
            Cosigner.state,
            Cosigner.created_at,
            case((stands, 1), else_=0) == 1,
        )
        .where(*conditions)
        .order_by(Cosigner.id)
    )


async def cosigners(session: AsyncSession, coalition_id: int, limit: int) -> list[Shown]:
    """The organisations that the page lists, in the order in which they came."""
    query = _cosigners(Cosigner.coalition_id == coalition_id, Cosigner.state == "listed")
    rows = [Shown(*row) for row in await session.execute(query)]
    return [each for each in rows if each.is_counted][:limit]


async def every_cosigner(session: AsyncSession, coalition_id: int) -> list[Shown]:
    """All of them, for the staff."""
    query = _cosigners(Cosigner.coalition_id == coalition_id)
    return [Shown(*row) for row in await session.execute(query)]


async def logo(session: AsyncSession, coalition_id: int, cosigner_id: int) -> tuple[bytes, str] | None:
    """The picture and its media type, while the organisation is listed and counts."""
    query = _cosigners(
        Cosigner.id == cosigner_id, Cosigner.coalition_id == coalition_id, Cosigner.state == "listed"
    )
    row = (await session.execute(query)).one_or_none()
    if row is None or not Shown(*row).is_counted:
        return None
    found = (
        await session.execute(select(Cosigner.logo, Cosigner.logo_type).where(Cosigner.id == cosigner_id))
    ).one()
    return (found.logo, found.logo_type) if found.logo else None


async def put_cosigner(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Adds an organisation, or what it says now in the place of what that signature said before."""
    insert = batches.insert(batches.dialect_of(session), Cosigner).values(**values)
    if values.get("signature_id") is not None:
        again = {name: getattr(insert.excluded, name) for name in values if name != "signature_id"}
        insert = insert.on_conflict_do_update(index_elements=["signature_id"], set_=again)
    await session.execute(insert)


async def dress(session: AsyncSession, signature_id: int, values: Mapping[str, Any]) -> None:
    """Changes the logo of the organisation for which this signature was given."""
    await session.execute(
        update(Cosigner)
        .where(Cosigner.signature_id == signature_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


async def by_key(session: AsyncSession, coalition_id: int, cosigner_id: int) -> Cosigner | None:
    """An organisation that signs this."""
    query = select(Cosigner).where(Cosigner.id == cosigner_id, Cosigner.coalition_id == coalition_id)
    return await session.scalar(query)


async def of_actor(session: AsyncSession, coalition_id: int, actor_id: int) -> Cosigner | None:
    query = select(Cosigner).where(Cosigner.coalition_id == coalition_id, Cosigner.actor_id == actor_id)
    return await session.scalar(query)


async def endorser(session: AsyncSession, subject_id: int, uri: str) -> Actor | None:
    """The actor with this URI or page, if it endorses the subject."""
    return await session.scalar(
        select(Actor)
        .join(Register, Register.actor_id == Actor.id)
        .where(
            or_(Actor.uri == uri, Actor.url == uri),
            Register.subject_id == subject_id,
            Register.kind == "endorsement",
            Register.present,
        )
        .limit(1)
    )


async def forget_cosigner(session: AsyncSession, cosigner_id: int) -> None:
    await session.execute(delete(Cosigner).where(Cosigner.id == cosigner_id))

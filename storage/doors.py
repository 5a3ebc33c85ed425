"""What is behind the link to somebody's own page: the person, what they signed, and who may write to them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Signature
from storage.people_models import Consent, Door, Person, Pledge


class Behind(Struct, frozen=True):
    """The person whose door it is, and when it closes."""

    person: Person
    expires_at: datetime


class Signed(Struct, frozen=True):
    """A signature with what was written for it, and the consents that were ever given with it."""

    signature: Signature
    pledge: Pledge
    consents: Sequence[Consent]


async def behind(session: AsyncSession, token: bytes, now: datetime) -> Behind | None:
    """Whose door has a token with this SHA-256, if it is still open."""
    row = (
        await session.execute(
            select(Person, Door.expires_at)
            .join(Door, Door.person_id == Person.id)
            .where(Door.token == token, Door.expires_at > now)
        )
    ).one_or_none()
    return None if row is None else Behind(row[0], row[1])


async def coalitions_of(session: AsyncSession, person_id: int) -> list[int]:
    """The row keys of the coalitions in which somebody signed, in their order."""
    rows = await session.scalars(
        select(Signature.coalition_id)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .where(Pledge.person_id == person_id)
        .distinct()
        .order_by(Signature.coalition_id)
    )
    return list(rows)


async def signed(session: AsyncSession, person_id: int) -> list[Signed]:
    """All that somebody signed, asked for last first."""
    rows = (
        await session.execute(
            select(Signature, Pledge)
            .join(Pledge, Pledge.signature_id == Signature.id)
            .where(Pledge.person_id == person_id)
            .order_by(Signature.asked_at.desc(), Signature.id.desc())
        )
    ).all()
    given: dict[int, list[Consent]] = {signature.id: [] for signature, _ in rows}
    for part in batches.parts(given):
        for consent in await session.scalars(
            select(Consent).where(Consent.signature_id.in_(part)).order_by(Consent.id)
        ):
            given[consent.signature_id].append(consent)
    return [Signed(signature, pledge, given[signature.id]) for signature, pledge in rows]


async def agree(
    session: AsyncSession,
    signed: Signed,
    *,
    offered: Mapping[str, str],
    wanted: Collection[str],
    now: datetime,
) -> set[str]:
    """Makes the consents of a signature those to `wanted`; returns the URIs of those taken back.

    `offered` are the names of organisations by URI.
    """
    rows = {each.organisation_uri: each for each in signed.consents}
    taken_back = set()
    for uri, name in offered.items():
        row = rows.get(uri)
        if uri in wanted and row is None:
            session.add(
                Consent(
                    signature_id=signed.signature.id,
                    organisation_uri=uri,
                    organisation_name=name,
                    given_at=now,
                )
            )
        elif row is not None and uri in wanted and row.withdrawn_at is not None:
            row.given_at, row.withdrawn_at = now, None
        elif row is not None and uri not in wanted and row.withdrawn_at is None:
            row.withdrawn_at = now
            taken_back.add(uri)
    await session.flush()
    return taken_back


async def take_back_consents(
    session: AsyncSession, person_id: int, organisation_uri: str, now: datetime
) -> None:
    """This organisation may no longer write to this person, whatever they signed."""
    own = select(Pledge.signature_id).where(Pledge.person_id == person_id).scalar_subquery()
    await session.execute(
        update(Consent)
        .where(
            Consent.signature_id.in_(own),
            Consent.organisation_uri == organisation_uri,
            Consent.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
        .execution_options(synchronize_session=False)
    )

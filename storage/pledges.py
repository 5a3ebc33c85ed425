"""What people wrote into the form beside their signatures, before these are confirmed and after."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Coalition, ForeignCampaign, Signature
from storage.kinds_models import TargetLetter
from storage.models import Campaign
from storage.people_models import Consent, Person, Pledge, ShareLink


class Asked(Struct, frozen=True):
    """A signature that somebody asks for: to be confirmed by whoever reads mail at that address."""

    coalition_id: int
    item: bytes
    country: str
    person_id: int
    details_sealed: bytes
    shown: str
    reason_sealed: bytes | None
    language: str
    token: bytes
    network: bytes | None
    link_id: int | None
    consents: Sequence[tuple[str, str]]
    """The organisations that may write to them: URI and name."""
    ticked: int = 0
    """The bits of the answer or the roles that they chose."""


class Found(Struct, frozen=True):
    """What is behind a mailed link. `state` is the signature's."""

    signature_id: int
    coalition_id: int
    item: bytes
    country: str
    state: str
    asked_at: datetime
    person_id: int
    details_sealed: bytes
    reason_sealed: bytes | None
    shown: str
    language: str
    token: bytes
    link_id: int | None
    ticked: int
    serial: int


class Waiting(Struct, frozen=True):
    """A signature that is not confirmed yet, with whom to remind of it."""

    signature_id: int
    coalition_id: int
    item: bytes
    asked_at: datetime
    person_id: int
    address_sealed: bytes
    language: str


async def put(session: AsyncSession, given: Sequence[Asked], now: datetime) -> None:
    """Makes these signatures pending, each with what was written now, whatever was before.

    Confirmed ones must not be among them, nor one signature twice.
    """
    if not given:
        return
    dialect = batches.dialect_of(session)
    insert = batches.insert(dialect, Signature)
    new = insert.excluded
    again = {
        name: getattr(new, name)
        for name in (
            "country",
            "state",
            "serial",
            "asked_at",
            "confirmed_at",
            "withdrawn_at",
            "is_named",
            "ticked",
        )
    }
    await session.execute(
        insert.on_conflict_do_update(
            index_elements=["coalition_id", "item"],
            set_=again,
            where=(Signature.state == "pending") | (Signature.state == "withdrawn"),
        ),
        [
            {
                "coalition_id": each.coalition_id,
                "item": each.item,
                "country": each.country,
                "state": "pending",
                "serial": 0,
                "asked_at": now,
                "confirmed_at": None,
                "withdrawn_at": None,
                "is_named": each.shown != "nothing",
                "ticked": each.ticked,
            }
            for each in sorted(given, key=lambda each: (each.coalition_id, each.item))
        ],
    )
    # One that another process has confirmed meanwhile stays as it is.
    known = await _pending_ids(session, given)
    given = [each for each in given if (each.coalition_id, each.item) in known]
    await _forget_form(session, known.values())
    if not given:
        return
    await session.execute(
        batches.insert(dialect, Pledge),
        [
            {
                "signature_id": known[each.coalition_id, each.item],
                "person_id": each.person_id,
                "details_sealed": each.details_sealed,
                "shown": each.shown,
                "reason_sealed": each.reason_sealed,
                "reason_state": "pending",
                "language": each.language,
                "token": each.token,
                "network": each.network,
                "link_id": each.link_id,
                "reminded_at": None,
            }
            for each in given
        ],
    )
    consents = [
        {
            "signature_id": known[each.coalition_id, each.item],
            "organisation_uri": uri,
            "organisation_name": name,
            "given_at": now,
            "withdrawn_at": None,
        }
        for each in given
        for uri, name in each.consents
    ]
    if consents:
        await session.execute(batches.insert(dialect, Consent), consents)


async def by_tokens(session: AsyncSession, tokens: Collection[bytes]) -> dict[bytes, Found]:
    """What is behind links, by the SHA-256 of their tokens; nothing for those that are forgotten."""
    found: dict[bytes, Found] = {}
    for part in batches.parts(tokens):
        rows: Iterable[Any] = await session.execute(
            select(
                Signature.id,
                Signature.coalition_id,
                Signature.item,
                Signature.country,
                Signature.state,
                Signature.asked_at,
                Pledge.person_id,
                Pledge.details_sealed,
                Pledge.reason_sealed,
                Pledge.shown,
                Pledge.language,
                Pledge.token,
                Pledge.link_id,
                Signature.ticked,
                Signature.serial,
            )
            .join(Pledge, Pledge.signature_id == Signature.id)
            .where(Pledge.token.in_(part))
        )
        found |= {row.token: Found(*row) for row in rows}
    return found


async def open_coalitions(session: AsyncSession, coalition_ids: Collection[int]) -> dict[int, str]:
    """Those of these coalitions whose campaign takes signatures, ours or another's, with its kind."""
    rows = await session.execute(
        select(Coalition.id, func.coalesce(Campaign.kind, ForeignCampaign.kind))
        .outerjoin(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(ForeignCampaign, ForeignCampaign.id == Coalition.foreign_id)
        .where(
            Coalition.id.in_(coalition_ids),
            (Campaign.state == "published") | (ForeignCampaign.state == "published"),
        )
    )
    return {row[0]: row[1] for row in rows}


async def to_remind(session: AsyncSession, before: datetime, limit: int) -> list[Waiting]:
    """Pending signatures asked for before then whose people were not reminded, and get letters at all."""
    rows = await session.execute(
        _pending(before)
        .with_only_columns(
            Signature.id,
            Signature.coalition_id,
            Signature.item,
            Signature.asked_at,
            Person.id,
            Person.address_sealed,
            Pledge.language,
        )
        .join(Person, Person.id == Pledge.person_id)
        .where(Pledge.reminded_at.is_(None), Person.bounced_at.is_(None), Person.declined_at.is_(None))
        .order_by(Signature.id)
        .limit(limit)
    )
    return [Waiting(*row) for row in rows]


async def reminded(session: AsyncSession, signature_ids: Collection[int], now: datetime) -> None:
    """Notes that these people were reminded: nobody is twice."""
    for part in batches.parts(signature_ids):
        await session.execute(
            update(Pledge)
            .where(Pledge.signature_id.in_(part))
            .values(reminded_at=now)
            .execution_options(synchronize_session=False)
        )


async def forget(session: AsyncSession, signature_ids: Collection[int]) -> None:
    """Removes pending signatures with all that was written for them."""
    await forget_words(session, signature_ids)
    for part in batches.parts(signature_ids):
        await session.execute(
            update(ShareLink)
            .where(ShareLink.signature_id.in_(part))
            .values(signature_id=None)
            .execution_options(synchronize_session=False)
        )
        await session.execute(delete(Signature).where(Signature.id.in_(part), Signature.state == "pending"))


async def forget_words(session: AsyncSession, signature_ids: Collection[int]) -> None:
    """Removes what was written for these signatures, and leaves the signatures."""
    await disown(session, signature_ids)
    await _forget_form(session, signature_ids)


async def disown(session: AsyncSession, signature_ids: Collection[int]) -> None:
    """Takes back what was done with these signatures: nobody is named, and what was not sent yet is not.

    Letters that were sent stay, as nobody's.
    """
    if not signature_ids:
        return
    # Few campaigns have any.
    from storage.cosigner_models import Cosigner  # noqa: PLC0415

    for part in batches.parts(signature_ids):
        await session.execute(delete(Cosigner).where(Cosigner.signature_id.in_(part)))
        await session.execute(
            delete(TargetLetter).where(TargetLetter.signature_id.in_(part), TargetLetter.sent_at.is_(None))
        )
        await session.execute(
            update(TargetLetter)
            .where(TargetLetter.signature_id.in_(part))
            .values(signature_id=None)
            .execution_options(synchronize_session=False)
        )
        await session.execute(
            update(Signature)
            .where(Signature.id.in_(part), Signature.is_named)
            .values(is_named=False)
            .execution_options(synchronize_session=False)
        )


async def _forget_form(session: AsyncSession, signature_ids: Collection[int]) -> None:
    for part in batches.parts(signature_ids):
        await session.execute(delete(Consent).where(Consent.signature_id.in_(part)))
        await session.execute(delete(Pledge).where(Pledge.signature_id.in_(part)))


async def overdue(session: AsyncSession, before: datetime, limit: int) -> list[int]:
    """Pending signatures asked for before then, by row key."""
    query = _pending(before).with_only_columns(Signature.id).order_by(Signature.id).limit(limit)
    return list(await session.scalars(query))


async def forget_networks(session: AsyncSession, before: datetime) -> None:
    """Forgets from which networks the signatures came that were asked for before then."""
    old = (
        select(Pledge.signature_id)
        .join(Signature, Signature.id == Pledge.signature_id)
        .where(Pledge.network.is_not(None), Signature.asked_at < before)
    )
    await session.execute(
        update(Pledge)
        .where(Pledge.signature_id.in_(old.scalar_subquery()))
        .values(network=None)
        .execution_options(synchronize_session=False)
    )


def _pending(before: datetime) -> Select[Any]:
    # Every pending signature has the number 0, by which few are looked through.
    return (
        select(Signature.id)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .where(
            Signature.coalition_id.in_(select(Coalition.id)),
            Signature.serial == 0,
            Signature.state == "pending",
            Signature.asked_at < before,
        )
    )


async def _pending_ids(session: AsyncSession, given: Collection[Asked]) -> dict[tuple[int, bytes], int]:
    """The row keys of these signatures, of those that are pending."""
    found: dict[tuple[int, bytes], int] = {}
    for coalition_id in {each.coalition_id for each in given}:
        items = [each.item for each in given if each.coalition_id == coalition_id]
        for part in batches.parts(items):
            rows = await session.execute(
                select(Signature.item, Signature.id).where(
                    Signature.coalition_id == coalition_id,
                    Signature.item.in_(part),
                    Signature.state == "pending",
                )
            )
            found |= {(coalition_id, item): signature_id for item, signature_id in rows}
    return found

"""What becomes anonymous when its time is over: which coalitions, and the signatures of one, in steps."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    bindparam,
    delete,
    exists,
    func,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage import batches
from storage.coalition_models import Coalition, ForeignCampaign, Signature
from storage.columns import UtcTime
from storage.kinds_models import TargetLetter
from storage.models import Campaign
from storage.people_models import Anonymised, Consent, Door, Letter, Person, Pledge, ShareLink

_A_DAY: Final = 86_400_000


class Ended(Struct, frozen=True):
    """A coalition whose campaign takes no more; `months` is what that campaign itself asks for."""

    coalition_id: int
    ended_at: datetime
    months: int | None


async def ended(session: AsyncSession) -> list[Ended]:
    """The coalitions that have ended, and of whose people something may be kept still."""
    rows = await session.execute(
        select(
            Coalition.id,
            Campaign.closed_at,
            Campaign.deleted_at,
            ForeignCampaign.closed_at,
            ForeignCampaign.fetched_at,
            Campaign.retention_months,
        )
        .outerjoin(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(ForeignCampaign, ForeignCampaign.id == Coalition.foreign_id)
        .where(
            Campaign.state.in_(("closed", "deleted")) | ForeignCampaign.state.in_(("closed", "deleted")),
            Coalition.id.not_in(select(Anonymised.coalition_id)),
        )
        .order_by(Coalition.id)
    )
    found = []
    for coalition_id, closed, deleted, closed_there, fetched, months in rows:
        at = closed or deleted or closed_there or fetched
        if at is not None:
            found.append(Ended(coalition_id, at, months))
    return found


async def is_anonymised(session: AsyncSession, coalition_id: int) -> bool:
    return await session.get(Anonymised, coalition_id) is not None


async def next_ids(session: AsyncSession, coalition_id: int, after: int, limit: int) -> list[int]:
    """The row keys of the signatures that come after this one, in whatever state."""
    return list(
        await session.scalars(
            select(Signature.id)
            .where(Signature.coalition_id == coalition_id, Signature.id > after)
            .order_by(Signature.id)
            .limit(limit)
        )
    )


async def agreed(session: AsyncSession, signature_ids: Collection[int]) -> dict[int, bytes]:
    """Of these signatures those whose people may still be written to, with what they wrote, sealed."""
    rows = await session.execute(
        select(Pledge.signature_id, Pledge.details_sealed)
        .join(Signature, Signature.id == Pledge.signature_id)
        .where(
            Pledge.signature_id.in_(signature_ids),
            Signature.state == "confirmed",
            exists().where(Consent.signature_id == Pledge.signature_id, Consent.withdrawn_at.is_(None)),
        )
    )
    return {signature_id: details for signature_id, details in rows}  # noqa: C416 - a Result is no mapping


async def leftover(session: AsyncSession, limit: int) -> list[int]:
    """Signatures that are anonymous but for somebody who agreed to be written to, and has taken that back."""
    return list(
        await session.scalars(
            select(Pledge.signature_id)
            .join(Signature, Signature.id == Pledge.signature_id)
            .where(
                Signature.coalition_id.in_(select(Anonymised.coalition_id)),
                ~exists().where(Consent.signature_id == Pledge.signature_id, Consent.withdrawn_at.is_(None)),
            )
            .order_by(Pledge.signature_id)
            .limit(limit)
        )
    )


async def forget(session: AsyncSession, signature_ids: Collection[int], kept: Mapping[int, bytes]) -> None:
    """Cuts these signatures off from whoever gave them. Of those `kept` these details stay, sealed.

    The signatures stay, to be counted: with country and day.
    """
    # Few campaigns have any.
    from storage.cosigner_models import Cosigner  # noqa: PLC0415

    ids = list(signature_ids)
    gone = [each for each in ids if each not in kept]
    of_whom = set(await session.scalars(select(Pledge.person_id).where(Pledge.signature_id.in_(gone))))
    for model, values in (
        (ShareLink, {"signature_id": None}),
        (TargetLetter, {"signature_id": None, "content_sealed": None}),
        (Cosigner, {"role_sealed": None}),
    ):
        await session.execute(_all(update(model), model.signature_id.in_(ids)).values(**values))
    await session.execute(delete(Consent).where(Consent.signature_id.in_(gone)))
    await session.execute(delete(Pledge).where(Pledge.signature_id.in_(gone)))
    if kept:
        rows = cast(Table, Pledge.__table__)
        await session.execute(
            update(rows)
            .where(rows.c.signature_id == bindparam("of"))
            .values(
                details_sealed=bindparam("details"),
                shown="nothing",
                reason_sealed=None,
                token=None,
                network=None,
                link_id=None,
            ),
            [{"of": signature_id, "details": details} for signature_id, details in kept.items()],
        )
    await session.execute(
        _all(update(Signature), Signature.id.in_(ids)).values(
            item=_random(batches.dialect_of(session)),
            asked_at=_day_of(Signature.asked_at),
            confirmed_at=_day_of(Signature.confirmed_at),
            withdrawn_at=_day_of(Signature.withdrawn_at),
            is_named=False,
        )
    )
    await _forget_people(session, of_whom)


async def finish(session: AsyncSession, coalition_id: int, now: datetime) -> None:
    """Notes that nobody can be found behind these signatures any more."""
    number = await session.scalar(
        select(func.count()).where(Signature.coalition_id == coalition_id, Signature.state == "confirmed")
    )
    session.add(Anonymised(coalition_id=coalition_id, at=now, signatures=number or 0))
    await session.flush()


async def _forget_people(session: AsyncSession, person_ids: Collection[int]) -> None:
    """Forgets those of these people who have signed nothing else; that they want no letters stays."""
    alone = list(
        await session.scalars(
            select(Person.id).where(Person.id.in_(person_ids), ~exists().where(Pledge.person_id == Person.id))
        )
    )
    await session.execute(delete(Door).where(Door.person_id.in_(alone)))
    await session.execute(delete(Letter).where(Letter.person_id.in_(alone)))
    await session.execute(
        _all(update(Person), Person.id.in_(alone) & Person.declined_at.is_not(None)).values(
            address_sealed=b"", domain=""
        )
    )
    await session.execute(delete(Person).where(Person.id.in_(alone), Person.declined_at.is_(None)))


def _all(statement: Any, condition: ColumnElement[bool]) -> Any:
    return statement.where(condition).execution_options(synchronize_session=False)


def _random(dialect: str) -> ColumnElement[bytes]:
    """Another one for each row: what nobody's address leads to."""
    if dialect == "sqlite":
        return func.randomblob(32)
    return func.sha256(func.uuid_send(func.gen_random_uuid()))


def _day_of(column: Any) -> ColumnElement[Any]:
    """A time cut down to its day (UTC): the millisecond would tell one signature from another."""
    milliseconds = type_coerce(column, BigInteger)
    return type_coerce(milliseconds - milliseconds % _A_DAY, UtcTime)

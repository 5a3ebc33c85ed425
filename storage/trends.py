"""Signatures of late by network, mail domain and time, to tell waves of fakes; never by person.

A network is a keyed hash; a mail domain of fewer than FOLDED signatures is among the others.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, func, or_, select, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from storage.coalition_models import Coalition, ForeignCampaign, Signature
from storage.columns import from_milliseconds
from storage.models import Campaign
from storage.people_models import Person, Pledge

FOLDED: Final = 5
COUNTED: Final = ("confirmed", "pending")
"""What can be taken out."""
_ASKED_AT: Final = type_coerce(Signature.asked_at, BigInteger)


class Numbers(NamedTuple):
    """Of some signatures: how many were asked for, and what has become of them.

    `waited` were asked for long enough ago to be confirmed by now; `unconfirmed` are those that are not.
    """

    asked: int
    confirmed: int
    pending: int
    invalid: int
    waited: int
    unconfirmed: int


class Group(Struct, frozen=True):
    """What came from one network or one mail domain. `peak` is the most within an hour."""

    key: bytes | str
    numbers: Numbers
    first_at: datetime
    last_at: datetime
    peak: int


class Slot(Struct, frozen=True):
    """What came in an hour or a day, from `at` on."""

    at: datetime
    asked: int
    confirmed: int
    invalid: int


class Row(Struct, frozen=True):
    """A campaign, by slug and origin (None: ours), and what came of late."""

    slug: str
    origin: str | None
    total: int
    numbers: Numbers


class Span(Struct, frozen=True):
    """The signatures of a coalition that were asked for from `since` to before `until`."""

    coalition_id: int
    since: datetime
    until: datetime


class Selection(Struct, frozen=True):
    """Of a span what came from any of these networks or domains; with `both` from one of each.

    With neither, the whole span.
    """

    span: Span
    networks: Collection[bytes] = ()
    domains: Collection[str] = ()
    both: bool = False


class Sample(Struct, frozen=True):
    """One signature of a selection. `details_sealed` is None where nothing is kept of who signed."""

    asked_at: datetime
    country: str
    state: str
    details_sealed: bytes | None


async def campaigns(session: AsyncSession, since: datetime, waited_before: datetime) -> list[Row]:
    """What came of late for each campaign, ours and others', the most first; those without are left out."""
    rows = await session.execute(
        select(
            func.coalesce(Campaign.slug, ForeignCampaign.slug),
            ForeignCampaign.origin,
            Coalition.signatures,
            *_numbers(waited_before),
        )
        .select_from(Coalition)
        .join(Signature, Signature.coalition_id == Coalition.id)
        .outerjoin(Campaign, Campaign.id == Coalition.campaign_id)
        .outerjoin(ForeignCampaign, ForeignCampaign.id == Coalition.foreign_id)
        .where(Signature.asked_at >= since, or_(Campaign.id.is_not(None), ForeignCampaign.id.is_not(None)))
        .group_by(Coalition.id, Campaign.slug, ForeignCampaign.slug, ForeignCampaign.origin)
        .order_by(func.count().desc(), Coalition.id)
    )
    return [Row(slug, origin, total, _read(numbers)) for slug, origin, total, *numbers in rows]


async def total(session: AsyncSession, span: Span, waited_before: datetime) -> Numbers:
    row = (await session.execute(select(*_numbers(waited_before)).where(_within(span)))).one()
    return _read(row)


async def by_network(session: AsyncSession, span: Span, waited_before: datetime, limit: int) -> list[Group]:
    """The networks that most came from; what is of none, or of one that is forgotten, is left out."""
    return await _groups(session, span, Pledge.network, waited_before, least=1, limit=limit)


async def by_domain(session: AsyncSession, span: Span, waited_before: datetime, limit: int) -> list[Group]:
    """The mail domains that most came from; small ones are left out."""
    return await _groups(session, span, Person.domain, waited_before, least=FOLDED, limit=limit)


async def known_before(session: AsyncSession, domains: Collection[str], before: datetime) -> dict[str, int]:
    """How many people of these mail domains were here before then."""
    rows = await session.execute(
        select(Person.domain, func.count())
        .where(Person.domain.in_(domains), Person.created_at < before)
        .group_by(Person.domain)
    )
    return {domain: number for domain, number in rows}  # noqa: C416 - a Result is no mapping


async def people_before(session: AsyncSession, before: datetime) -> int:
    """How many people were here before then."""
    return (
        await session.scalar(select(func.count()).select_from(Person).where(Person.created_at < before)) or 0
    )


async def by_slot(session: AsyncSession, span: Span, width: int) -> list[Slot]:
    """What came in each stretch of so many milliseconds; those without anything are left out."""
    slot = _ASKED_AT.op("/")(width)
    rows = await session.execute(
        select(slot.label("slot"), func.count(), _number("confirmed"), _number("invalid"))
        .where(_within(span))
        .group_by("slot")
        .order_by("slot")
    )
    return [
        Slot(from_milliseconds(int(number) * width), asked, int(confirmed), int(invalid))
        for number, asked, confirmed, invalid in rows
    ]


async def countries(session: AsyncSession, selection: Selection) -> list[tuple[str, str, int]]:
    """Country, state (of COUNTED) and number of what can be taken out of a selection."""
    rows = await session.execute(
        _selected(selection, Signature.country, Signature.state, func.count())
        .group_by(Signature.country, Signature.state)
        .order_by(func.count().desc(), Signature.country)
    )
    return [(country, state, number) for country, state, number in rows]


async def sample(session: AsyncSession, selection: Selection, limit: int) -> list[Sample]:
    """Some of a selection, by chance."""
    columns = (Signature.asked_at, Signature.country, Signature.state, Pledge.details_sealed)
    rows = await session.execute(_selected(selection, *columns).order_by(func.random()).limit(limit))
    return sorted((Sample(*row) for row in rows), key=lambda each: each.asked_at)


async def keys(
    session: AsyncSession, selection: Selection, after: tuple[int, int], limit: int
) -> list[tuple[int, int]]:
    """What can be taken out of a selection, in the order of time, after such a pair: time (ms), row key."""
    since = max(selection.span.since, from_milliseconds(after[0]))
    rest = replace(selection, span=replace(selection.span, since=since))
    rows = await session.execute(
        _selected(rest, _ASKED_AT, Signature.id)
        .where(tuple_(_ASKED_AT, Signature.id) > tuple_(*after))
        .order_by(_ASKED_AT, Signature.id)
        .limit(limit)
    )
    return [(at, key) for at, key in rows]


def _within(span: Span) -> ColumnElement[bool]:
    return and_(
        Signature.coalition_id == span.coalition_id,
        Signature.asked_at >= span.since,
        Signature.asked_at < span.until,
    )


def _selected(selection: Selection, *columns: Any) -> Select[*tuple[Any, ...]]:
    conditions = []
    if selection.networks:
        conditions.append(Pledge.network.in_(selection.networks))
    if selection.domains:
        conditions.append(Person.domain.in_(selection.domains))
    query = (
        select(*columns)
        .select_from(Signature)
        .outerjoin(Pledge, Pledge.signature_id == Signature.id)
        .outerjoin(Person, Person.id == Pledge.person_id)
        .where(_within(selection.span), Signature.state.in_(COUNTED))
    )
    if conditions:
        query = query.where(and_(*conditions) if selection.both else or_(*conditions))
    return query


def _number(state: str) -> ColumnElement[int]:
    return func.sum(case((Signature.state == state, 1), else_=0))


def _numbers(waited_before: datetime) -> list[ColumnElement[int]]:
    has_waited = and_(Signature.asked_at < waited_before, Signature.state != "invalid")
    return [
        func.count(),
        _number("confirmed"),
        _number("pending"),
        _number("invalid"),
        func.sum(case((has_waited, 1), else_=0)),
        func.sum(case((and_(has_waited, Signature.state == "pending"), 1), else_=0)),
    ]


def _read(row: Any) -> Numbers:
    return Numbers(*(int(number or 0) for number in row))


async def _groups(
    session: AsyncSession,
    span: Span,
    key: Any,
    waited_before: datetime,
    *,
    least: int,
    limit: int,
) -> list[Group]:
    query = (
        select(key, func.min(Signature.asked_at), func.max(Signature.asked_at), *_numbers(waited_before))
        .select_from(Signature)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .join(Person, Person.id == Pledge.person_id)
        .where(_within(span), key.is_not(None), key != _nothing(key))
        .group_by(key)
        .having(func.count() >= least)
        .order_by(func.count().desc(), key)
        .limit(limit)
    )
    rows = list(await session.execute(query))
    peaks = await _peaks(session, span, key, [row[0] for row in rows])
    return [
        Group(found, _read(numbers), first_at, last_at, peaks.get(found, 0))
        for found, first_at, last_at, *numbers in rows
    ]


def _nothing(key: Any) -> bytes | str:
    return b"" if key is Pledge.network else ""


async def _peaks(session: AsyncSession, span: Span, key: Any, among: Collection[Any]) -> dict[Any, int]:
    """The most within one hour by the clock, by key."""
    hours = (
        select(key.label("key"), _ASKED_AT.op("/")(3_600_000).label("hour"), func.count().label("number"))
        .select_from(Signature)
        .join(Pledge, Pledge.signature_id == Signature.id)
        .join(Person, Person.id == Pledge.person_id)
        .where(_within(span), key.in_(among))
        .group_by("key", "hour")
        .subquery()
    )
    rows = await session.execute(select(hours.c.key, func.max(hours.c.number)).group_by(hours.c.key))
    return {found: number for found, number in rows}  # noqa: C416 - a Result is no mapping

"""Who signs of late: by network, mail domain and time, with what stands out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.people import unusual
from fedicause.web import gather, served
from fedicause.web.admin import frame
from fedicause.web.keys import INSTANCE
from storage import campaigns, coalitions, foreign, invalidations, trends
from storage.coalition_models import Coalition
from storage.columns import EPOCH, MILLISECOND
from storage.trends import Group, Numbers, Slot, Span

PATH: Final = "/admin/people"
SHOWN: Final = 25
_HOUR: Final = timedelta(hours=1)
_PAST: Final = 10

routes = web.RouteTableDef()


class Period(Struct, frozen=True):
    """How far back is looked, in what steps."""

    length: timedelta
    step: timedelta


PERIODS: Final[Mapping[str, Period]] = {
    "day": Period(timedelta(days=1), _HOUR),
    # Networks are forgotten after as long.
    "week": Period(timedelta(days=7), timedelta(days=1)),
}


class Shown(Struct, frozen=True):
    """A network or mail domain; `key` stands for it in forms."""

    key: str
    label: str
    group: Group
    marks: Sequence[str]


class Bar(Struct, frozen=True):
    """A stretch of time; `share` of 100 is how long its bar is."""

    slot: Slot
    share: float
    is_odd: bool


@routes.get(PATH)
@frame.staff("moderate")
async def every(request: web.Request) -> web.Response:
    """All campaigns that were signed of late."""
    name, period = period_of(request)
    now = request.app[INSTANCE].now()
    async with request.app[INSTANCE].database.reading() as session:
        listed = await trends.campaigns(session, now - period.length, now - unusual.WAIT)
    return await frame.render_admin(
        request,
        "admin/trends.html",
        period=name,
        listed=[
            (address_of(each.slug, each.origin), each, unusual.of_campaign(each.numbers)) for each in listed
        ],
    )


@routes.get(PATH + "/{campaign}")
@frame.staff("moderate")
async def one(request: web.Request) -> web.Response:
    """One campaign."""
    return await show(request)


async def show(request: web.Request, *, problem: str = "", status: int = 200) -> web.Response:
    """The page of one campaign; `problem` is what was wrong with its form."""
    name, period = period_of(request)
    now = request.app[INSTANCE].now()
    async with request.app[INSTANCE].database.reading() as session:
        coalition = await coalition_of(session, request.match_info["campaign"])
        span = Span(coalition.id, now - period.length, now + MILLISECOND)
        total = await trends.total(session, span, now - unusual.WAIT)
        networks = await _networks(session, span, total, now, period)
        domains = await _domains(session, span, total, now, period)
        slots = await trends.by_slot(session, span, period.step // MILLISECOND)
        past = await invalidations.of(session, coalition.id, _PAST)
    return await frame.render_admin(
        request,
        "admin/trends_campaign.html",
        status=status,
        campaign=request.match_info["campaign"],
        signatures=coalition.signatures,
        period=name,
        total=total,
        marks=unusual.of_campaign(total),
        networks=networks,
        domains=domains,
        folded=trends.FOLDED,
        bars=_bars(slots, span, period),
        past=past,
        # Fields for times know minutes, and the last one is meant too.
        since=span.since.replace(second=0, microsecond=0),
        until=(now + timedelta(minutes=1)).replace(second=0, microsecond=0),
        problem=problem,
    )


def period_of(request: web.Request) -> tuple[str, Period]:
    """What the query asks for, with its name; raises gather.Missing for what is none."""
    name = request.query.get("period", "day")
    if name not in PERIODS:
        raise gather.Missing(name)
    return name, PERIODS[name]


async def coalition_of(session: AsyncSession, address: str) -> Coalition:
    """The coalition of `slug` or `slug@origin`; raises gather.Missing."""
    slug, origin = served.split_address(address)
    if origin is None:
        ours = await campaigns.by_slug(session, slug)
        found = await coalitions.of_campaign(session, ours.id) if ours else None
    else:
        theirs = await foreign.by_address(session, slug, origin)
        found = await coalitions.of_foreign(session, theirs.id) if theirs else None
    if found is None:
        raise gather.Missing(address)
    return found


def address_of(slug: str, origin: str | None) -> str:
    return f"{slug}@{origin}" if origin else slug


async def _networks(
    session: AsyncSession, span: Span, total: Numbers, now: datetime, period: Period
) -> list[Shown]:
    found = []
    for group in await trends.by_network(session, span, now - unusual.WAIT, SHOWN):
        key = bytes(group.key).hex() if isinstance(group.key, bytes) else ""
        marks = unusual.of_network(group, total, period.length // _HOUR)
        found.append(Shown(key, f"{key[:4]}…", group, marks))
    return found


async def _domains(
    session: AsyncSession, span: Span, total: Numbers, now: datetime, period: Period
) -> list[Shown]:
    groups = await trends.by_domain(session, span, now - unusual.WAIT, SHOWN)
    known = await trends.known_before(session, [str(group.key) for group in groups], span.since)
    people = await trends.people_before(session, span.since)
    found = []
    for group in groups:
        marks = unusual.of_domain(group, total, period.length // _HOUR, known=known, people=people)
        found.append(Shown(str(group.key), str(group.key), group, marks))
    return found


def _bars(slots: Sequence[Slot], span: Span, period: Period) -> list[Bar]:
    """Every stretch of the span, the newest first; those without anything too."""
    first = EPOCH + (span.since - EPOCH) // period.step * period.step
    number = (span.until - first) // period.step + 1
    known = {slot.at: slot for slot in slots}
    odd = {slots[place].at for place in unusual.slots(slots, number)}
    most = max((slot.asked for slot in slots), default=0) or 1
    listed = [known.get(at, Slot(at, 0, 0, 0)) for at in (first + n * period.step for n in range(number))]
    return [Bar(slot, round(100 * slot.asked / most, 1), slot.at in odd) for slot in reversed(listed)]

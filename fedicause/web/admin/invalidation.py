"""Fakes are taken out of a campaign's count, after a look at what that would change; and put back."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.people import invalidate, signatories
from fedicause.seal import Seal
from fedicause.web import gather, transactions
from fedicause.web.admin import frame, ticked
from fedicause.web.admin.trends import PATH, coalition_of, show
from fedicause.web.keys import INSTANCE
from storage import coalitions, invalidations, trends
from storage.moderation_models import Invalidation
from storage.trends import Sample, Selection, Span

SAMPLE: Final = 12
MOST_COUNTRIES: Final = 8
_NETWORK: Final = re.compile(r"[0-9a-f]{64}")
_ROW: Final = "{fakes:[1-9][0-9]{0,17}}"

routes = web.RouteTableDef()


class _Unreadable(Exception):
    """The form says nothing that could be taken out: `problem` names why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Somebody(Struct, frozen=True):
    """A signature of the sample: initials at most."""

    initials: str
    at: datetime
    country: str
    state: str


@routes.post(PATH + "/{campaign}/preview")
@frame.staff("moderate")
async def preview(request: web.Request) -> web.Response:
    """What would be taken out; nothing is."""
    instance = request.app[INSTANCE]
    try:
        async with instance.database.reading() as session:
            coalition = await coalition_of(session, request.match_info["campaign"])
            selection = _selection(request, coalition.id)
            parts = await trends.countries(session, selection)
            some = await trends.sample(session, selection, SAMPLE)
    except _Unreadable as error:
        return await show(request, problem=error.problem, status=422)
    states, countries = Counter[str](), Counter[str]()
    for country, state, number in parts:
        states[state] += number
        countries[country] += number
    if not states:
        return await show(request, problem="nothing", status=422)
    return await frame.render_admin(
        request,
        "admin/trends_preview.html",
        campaign=request.match_info["campaign"],
        selection=selection,
        networks=[each.hex() for each in selection.networks],
        states=states,
        number=states.total(),
        before=coalition.signatures,
        after=coalition.signatures - states["confirmed"],
        countries=countries.most_common(MOST_COUNTRIES),
        sample=[_somebody(instance.seal, each) for each in some],
    )


@routes.post(PATH + "/{campaign}/fakes")
@frame.staff("moderate")
async def take_out(request: web.Request) -> web.Response:
    """Takes out what the preview showed."""
    address = request.match_info["campaign"]
    async with request.app[INSTANCE].database.reading() as session:
        coalition = await coalition_of(session, address)
    try:
        selection = _selection(request, coalition.id)
    except _Unreadable as error:
        return await show(request, problem=error.problem, status=422)
    begun = await frame.change(
        request,
        lambda session, here: invalidate.start(session, here, selection),
        deed="fakes.begin",
        about=address,
    )
    return await _take_out(request, begun, selection)


@routes.post(PATH + "/{campaign}/fakes/" + _ROW + "/go-on")
@frame.staff("moderate")
async def go_on(request: web.Request) -> web.Response:
    """Takes out what is left of something that was interrupted."""
    begun, _ = await _begun(request)
    selection = invalidate.selection_of(begun)
    if selection is None:
        return frame.see(_place(request, begun))
    return await _take_out(request, begun, selection)


@routes.post(PATH + "/{campaign}/fakes/" + _ROW + "/restore")
@frame.staff("moderate")
async def restore(request: web.Request) -> web.Response:
    """Puts back what was taken out at once."""
    instance = request.app[INSTANCE]
    begun, _ = await _begun(request)
    if begun.done_at is None:
        # What is still wanted out would be taken out again by whoever goes on.
        await frame.change(
            request,
            lambda session, here: invalidate.finish(session, here, begun.id),
            deed="fakes.done",
            about=request.match_info["campaign"],
        )
    after = 0
    while True:
        async with instance.database.reading() as session:
            keys = await invalidations.keys(session, begun.id, after, invalidate.AT_ONCE)
        if not keys:
            break
        after = keys[-1]
        await _step(instance, begun, keys, invalidate.restore)
    await frame.change(
        request,
        lambda session, here: invalidate.end_restore(session, here, begun.id),
        deed="fakes.restore",
        about=lambda row: f"{request.match_info['campaign']}: {row.restored:,}",
    )
    instance.hints.ring("tallies")
    return frame.done(_place(request, begun), "restored")


@routes.get(PATH + "/{campaign}/fakes/" + _ROW)
@frame.staff("moderate")
async def result(request: web.Request) -> web.Response:
    """What was taken out, and the count before and after."""
    begun, signatures = await _begun(request)
    since, until = invalidate.span_of(begun)
    async with request.app[INSTANCE].database.reading() as session:
        counted = await invalidations.counted(session, begun.coalition_id)
    return await frame.render_admin(
        request,
        "admin/trends_fakes.html",
        campaign=request.match_info["campaign"],
        fakes=begun,
        since=since,
        until=until,
        signatures=signatures,
        counted=counted,
    )


async def _take_out(request: web.Request, begun: Invalidation, selection: Selection) -> web.Response:
    """A few thousand at a time, each in a transaction of its own: whoever signs meanwhile hardly waits."""
    instance = request.app[INSTANCE]
    after = (0, 0)
    while True:
        async with instance.database.reading() as session:
            keys = await trends.keys(session, selection, after, invalidate.AT_ONCE)
        if not keys:
            break
        after = keys[-1]
        await _step(instance, begun, [key for _, key in keys], invalidate.some)
    await frame.change(
        request,
        lambda session, here: invalidate.finish(session, here, begun.id),
        deed="fakes.done",
        about=lambda row: f"{request.match_info['campaign']}: {row.confirmed + row.pending:,}",
    )
    instance.hints.ring("tallies")
    return frame.done(_place(request, begun), "done")


async def _step(instance: Instance, begun: Invalidation, keys: Sequence[int], verb: invalidate.Step) -> None:
    async def work(session: AsyncSession, here: Here) -> int:
        return await verb(session, here, begun, keys)

    await transactions.change(instance, work)


async def _begun(request: web.Request) -> tuple[Invalidation, int]:
    """What the path names, and the tally as it is now; raises gather.Missing."""
    async with request.app[INSTANCE].database.reading() as session:
        coalition = await coalition_of(session, request.match_info["campaign"])
        found = await invalidations.by_id(session, int(request.match_info["fakes"]))
        if found is None or found.coalition_id != coalition.id:
            raise gather.Missing("fakes")
        now = await coalitions.by_id(session, coalition.id)
    return found, now.signatures if now else 0


def _place(request: web.Request, begun: Invalidation) -> str:
    return f"{PATH}/{request.match_info['campaign']}/fakes/{begun.id}"


def _selection(request: web.Request, coalition_id: int) -> Selection:
    """What the form chooses; raises _Unreadable."""
    networks = [bytes.fromhex(each) for each in ticked.words(request, "network") if _NETWORK.fullmatch(each)]
    domains = [each.lower() for each in ticked.words(request, "domain") if each]
    since, until = (_moment(frame.text(request, name, 40)) for name in ("since", "until"))
    if since >= until:
        raise _Unreadable("times")
    return Selection(
        Span(coalition_id, since, until),
        networks=networks,
        domains=domains,
        both=frame.text(request, "match", 10) == "both",
    )


def _moment(written: str) -> datetime:
    """What a field for times holds, in UTC."""
    try:
        at = datetime.fromisoformat(written)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Unreadable("times") from error
    if not 1970 < at.year < 9000:
        raise _Unreadable("times")
    return at


def _somebody(seal: Seal, row: Sample) -> Somebody:
    name = signatories.details(seal, row.details_sealed).get("name", "") if row.details_sealed else ""
    return Somebody(signatories.initials(str(name)) if name else "–", row.asked_at, row.country, row.state)

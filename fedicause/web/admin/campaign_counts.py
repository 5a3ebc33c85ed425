"""Counts that were handed in elsewhere, on paper or in an official system: with their date and source."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, support
from fedicause.campaigning import elsewhere, goals
from fedicause.fields import Unusable
from fedicause.here import Here
from fedicause.web.admin import campaign_head, frame
from fedicause.web.keys import INSTANCE
from storage import elsewhere as entered
from storage.coalition_models import ElsewhereCount

COUNTS: Final = campaign_head.ONE + "/counts"
_FIELDS: Final = ("source", "count", "country", "day")

routes = web.RouteTableDef()


@routes.get(COUNTS)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(COUNTS)
@frame.staff("campaigns")
async def enter(request: web.Request) -> web.Response:
    values = {field: frame.text(request, field, 300) for field in _FIELDS}
    problems = _problems(values)
    if problems:
        return await _show(request, values, problems, status=422)
    slug = request.match_info["slug"]
    try:
        await frame.change(
            request,
            lambda session, here: elsewhere.enter(
                session,
                slug=slug,
                source=values["source"],
                count=fields.people(values["count"]),
                country=values["country"] or None,
                counted_on=fields.day(values["day"]),
                now=here.now,
            ),
            deed="campaign.count",
            about=lambda row: f"{slug}: {row.source}, {row.count:,}",
        )
    except Unusable:
        # All else was looked at before.
        return await _show(request, values, {"day": "future"}, status=422)
    return frame.done(f"{campaign_head.PATH}/{slug}/counts", "entered")


@routes.post(COUNTS + r"/{count:[1-9]\d{0,17}}/remove")
@frame.staff("campaigns")
async def remove(request: web.Request) -> web.Response:
    """Forgets a count of this campaign, as if it had never been entered."""
    count_id = int(request.match_info["count"])
    async with request.app[INSTANCE].database.reading() as session:
        campaign, _ = await campaign_head.find(session, request)

    async def verb(session: AsyncSession, _here: Here) -> ElsewhereCount:
        rows = {row.id: row for row in await entered.every(session, campaign.id)}
        if count_id not in rows:
            raise elsewhere.Unknown(f"There is no count {count_id}")
        await elsewhere.remove(session, count_id)
        return rows[count_id]

    await frame.change(
        request,
        verb,
        deed="campaign.count_remove",
        about=lambda row: f"{campaign.slug}: {row.source}, {row.count:,}",
    )
    return frame.done(f"{campaign_head.PATH}/{campaign.slug}/counts", "removed")


def _problems(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each field, as words for the template."""
    checks: dict[str, Callable[[str], object]] = {
        "source": lambda value: fields.line_of(value, elsewhere.SOURCE_LENGTH),
        "count": fields.people,
        "country": fields.country,
        "day": fields.day,
    }
    found = {}
    for field, check in checks.items():
        if not values[field]:
            if field != "country":
                found[field] = "missing"
            continue
        try:
            check(values[field])
        except Unusable:
            found[field] = "wrong"
    return found


async def _show(
    request: web.Request,
    values: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        every = await entered.every(session, campaign.id)
        holding = {row.id for row in await entered.of_campaign(session, campaign.id)}
        counted = await support.of_campaign(session, instance.urls, campaign, instance.now())
    asked = goals.of_campaign(campaign.thresholds, campaign.registered_at)
    reached = sum(each.reached for each in goals.progress(asked, counted["countries"])) if asked else 0
    return await frame.render_admin(
        request,
        "admin/campaign_counts.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        every=every,
        holding=holding,
        counted=counted,
        thresholds=asked,
        reached=reached,
        values=values or {"source": "", "count": "", "country": "", "day": f"{instance.now():%Y-%m-%d}"},
        wrong=problems or {},
    )

"""How a campaign stands: the last look before it is published, now or later, and its end."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import announce, publish, support
from fedicause.campaigning import conclude, pictures, schedule
from fedicause.campaigning.launch import launch
from fedicause.fediverse import describe
from fedicause.fields import Unusable
from fedicause.here import Here
from fedicause.web import cards, gather
from fedicause.web.admin import campaign_editor, campaign_head, frame
from fedicause.web.keys import INSTANCE
from fedicause.web.transactions import Verb
from storage import campaigns, counts, local_actors, mailings
from storage.models import Campaign, CampaignText

STATE: Final = campaign_head.ONE + "/state"
MOST_AGREED: Final = 10_000
# No clock is further from UTC.
_FURTHEST: Final = 14 * 60

routes = web.RouteTableDef()


class Audience(Struct, frozen=True):
    """Who hears of a campaign: followers of the organisation and of the campaign, and on how many servers."""

    followers: int
    servers: int
    own_followers: int
    hashtags: tuple[str, ...]
    agreed: int
    """Signatures with a consent to letters, counted up to MOST_AGREED."""


@routes.get(STATE)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(campaign_head.ONE + "/publish")
@frame.staff("campaigns")
async def publish_now(request: web.Request) -> web.Response:
    """Publishes what was looked at; what somebody has changed since is looked at again."""
    slug = request.match_info["slug"]

    async def verb(session: AsyncSession, here: Here) -> Campaign:
        campaign = await publish.find(session, slug, lock=True)
        publish.check_seen(campaign_editor.seen(request), campaign.changed_at)
        return await launch(session, here, slug)

    try:
        await frame.change(request, verb, deed="campaign.publish", about=slug)
    except publish.ChangedMeanwhile:
        return await _show(request, problem="changed", status=409)
    except publish.Closed:
        return await _show(request, problem="over", status=409)
    return frame.done(_path(request), "published")


@routes.post(campaign_head.ONE + "/schedule")
@frame.staff("campaigns")
async def put(request: web.Request) -> web.Response:
    slug = request.match_info["slug"]
    when = frame.text(request, "when", 40)
    offset = frame.text(request, "offset", 10)
    try:
        at = _moment(when, offset)
        await _change(
            request,
            lambda session, here: schedule.put(session, slug=slug, at=at, now=here.now),
            deed="campaign.schedule",
            about=lambda campaign: f"{campaign.slug}: {at:%Y-%m-%d %H:%M} UTC",
        )
    except Unusable:
        return await _show(request, problem="when", values={"when": when, "offset": offset}, status=422)
    except publish.Closed:
        return await _show(request, problem="ends", values={"when": when, "offset": offset}, status=422)
    return frame.done(_path(request), "scheduled")


@routes.post(campaign_head.ONE + "/unschedule")
@frame.staff("campaigns")
async def drop(request: web.Request) -> web.Response:
    slug = request.match_info["slug"]
    await _change(
        request,
        lambda session, here: schedule.drop(session, slug=slug, now=here.now),
        deed="campaign.unschedule",
        about=slug,
    )
    return frame.done(_path(request), "unscheduled")


@routes.post(campaign_head.ONE + "/close")
@frame.staff("campaigns")
async def close(request: web.Request) -> web.Response:
    slug = request.match_info["slug"]
    await _change(
        request,
        lambda session, here: publish.close(session, urls=here.urls, slug=slug, now=here.now),
        deed="campaign.close",
        about=slug,
    )
    return frame.done(_path(request), "closed")


@routes.post(campaign_head.ONE + "/reopen")
@frame.staff("campaigns")
async def reopen(request: web.Request) -> web.Response:
    slug = request.match_info["slug"]
    await _change(
        request,
        lambda session, here: conclude.reopen(session, urls=here.urls, slug=slug, now=here.now),
        deed="campaign.reopen",
        about=slug,
    )
    return frame.done(_path(request), "reopened")


@routes.post(campaign_head.ONE + "/delete")
@frame.staff("campaigns")
async def delete(request: web.Request) -> web.Response:
    """Deletes it for good, for who has typed its name."""
    slug = request.match_info["slug"]
    if frame.text(request, "confirm", 100).lower() != slug:
        return await _show(request, problem="confirm", status=422)

    async def verb(session: AsyncSession, here: Here) -> str | None:
        picture = await publish.delete(session, urls=here.urls, slug=slug, now=here.now)
        return picture if picture and picture not in await campaigns.pictures(session) else None

    unused = await frame.change(request, verb, deed="campaign.delete", about=slug)
    if unused is not None:
        await asyncio.to_thread(pictures.remove, unused, request.app[INSTANCE].settings.media)
    return frame.done(campaign_head.PATH, "deleted")


async def audience(session: AsyncSession, request: web.Request, campaign: Campaign) -> Audience:
    _, organisation = await local_actors.organisation(session)
    inboxes = set(await announce.subscribers(session, organisation))
    actor = await local_actors.by_id(session, campaign.actor_id)
    if actor is not None:
        inboxes |= set(await announce.subscribers(session, actor))
    urls = request.app[INSTANCE].urls
    return Audience(
        followers=(await counts.of(session, organisation.id)).subscriptions,
        servers=len(inboxes),
        own_followers=(await counts.of(session, campaign.actor_id)).subscriptions,
        hashtags=tuple(describe.hashtags(urls, campaign)),
        agreed=await mailings.agreed(
            session, campaign.id, urls.actor(organisation.name, organisation.kind), MOST_AGREED
        ),
    )


async def _show(
    request: web.Request,
    *,
    problem: str = "",
    values: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        heard = await audience(session, request, campaign)
        card = await _card(session, request, campaign, texts)
    at = campaign.publish_at
    return await frame.render_admin(
        request,
        "admin/campaign_state.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        campaign=campaign,
        card=card,
        audience=heard,
        lacks=_lacks(campaign, texts),
        is_over=campaign.ends_at is not None and campaign.ends_at <= instance.now(),
        seen=campaign_editor.version(campaign.changed_at),
        written=values or {"when": f"{at:%Y-%m-%dT%H:%M}" if at else "", "offset": "0"},
        earliest=f"{instance.now() - timedelta(days=1):%Y-%m-%dT%H:%M}",
        problem=problem,
    )


async def _card(
    session: AsyncSession, request: web.Request, campaign: Campaign, texts: dict[str, CampaignText]
) -> Any:
    instance = request.app[INSTANCE]
    site = await gather.site_of(session, instance)
    counted = await support.of_campaign(session, instance.urls, campaign, instance.now())
    return cards.ours(instance, site.name, campaign, texts, counted, subscriptions=0)


def _lacks(campaign: Campaign, texts: dict[str, CampaignText]) -> list[str]:
    """What a campaign can do without, and had better not: words for the template."""
    return [
        lack
        for lack, is_lacking in (
            ("picture", not campaign.picture),
            ("goal", not campaign.goal),
            ("privacy", not campaign.privacy),
            ("translations", bool(campaign_head.outdated(campaign, texts))),
        )
        if is_lacking
    ]


async def _change(request: web.Request, verb: Verb[Campaign], *, deed: str, about: Any) -> Campaign:
    return await frame.change(request, verb, deed=deed, about=about)


def _moment(when: str, offset: str) -> datetime:
    """A time of day as a browser gives it, whose clock is so many minutes before UTC. Raises Unusable."""
    try:
        minutes = int(offset or "0")
        moment = datetime.fromisoformat(when)
        if abs(minutes) > _FURTHEST or moment.tzinfo is not None:
            raise Unusable(when)
        return moment.replace(tzinfo=UTC) - timedelta(minutes=minutes)
    except Unusable:
        raise
    except (ValueError, OverflowError) as error:
        raise Unusable(f"`{when}` is no time") from error


def _path(request: web.Request) -> str:
    return f"{campaign_head.PATH}/{request.match_info['slug']}/state"

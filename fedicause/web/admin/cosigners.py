"""Which organisations that sign an open letter are listed, and those whose own accounts endorse it."""

from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import partners
from fedicause.here import Here
from fedicause.people import signatories
from fedicause.signing import cosign
from fedicause.web.admin import campaign_head, frame
from fedicause.web.keys import INSTANCE
from storage import coalitions
from storage import signatories as stored
from storage.cosigner_models import Cosigner

PATH: Final = campaign_head.ONE + "/organisations"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH)
@frame.staff("campaigns")
async def take_in(request: web.Request) -> web.Response:
    """Lists the organisation whose own account has endorsed the campaign."""
    account = frame.text(request, "account", 500)
    async with request.app[INSTANCE].database.reading() as session:
        campaign, _ = await campaign_head.find(session, request)

    async def verb(session: AsyncSession, here: Here) -> str:
        coalition = await partners.found(session, here, campaign)
        return await cosign.take_in(session, here, coalition.id, campaign.actor_id, account)

    try:
        await frame.change(
            request, verb, deed="cosigner.take_in", about=lambda name: f"{campaign.slug}: {name}"
        )
    except cosign.Unknown:
        return await _show(request, account=account, status=422)
    return frame.done(_path(request), "taken")


@routes.post(PATH + r"/{cosigner:[1-9]\d{0,17}}")
@frame.staff("campaigns")
async def decide(request: web.Request) -> web.Response:
    """Lists an organisation, or hides it."""
    state = frame.text(request, "state", 10)
    if state not in {"listed", "hidden"}:
        raise web.HTTPBadRequest
    async with request.app[INSTANCE].database.reading() as session:
        campaign, _ = await campaign_head.find(session, request)
        coalition = await coalitions.of_campaign(session, campaign.id)
    if coalition is None:
        raise web.HTTPNotFound

    async def verb(session: AsyncSession, _here: Here) -> Cosigner:
        number = int(request.match_info["cosigner"])
        return await cosign.decide(session, coalition.id, number, listed=state == "listed")

    try:
        await frame.change(
            request, verb, deed=f"cosigner.{state}", about=lambda row: f"{campaign.slug}: {row.name}"
        )
    except cosign.Unknown as error:
        raise web.HTTPNotFound from error
    return frame.done(_path(request), state)


def _path(request: web.Request) -> str:
    return f"{campaign_head.PATH}/{request.match_info['slug']}/organisations"


async def _show(request: web.Request, *, account: str = "", status: int = 200) -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        coalition = await coalitions.of_campaign(session, campaign.id)
        found = await stored.every_cosigner(session, coalition.id) if coalition else []
    return await frame.render_admin(
        request,
        "admin/cosigners.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        cosigners=[(each, signatories.role(instance.seal, each)) for each in found if each.is_counted],
        account=account,
        is_unknown=status != 200,
    )

"""Who wants to help with what, for those of the staff who may see people."""

from typing import Final

from aiohttp import web

from fedicause.people import signatories
from fedicause.signing import options
from fedicause.web.admin import campaign_head, frame, ticked
from fedicause.web.keys import INSTANCE
from storage import coalitions
from storage import signatories as stored
from storage.pages import Page

PATH: Final = campaign_head.ONE + "/volunteers"
PER_PAGE: Final = 50

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("people")
async def show(request: web.Request) -> web.Response:
    """A page of them, the newest first: names, addresses and roles."""
    instance = request.app[INSTANCE]
    asked = ticked.asked(request)
    async with instance.database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        coalition = await coalitions.of_campaign(session, campaign.id)
        found: Page[stored.Volunteer] = Page([], None, None)
        if coalition is not None and campaign.kind == "pledge":
            found = await stored.volunteers(session, coalition.id, asked, PER_PAGE)
    roles = options.read(campaign.roles)
    return await frame.render_admin(
        request,
        "admin/volunteers.html",
        head=campaign_head.head(request, campaign, texts),
        page=found,
        volunteers=[
            (
                signatories.details(instance.seal, each.details_sealed)["name"],
                instance.seal.open(each.address_sealed).decode() if each.address_sealed else "",
                [role for number, role in enumerate(roles) if each.ticked >> number & 1],
            )
            for each in found.items
        ],
    )

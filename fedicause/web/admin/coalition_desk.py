"""One coalition: who is in it, who is asked to be, and who is to be no longer."""

from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import partners, publish
from fedicause.coalition import follow
from fedicause.here import Here
from fedicause.partners import Applicant
from fedicause.web import gather
from fedicause.web.admin import far, frame, memberships
from fedicause.web.keys import INSTANCE
from storage import members
from storage.coalition_models import Member

PATH: Final = "/admin/partners/campaigns/{campaign}"
_MEMBER: Final = "{member:[1-9][0-9]{0,17}}"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH + "/invite")
@frame.staff("campaigns")
async def invite(request: web.Request) -> web.Response:
    """Asks an organisation to join a campaign of ours, by its handle or address."""
    instance, slug = request.app[INSTANCE], request.match_info["campaign"]
    who = frame.text(request, "who", 2000)

    async def work(session: AsyncSession, here: Here) -> Member:
        applicant = Applicant(found.uri, found.name or found.handle, found.inbox)
        return await partners.invite(session, here, await publish.find(session, slug), applicant)

    try:
        found = await follow.find(instance, who)
        if found.type != "Organization":
            return await _show(request, problem="campaign", who=who, status=422)
        member = await frame.change(
            request, work, deed="partner.invite", about=lambda member: f"{member.host}: {slug}"
        )
    except far.FAULTS as error:
        return await _show(request, problem=far.why(error), who=who, status=422)
    return frame.done(_place(request), "accepted" if member.state == "accepted" else "invited")


@routes.post(PATH + "/members/" + _MEMBER + "/{deed:again|remove}")
@frame.staff("campaigns")
async def again_or_remove(request: web.Request) -> web.Response:
    """Invites once more who has not answered, or has said no; or ends a partnership."""
    slug, member_id = request.match_info["campaign"], int(request.match_info["member"])
    is_again = request.match_info["deed"] == "again"

    async def work(session: AsyncSession, here: Here) -> Member:
        if not is_again:
            return await partners.remove(session, here, member_id)
        member = await members.by_id(session, member_id)
        if member is None or not member.inbox:
            raise gather.Missing("member")
        applicant = Applicant(member.actor_uri, member.name, member.inbox)
        return await partners.invite(session, here, await publish.find(session, slug), applicant)

    member = await frame.change(
        request,
        work,
        deed="partner.invite" if is_again else "partner.remove",
        about=lambda member: f"{member.host}: {slug}",
    )
    code = "removed" if not is_again else "accepted" if member.state == "accepted" else "invited"
    return frame.done(_place(request), code)


def _place(request: web.Request) -> str:
    return PATH.replace("{campaign}", request.match_info["campaign"])


async def _show(request: web.Request, *, problem: str = "", who: str = "", status: int = 200) -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        view = await memberships.desk(session, instance, request.match_info["campaign"])
    return await frame.render_admin(
        request,
        "admin/partners_coalition.html",
        status=status,
        tab="coalitions",
        view=view,
        problem=problem,
        who=who,
    )

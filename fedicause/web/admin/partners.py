"""The desk for partners: what waits for an answer, our coalitions, and those of others that we are in."""

from collections.abc import Awaitable
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import partners
from fedicause.coalition import follow, joining, mirror
from fedicause.here import Here
from fedicause.web.admin import far, frame, memberships
from fedicause.web.keys import INSTANCE
from storage import coalitions
from storage.coalition_models import ForeignCampaign, Member

PATH: Final = "/admin/partners"
_MEMBER: Final = "{member:[1-9][0-9]{0,17}}"

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(PATH + "/requests/" + _MEMBER + "/{answer:accept|refuse}")
@frame.staff("campaigns")
async def answer_request(request: web.Request) -> web.Response:
    """Lets in who asked to join a campaign of ours, or refuses."""
    is_accepted = request.match_info["answer"] == "accept"
    verb = partners.accept if is_accepted else partners.refuse
    member_id = int(request.match_info["member"])
    await frame.change(
        request,
        lambda session, here: _with_campaign(session, verb(session, here, member_id)),
        deed="partner.accept" if is_accepted else "partner.refuse",
        about=_about,
    )
    return frame.done(PATH, "accepted" if is_accepted else "refused")


@routes.post(PATH + "/invitations/" + _MEMBER + "/{answer:accept|decline}")
@frame.staff("campaigns")
async def answer_invitation(request: web.Request) -> web.Response:
    """Joins where we were invited, or declines."""
    is_accepted = request.match_info["answer"] == "accept"
    member_id = int(request.match_info["member"])

    async def work(session: AsyncSession, here: Here) -> tuple[Member, str]:
        answered = joining.answer_invitation(session, here, member_id, is_accepted=is_accepted)
        return await _with_campaign(session, answered)

    await frame.change(
        request,
        work,
        deed="invitation.accept" if is_accepted else "invitation.decline",
        about=lambda found: found[1],
    )
    return frame.done(PATH, "joining" if is_accepted else "declined")


@routes.post(PATH + "/join")
@frame.staff("campaigns")
async def join(request: web.Request) -> web.Response:
    """Asks to join a campaign of another organisation, by its address."""
    instance = request.app[INSTANCE]
    address = frame.text(request, "address", 2000)

    async def work(session: AsyncSession, here: Here) -> ForeignCampaign:
        campaign = await mirror.store(session, instance, copy, here.now)
        await joining.join(session, here, campaign)
        return campaign

    try:
        copy = await mirror.look(instance, await follow.address_of(instance, address))
        await frame.change(
            request, work, deed="coalition.join", about=lambda found: f"{found.slug}@{found.origin}"
        )
    except far.FAULTS as error:
        return await _show(request, problem=far.why(error), address=address, status=422)
    return frame.done(PATH, "asked")


@routes.post(PATH + "/campaigns/{campaign}/{deed:again|leave}")
@frame.staff("campaigns")
async def again_or_leave(request: web.Request) -> web.Response:
    """Asks once more to join another's campaign; or leaves its coalition, or takes the request back."""
    is_again = request.match_info["deed"] == "again"
    slug, _, origin = request.match_info["campaign"].partition("@")

    async def work(session: AsyncSession, here: Here) -> None:
        campaign = await joining.campaign_at(session, slug, origin)
        await (joining.join if is_again else joining.leave)(session, here, campaign)

    await frame.change(
        request,
        work,
        deed="coalition.again" if is_again else "coalition.leave",
        about=f"{slug}@{origin}",
    )
    return frame.done(PATH, "asked" if is_again else "left")


async def _with_campaign(session: AsyncSession, doing: Awaitable[Member]) -> tuple[Member, str]:
    """Who it was about, and how their campaign is named, for the audit log."""
    member = await doing
    coalition = await coalitions.by_id(session, member.coalition_id)
    known = await memberships.named(session, coalition) if coalition else None
    return member, known.address if known else ""


def _about(found: tuple[Member, str]) -> str:
    return f"{found[0].host}: {found[1]}"


async def _show(
    request: web.Request, *, problem: str = "", address: str = "", status: int = 200
) -> web.Response:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        overview = await memberships.overview(session, instance)
    return await frame.render_admin(
        request,
        "admin/partners.html",
        status=status,
        tab="coalitions",
        view=overview,
        problem=problem,
        address=address,
    )

"""The desk of moderators: what others wrote, and what was reported."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from aiohttp import web
from markupsafe import Markup
from msgspec import Struct

from federation import content
from fedicause import moderate
from fedicause.instance import Instance
from fedicause.moderate import Decision
from fedicause.web import cards, gather
from fedicause.web.admin import frame, ticked
from fedicause.web.keys import INSTANCE
from storage import reasons, reports, testimonies
from storage.reasons import Reason
from storage.reports import Open
from storage.testimonies import Shown

PATH: Final = "/admin/moderation"
PER_PAGE: Final = 25
STATES: Final = ("pending", "allowed", "hidden")
_DECISIONS: Final[Mapping[str, Decision]] = {"allow": "allowed", "hide": "hidden"}

routes = web.RouteTableDef()


class Said(Struct, frozen=True):
    """A reply or a reason, as a moderator reads it. `url` is where it was written, if that was elsewhere."""

    id: int
    name: str
    handle: str
    campaign: str
    words: Markup
    state: str
    at: datetime | None
    url: str = ""
    shown: str = ""
    country: str = ""
    language: str = ""


class Reported(Struct, frozen=True):
    """A report; `replies` are those among what it is about, `others` the addresses of the rest."""

    id: int
    host: str
    words: str
    at: datetime
    replies: list[Said]
    others: list[str]


@routes.get(PATH)
@frame.staff("read")
async def replies(request: web.Request) -> web.Response:
    """What was answered to our calls in the fediverse."""
    state = _state(request)
    async with request.app[INSTANCE].database.reading() as session:
        page = await testimonies.page(session, state, ticked.asked(request), PER_PAGE)
    return await frame.render_admin(
        request,
        "admin/moderation_said.html",
        tab="replies",
        state=state,
        page=page,
        items=[_reply(each) for each in page.items],
    )


@routes.get(PATH + "/reasons")
@frame.staff("moderate")
async def given_reasons(request: web.Request) -> web.Response:
    """Why people signed: a page's worth is opened, and no more."""
    instance, state = request.app[INSTANCE], _state(request)
    async with instance.database.reading() as session:
        page = await reasons.page(session, state, ticked.asked(request), PER_PAGE)
    return await frame.render_admin(
        request,
        "admin/moderation_said.html",
        tab="reasons",
        state=state,
        page=page,
        items=[_reason(instance, each) for each in page.items],
    )


@routes.post(PATH + "/{kind:replies|reasons}/{decision:allow|hide}")
@frame.staff("moderate")
async def decide(request: web.Request) -> web.Response:
    """Shows or hides what was ticked."""
    kind, decision = request.match_info["kind"], request.match_info["decision"]
    back = f"{PATH}/reasons" if kind == "reasons" else PATH
    state = frame.text(request, "state", 20)
    back += f"?state={state}" if state in STATES[1:] else ""
    chosen = ticked.keys(request)
    if not chosen:
        return frame.done(back, "none")
    verb = moderate.decide_reasons if kind == "reasons" else moderate.decide_replies
    await frame.change(
        request,
        lambda session, _here: verb(session, chosen, _DECISIONS[decision]),
        deed=f"{kind}.{decision}",
        about=ticked.about(chosen),
    )
    return frame.done(back, decision)


@routes.get(PATH + "/reports")
@frame.staff("read")
async def flags(request: web.Request) -> web.Response:
    """What other servers ask us to look at."""
    is_handled = request.query.get("state") == "handled"
    async with request.app[INSTANCE].database.reading() as session:
        page = await reports.page(session, ticked.asked(request), PER_PAGE, is_handled=is_handled)
        about = {uri for each in page.items for uri in each.objects}
        known = await testimonies.by_notes(session, about)
    return await frame.render_admin(
        request,
        "admin/moderation_reports.html",
        tab="reports",
        state="handled" if is_handled else "open",
        page=page,
        items=[_reported(each, known) for each in page.items],
    )


@routes.post(PATH + "/reports/handled")
@frame.staff("moderate")
async def handled(request: web.Request) -> web.Response:
    chosen = ticked.keys(request)
    if not chosen:
        return frame.done(f"{PATH}/reports", "none")
    await frame.change(
        request,
        lambda session, here: moderate.handle(session, chosen, now=here.now),
        deed="reports.handle",
        about=ticked.about(chosen),
    )
    return frame.done(f"{PATH}/reports", "handled")


def _state(request: web.Request) -> str:
    state = request.query.get("state", "pending")
    if state not in STATES:
        raise gather.Missing(state)
    return state


def _reply(shown: Shown) -> Said:
    html, _ = cards.clean(shown.html)
    user = shown.author_handle.lstrip("@").partition("@")[0]
    return Said(
        id=shown.id,
        name=shown.author_name.strip()[:80] or user,
        handle=f"@{user}@{shown.author_host}",
        campaign=shown.campaign,
        words=html,
        state=shown.state,
        at=shown.published_at,
        url=shown.url if shown.url.startswith(("https://", "http://")) else "",
    )


def _reason(instance: Instance, row: Reason) -> Said:
    name = json.loads(instance.seal.open(row.details_sealed)).get("name", "")
    return Said(
        id=row.signature_id,
        name=name,
        handle="",
        campaign=row.campaign,
        words=Markup("<p>{}</p>").format(instance.seal.open(row.reason_sealed).decode()),
        state="",
        at=row.confirmed_at,
        shown=row.shown,
        country=row.country,
        language=row.language,
    )


def _reported(report: Open, known: Mapping[str, Shown]) -> Reported:
    return Reported(
        id=report.id,
        host=report.host,
        words=content.plain(report.content)[:2000],
        at=report.received_at,
        replies=[_reply(known[uri]) for uri in report.objects if uri in known],
        others=[uri for uri in report.objects if uri not in known],
    )

"""A campaign that has got what it asked for: what that is, and the news of it."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from fedicause.campaigning import conclude
from fedicause.fields import Unusable
from fedicause.web import gather
from fedicause.web.admin import campaign_form, campaign_head, campaign_note, campaign_state, frame
from fedicause.web.keys import INSTANCE

VICTORY: Final = campaign_head.ONE + "/victory"

routes = web.RouteTableDef()


@routes.get(VICTORY)
@frame.staff("campaigns")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(VICTORY)
@frame.staff("campaigns")
async def win(request: web.Request) -> web.Response:
    """Closes it as won, with news; where it was won before, only what is said of that is corrected."""
    async with request.app[INSTANCE].database.reading() as session:
        campaign, _ = await campaign_head.find(session, request)
    outcome = frame.text(request, "outcome", campaign_form.MOST)
    values, problems, news = campaign_note.read(request, campaign.language)
    values |= {"outcome": outcome, "mail": frame.text(request, "mail", 10)}
    is_told = campaign_head.state_of(campaign) == "won"
    if is_told:
        problems = {}
    elif problems.get("text") == "missing":
        # What was achieved is news enough.
        del problems["text"]
        text = " ".join(outcome.split())
        news = campaign_note.plain(news.title or "", campaign.language, text, campaign_form.written(text)[1])
    try:
        conclude.said(outcome)
    except Unusable:
        problems["outcome"] = "long" if outcome else "missing"
    if problems:
        return await _show(request, values, problems, status=422)
    await frame.change(
        request,
        lambda session, here: conclude.win(
            session,
            urls=here.urls,
            slug=campaign.slug,
            outcome=outcome,
            news=None if is_told else news,
            mail=bool(values["mail"]),
            now=here.now,
        ),
        deed="campaign.win",
        about=campaign.slug,
    )
    return frame.done(f"{campaign_head.PATH}/{campaign.slug}/state", "saved" if is_told else "won")


async def _show(
    request: web.Request,
    values: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        if campaign.state == "draft":
            raise gather.Missing(campaign.slug)
        heard = await campaign_state.audience(session, request, campaign)
    return await frame.render_admin(
        request,
        "admin/campaign_victory.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        values=values or {"outcome": campaign.outcome or "", "title": "", "text": "", "mail": ""},
        most_agreed=campaign_state.MOST_AGREED,
        wrong=problems or {},
        audience=heard,
        longest=conclude.OUTCOME_LENGTH,
    )

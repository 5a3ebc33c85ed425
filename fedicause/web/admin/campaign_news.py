"""News of a campaign: written, looked at, and posted to whoever follows it."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from fedicause import publish
from fedicause.web import cards, gather, render, translations, views
from fedicause.web.admin import campaign_head, campaign_note, campaign_preview, campaign_state, frame
from fedicause.web.keys import INSTANCE
from storage import updates
from storage.models import Update

NEWS: Final = campaign_head.ONE + "/news"

routes = web.RouteTableDef()


@routes.get(NEWS)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request)


@routes.post(NEWS)
@frame.staff("campaigns")
async def post(request: web.Request) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    language = frame.text(request, "language", 20)
    if language not in texts:
        language = campaign.language
    values, problems, written = campaign_note.read(request, language)
    mail = frame.text(request, "mail", 10)
    if problems:
        values |= {"language": language, "mail": mail}
        return await _show(request, values, problems, status=422)
    await frame.change(
        request,
        lambda session, here: publish.update(
            session,
            urls=here.urls,
            slug=campaign.slug,
            manuscript=written,
            mail=bool(mail),
            now=here.now,
        ),
        deed="campaign.news_by_mail" if mail else "campaign.news",
        about=lambda news: f"{campaign.slug}: {news.number}",
    )
    return frame.done(f"{campaign_head.PATH}/{campaign.slug}/news", "posted")


@routes.post(NEWS + "/preview")
@frame.staff("campaigns")
async def preview(request: web.Request) -> web.Response:
    """The page of the news as everybody would see it."""
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        page = await gather.page_of(session, instance, campaign, texts)
        before = await updates.of_campaign(session, campaign.id)
    language = frame.text(request, "language", 20)
    language = language if language in texts else campaign.language
    values, _, written = campaign_note.read(request, language)
    number = before[0].number + 1 if before else 1
    drawn = Update(
        number=number, language=language, title=values["title"] or "…", html=written.html, markdown=""
    )
    view = views.UpdatePage(
        site=page.site,
        card=page.card,
        news=views.News(number, "", cards.words(drawn), instance.now()),
        newer=None,
        older=None,
        address=instance.urls.update(campaign.slug, number),
        languages=page.languages,
    )
    choice = translations.choose(language, None, page.site.language)
    html = render.page(
        "update.html", choice, view=view, site=view.site, path=page.card.path, attempt=None, signing=None
    )
    return campaign_preview.answer(request, html)


async def _show(
    request: web.Request,
    values: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
        posted = await updates.of_campaign(session, campaign.id)
        heard = await campaign_state.audience(session, request, campaign)
    return await frame.render_admin(
        request,
        "admin/campaign_news.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        campaign=campaign,
        posted=posted,
        audience=heard,
        values=values or {"title": "", "text": "", "language": campaign.language, "mail": ""},
        most_agreed=campaign_state.MOST_AGREED,
        wrong=problems or {},
        spoken=list(texts),
    )

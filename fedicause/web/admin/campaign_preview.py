"""How a campaign will look before anything is saved: the page that everybody would see."""

from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web
from msgspec.structs import replace

from fedicause.campaigning import inscribe, particulars
from fedicause.campaigning.pictures import Picture
from fedicause.fields import Unusable
from fedicause.web import gather, render, translations, views
from fedicause.web.admin import campaign_form, campaign_head, campaign_pictures, frame
from fedicause.web.admin.campaign_form import Form
from fedicause.web.keys import INSTANCE
from storage.models import Campaign, CampaignText

# Nothing of it runs or can be sent: it is to be looked at.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)

routes = web.RouteTableDef()


@routes.post(campaign_head.PATH + "/new/preview")
@frame.staff("campaigns", most_bytes=campaign_pictures.MOST_BYTES)
async def of_new(request: web.Request) -> web.Response:
    return await _show(request, None, {})


@routes.post(campaign_head.ONE + "/preview")
@frame.staff("campaigns", most_bytes=campaign_pictures.MOST_BYTES)
async def of_known(request: web.Request) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    return await _show(request, campaign, texts)


async def _show(
    request: web.Request, campaign: Campaign | None, texts: dict[str, CampaignText]
) -> web.Response:
    now = request.app[INSTANCE].now()
    upload = await campaign_pictures.take(request)
    form = campaign_form.read(request, campaign, has_picture=False, now=now)
    drawn = _drawn(campaign, form, now)
    if frame.text(request, "picture_removed", 10):
        inscribe.show_nothing(drawn)
    written = form.manuscript
    there = texts.get(drawn.language)
    text = _text(drawn.language, form.values["title"], written.html if written else "", now, there)
    if written is not None:
        particulars.put(drawn, written.particulars, written.removed)
        with suppress(Unusable):
            particulars.put_words(drawn, text, written.particulars, written.removed)
    return await page(request, drawn, {**texts, drawn.language: text}, drawn.language, upload.picture)


async def page(
    request: web.Request,
    campaign: Campaign,
    texts: dict[str, CampaignText],
    language: str,
    picture: Picture | None = None,
) -> web.Response:
    """The page of rows that may not be kept anywhere, in a language; `picture` is one that waits."""
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        view = await gather.page_of(session, instance, campaign, texts)
    if picture is not None:
        shown = views.Picture(
            url=campaign_pictures.WAITING + quote(picture.name),
            alt=campaign.picture_alt or "",
            width=picture.width,
            height=picture.height,
            drawn=False,
        )
        view = replace(view, card=replace(view.card, picture=shown))
    choice = translations.choose(language, None, view.site.language)
    html = render.page(
        "campaign.html", choice, view=view, site=view.site, path=view.card.path, attempt=None, signing=None
    )
    return answer(request, html)


def answer(request: web.Request, html: str) -> web.Response:
    """A page to be looked at by whoever asked for it."""
    headers = frame.page_headers(request.app[INSTANCE]) | {"Content-Security-Policy": POLICY}
    return web.Response(body=html.encode(), headers=headers)


def translated(campaign: Campaign, language: str, title: str, text: str, now: datetime) -> CampaignText:
    """A text that is not kept, for `page`."""
    return _text(language, title or campaign.slug, campaign_form.written(text)[1], now)


def _drawn(campaign: Campaign | None, form: Form, now: datetime) -> Campaign:
    """A row that is not kept, of what the form says."""
    values, written = form.values, form.manuscript
    if campaign is None:
        # Row keys that nobody has: nothing was counted or said for it yet.
        drawn = Campaign(id=0, actor_id=0, slug=values["slug"] or "…", state="draft", created_at=now)
    else:
        drawn = Campaign(
            **{column.key: getattr(campaign, column.key) for column in Campaign.__table__.columns}
        )
    if written is not None:
        drawn.language = written.language or drawn.language or "en"
        drawn.kind = written.kind or drawn.kind or "petition"
        drawn.ends_at = written.ends_at
        drawn.picture_alt = written.picture_alt
        inscribe.aim(drawn, written)
        inscribe.ask(drawn, written)
    drawn.topic = values["topic"] or "…"
    return drawn


def _text(
    language: str, title: str, html: str, now: datetime, there: CampaignText | None = None
) -> CampaignText:
    """A row that is not kept; what the form doesn't say is as in the one that is `there`."""
    text = CampaignText(
        campaign_id=0, language=language, title=title or "…", markdown="", html=html, edited_at=now
    )
    if there is not None:
        text.options, text.subject, text.letter = there.options, there.subject, there.letter
    return text

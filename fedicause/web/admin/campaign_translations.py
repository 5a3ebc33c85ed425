"""The call in other languages: beside the original, and marked where that has changed since."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from fedicause import fields, publish
from fedicause.fields import Unusable
from fedicause.web import gather
from fedicause.web.admin import (
    campaign_editor,
    campaign_form,
    campaign_head,
    campaign_note,
    campaign_preview,
    frame,
)
from fedicause.web.keys import INSTANCE
from storage.models import Campaign, CampaignText

ALL: Final = campaign_head.ONE + "/translations"
ONE: Final = ALL + "/{language}"

routes = web.RouteTableDef()


@routes.get(ALL)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    """All languages; with one chosen (`?language=`) on to its page."""
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    chosen = request.query.get("language", "")
    if chosen in campaign_editor.LANGUAGES and chosen != campaign.language:
        return frame.see(f"{campaign_head.PATH}/{campaign.slug}/translations/{chosen}")
    return await frame.render_admin(
        request,
        "admin/campaign_translations.html",
        head=campaign_head.head(request, campaign, texts),
        campaign=campaign,
        texts=texts,
        outdated=campaign_head.outdated(campaign, texts),
        offered=[code for code in campaign_editor.LANGUAGES if code not in texts],
    )


@routes.get(ONE)
@frame.staff("read")
async def open_(request: web.Request) -> web.Response:
    campaign, texts, language = await _find(request)
    there = texts.get(language)
    values = {"title": there.title if there else "", "text": there.markdown if there else ""}
    values |= campaign_form.words_of(there)
    return await _show(request, campaign, texts, language, values)


@routes.post(ONE)
@frame.staff("campaigns")
async def save(request: web.Request) -> web.Response:
    """The translation as it is written, unless somebody else was faster: then both are shown."""
    campaign, texts, language = await _find(request)
    values, problems, written = campaign_note.read(request, language, kind=campaign.kind)
    answers = campaign_form.words_of(texts[campaign.language])["options"].splitlines()
    if len(values.get("options", "").splitlines()) != len(answers):
        problems["options"] = "number"
    if problems:
        return await _show(request, campaign, texts, language, values, problems=problems, status=422)
    try:
        await frame.change(
            request,
            lambda session, here: publish.translate(
                session,
                urls=here.urls,
                slug=campaign.slug,
                manuscript=written,
                seen=campaign_editor.seen(request),
                now=here.now,
            ),
            deed="campaign.translate",
            about=f"{campaign.slug}: {language}",
        )
    except publish.ChangedMeanwhile:
        campaign, texts, language = await _find(request)
        return await _show(request, campaign, texts, language, values, is_late=True, status=409)
    return frame.done(f"{campaign_head.PATH}/{campaign.slug}/translations", "translated")


@routes.post(ONE + "/remove")
@frame.staff("campaigns")
async def remove(request: web.Request) -> web.Response:
    campaign, _, language = await _find(request)
    await frame.change(
        request,
        lambda session, here: publish.untranslate(
            session, urls=here.urls, slug=campaign.slug, language=language, now=here.now
        ),
        deed="campaign.untranslate",
        about=f"{campaign.slug}: {language}",
    )
    return frame.done(f"{campaign_head.PATH}/{campaign.slug}/translations", "untranslated")


@routes.post(ONE + "/preview")
@frame.staff("campaigns")
async def preview(request: web.Request) -> web.Response:
    campaign, texts, language = await _find(request)
    values, _, _ = campaign_note.read(request, language)
    now = request.app[INSTANCE].now()
    text = campaign_preview.translated(campaign, language, values["title"], values["text"], now)
    return await campaign_preview.page(request, campaign, {**texts, language: text}, language)


async def _find(request: web.Request) -> tuple[Campaign, dict[str, CampaignText], str]:
    """The campaign, its texts and the language of the address; raises gather.Missing for the original's."""
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    given = request.match_info["language"]
    try:
        language = fields.language(given)
    except Unusable as error:
        raise gather.Missing(given) from error
    if language != given or language == campaign.language:
        raise gather.Missing(given)
    return campaign, texts, language


async def _show(
    request: web.Request,
    campaign: Campaign,
    texts: dict[str, CampaignText],
    language: str,
    values: Mapping[str, str],
    *,
    problems: Mapping[str, str] | None = None,
    is_late: bool = False,
    status: int = 200,
) -> web.Response:
    there = texts.get(language)
    return await frame.render_admin(
        request,
        "admin/campaign_translation.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        campaign=campaign,
        original=texts[campaign.language],
        special=campaign_form.words_of(texts[campaign.language]),
        there=there,
        language=language,
        values=campaign_form.words_of(None) | dict(values),
        wrong=problems or {},
        theirs=there if is_late else None,
        is_outdated=language in campaign_head.outdated(campaign, texts),
        seen=campaign_editor.version(there.edited_at if there else None),
    )

"""Writing a campaign: its text, picture, goal and form, before it is published and after."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from fedicause.campaigning import goals, pictures
from fedicause.here import Here
from fedicause.signing import asks
from fedicause.web.admin import campaign_form, campaign_head, campaign_pictures, frame
from fedicause.web.admin.campaign_form import Form
from fedicause.web.admin.campaign_pictures import Upload
from fedicause.web.keys import INSTANCE
from storage import campaigns, local_actors
from storage.models import Campaign, CampaignText

NEW: Final = campaign_head.PATH + "/new"
LANGUAGES: Final = (
    "ar", "bg", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fr",
    "fy", "ga", "gl", "he", "hi", "hr", "hu", "hy", "is", "it", "ja", "ka", "ko", "lb", "lt", "lv", "mk",
    "mt", "nb", "nl", "nn", "oc", "pl", "pt", "pt-BR", "rm", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "tr",
    "uk", "vi", "zh-Hans", "zh-Hant",
)  # fmt: skip

# What the other fields of the form may take.
_BESIDE_A_PICTURE: Final = 1 << 18
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

routes = web.RouteTableDef()


@routes.get(NEW)
@frame.staff("campaigns")
async def begin(request: web.Request) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        organisation, _ = await local_actors.organisation(session)
    return await _show(request, campaign_form.empty(organisation.language))


@routes.post(NEW)
@frame.staff("campaigns", most_bytes=campaign_pictures.MOST_BYTES)
async def create(request: web.Request) -> web.Response:
    """A new draft, or the form again with all that was written."""
    instance = request.app[INSTANCE]
    upload = await campaign_pictures.take(request)
    form = campaign_form.read(request, None, has_picture=upload.picture is not None, now=instance.now())
    written = form.manuscript
    if form.problems or upload.problem or written is None:
        return await _show(request, form, upload=upload, status=422)
    try:
        async with campaign_pictures.adopted(instance, upload.picture):
            campaign = await frame.change(
                request,
                lambda session, here: publish.create(
                    session, seal=here.seal, manuscript=written, picture=upload.picture, now=here.now
                ),
                deed="campaign.create",
                about=lambda campaign: campaign.slug,
            )
    except publish.Taken:
        taken = replace(form, problems={"slug": "taken"})
        return await _show(request, taken, upload=upload, status=422)
    return _saved(request, campaign, "created")


@routes.get(campaign_head.ONE)
@frame.staff("read")
async def edit(request: web.Request) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    return await _show(request, campaign_form.of(campaign, texts[campaign.language]), campaign, texts)


@routes.post(campaign_head.ONE)
@frame.staff("campaigns", most_bytes=campaign_pictures.MOST_BYTES)
async def save(request: web.Request) -> web.Response:
    """The campaign as it is written, unless somebody else was faster: then both are shown."""
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    upload = await campaign_pictures.take(request)
    removed = bool(frame.text(request, "picture_removed", 10))
    has_picture = upload.picture is not None or (campaign.picture is not None and not removed)
    form = campaign_form.read(request, campaign, has_picture=has_picture, now=instance.now())
    if form.problems or upload.problem:
        return await _show(request, form, campaign, texts, upload=upload, removed=removed, status=422)
    try:
        async with campaign_pictures.adopted(instance, upload.picture):
            saved, unused = await frame.change(
                request,
                lambda session, here: _edit(session, here, request, form, upload, removed=removed),
                deed="campaign.edit",
                about=campaign.slug,
            )
    except publish.ChangedMeanwhile:
        return await _conflict(request, form, upload, removed=removed)
    if unused is not None:
        await asyncio.to_thread(pictures.remove, unused, instance.settings.media)
    return _saved(request, saved, "saved" if saved.state == "draft" else "told")


async def _edit(
    session: AsyncSession, here: Here, request: web.Request, form: Form, upload: Upload, *, removed: bool
) -> tuple[Campaign, str | None]:
    """The campaign, and the name of the picture that nobody shows any more."""
    campaign = await publish.find(session, request.match_info["slug"], lock=True)
    before = campaign.picture
    written = form.manuscript
    if written is None:
        raise publish.Impossible(campaign.slug)
    if removed and upload.picture is None:
        written = written.without("picture")
    saved = await publish.edit(
        session,
        urls=here.urls,
        slug=campaign.slug,
        manuscript=written,
        picture=upload.picture,
        seen=seen(request),
        now=here.now,
    )
    is_unused = before is not None and before not in await campaigns.pictures(session)
    return saved, before if is_unused else None


async def _conflict(request: web.Request, form: Form, upload: Upload, *, removed: bool) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    kept = campaign_form.of(campaign, texts[campaign.language])
    both = campaign_form.merged(form, kept)
    return await _show(request, both, campaign, texts, upload=upload, removed=removed, status=409)


def _saved(request: web.Request, campaign: Campaign, code: str) -> web.Response:
    path = f"{campaign_head.PATH}/{campaign.slug}"
    if frame.text(request, "then", 20) == "state":
        return frame.done(f"{path}/state", "saved")
    return frame.done(path, code)


def version(moment: datetime | None) -> str:
    """When something changed last, for a form to say what it began with."""
    return "" if moment is None else str((moment - _EPOCH) // timedelta(milliseconds=1))


def seen(request: web.Request) -> datetime | None:
    """What the form says that it began with."""
    said = frame.text(request, "seen", 20)
    try:
        return _EPOCH + timedelta(milliseconds=int(said)) if said else None
    except (ValueError, OverflowError) as error:
        raise web.HTTPBadRequest from error


async def _show(
    request: web.Request,
    form: Form,
    campaign: Campaign | None = None,
    texts: dict[str, CampaignText] | None = None,
    *,
    upload: Upload = Upload(),  # noqa: B008 - nobody can change it
    removed: bool = False,
    status: int = 200,
) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        topics = await campaigns.used_topics(session)
    return await frame.render_admin(
        request,
        "admin/campaign_editor.html",
        status=status,
        head=campaign_head.head(request, campaign, texts) if campaign is not None and texts else None,
        campaign=campaign,
        form=form,
        upload=upload,
        removed=removed,
        seen=version(campaign.changed_at) if campaign is not None else "",
        topics=topics,
        kinds=fields.KINDS,
        tables=goals.TABLES,
        questions=asks.FIELDS,
        of_kind=campaign_form.OF_KIND,
        offered=sorted({*LANGUAGES, form.values["language"]} - {""}),
        waiting=campaign_pictures.WAITING,
        most_bytes=campaign_pictures.MOST_BYTES - _BESIDE_A_PICTURE,
    )

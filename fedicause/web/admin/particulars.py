"""What only some kinds of campaigns have: answers, roles, a letter; and who signs or gets it."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import publish
from fedicause.campaigning import inscribe, particulars
from fedicause.campaigning.particulars import Particulars
from fedicause.fields import Unusable
from fedicause.here import Here
from fedicause.signing import options
from fedicause.signing.lobby import PER_HOUR
from fedicause.web import gather
from fedicause.web.admin import campaign_head, frame
from fedicause.web.keys import INSTANCE
from storage import campaigns
from storage.models import Campaign, CampaignText

PATH: Final = campaign_head.ONE + "/kind"
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "consultation": ("options",),
    "pledge": ("roles",),
    "message": ("subject", "letter", "per_hour", "digest"),
}
_OF_TEXT: Final = frozenset(["options", "subject", "letter"])

routes = web.RouteTableDef()


@routes.get(PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    return await _show(request, request.query.get("language", ""))


@routes.post(PATH)
@frame.staff("campaigns")
async def change(request: web.Request) -> web.Response:
    """Keeps what the form says; what is empty is taken away."""
    language = frame.text(request, "language", 16)
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    if language not in texts:
        raise gather.Missing(language)
    asked = _asked(campaign, language)
    written = {field: frame.text(request, field, particulars.LETTER + 1) for field in asked}
    if "digest" in written:
        written["digest"] = written["digest"] or "no"
    problems = _problems(written)
    if problems:
        return await _show(request, language, written, problems, status=422)
    removed = frozenset(field for field, value in written.items() if not value)

    async def verb(session: AsyncSession, here: Here) -> None:
        row = await publish.find(session, campaign.slug, lock=True)
        text = (await campaigns.texts(session, row.id))[language]
        said = _said(written)
        particulars.put(row, said, removed)
        particulars.put_words(row, text, said, removed)
        inscribe.touch(row, here.now)

    try:
        await frame.change(request, verb, deed="campaign.kind", about=campaign.slug)
    except Unusable:
        return await _show(request, language, written, {"options": "fewer"}, status=422)
    return frame.done(f"{campaign_head.PATH}/{campaign.slug}/kind?language={language}", "kept")


def _asked(campaign: Campaign, language: str) -> list[str]:
    """The fields of this kind, those of all languages only beside the campaign's own."""
    fields = _OF.get(campaign.kind, ())
    return [field for field in fields if language == campaign.language or field in _OF_TEXT]


def _problems(written: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for field, value in written.items():
        try:
            _said({field: value})
        except Unusable:
            found[field] = "wrong"
    return found


def _said(written: Mapping[str, str]) -> Particulars:
    """What the form says; raises Unusable."""
    return particulars.read(lambda field, check: check(written[field]) if written.get(field) else None)


def _values(campaign: Campaign, text: CampaignText) -> dict[str, str]:
    return {
        "options": "\n".join(options.read(text.options)),
        "roles": "\n".join(options.read(campaign.roles)),
        "subject": text.subject or "",
        "letter": text.letter or "",
        "per_hour": str(campaign.per_hour or ""),
        "digest": "yes" if campaign.is_digest else "no",
    }


async def _show(
    request: web.Request,
    language: str,
    written: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> web.Response:
    async with request.app[INSTANCE].database.reading() as session:
        campaign, texts = await campaign_head.find(session, request)
    language = language if language in texts else campaign.language
    return await frame.render_admin(
        request,
        "admin/particulars.html",
        status=status,
        head=campaign_head.head(request, campaign, texts),
        kind=campaign.kind,
        fields=_asked(campaign, language),
        language=language,
        spoken=list(texts),
        original=_values(campaign, texts[campaign.language]),
        values=_values(campaign, texts[language]) | dict(written or {}),
        wrong=problems or {},
        usual=PER_HOUR,
    )

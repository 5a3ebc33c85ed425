"""What stands above every page of one campaign: its title, how it stands, and the way to its other pages."""

import re
from datetime import datetime
from typing import Final

from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.staffing import roles
from fedicause.staffing.roles import Right
from fedicause.web import gather
from fedicause.web.admin import frame
from storage import campaigns
from storage.models import Campaign, CampaignText

PATH: Final = "/admin/campaigns"
ONE: Final = PATH + "/{slug}"
STATES: Final = ("draft", "scheduled", "running", "closed", "won", "deleted")

_VARIABLE: Final = re.compile(r"\{[^}]*\}")
# What others add shows as soon as it is there.
_TABS: Final[tuple[tuple[str, str, Right], ...]] = (
    ("text", "", "read"),
    ("translations", "/translations", "read"),
    ("kind", "/kind", "read"),
    ("news", "/news", "read"),
    ("counts", "/counts", "read"),
    ("charts", "/charts", "read"),
    ("handover", "/handover", "people"),
    ("state", "/state", "read"),
)


class Head(Struct, frozen=True):
    """`path` is that of its pages here, `public` of its page for everybody; None while that shows nothing.

    `tabs` are the keys and paths of its pages, `outdated` how many translations need to be looked at.
    """

    slug: str
    title: str
    language: str
    state: str
    path: str
    public: str | None
    tabs: tuple[tuple[str, str], ...]
    outdated: int


async def find(session: AsyncSession, request: web.Request) -> tuple[Campaign, dict[str, CampaignText]]:
    """The campaign that the address names, and its texts; raises gather.Missing, for deleted ones too."""
    slug = request.match_info["slug"]
    campaign = await campaigns.by_slug(session, slug[:100])
    if campaign is None or campaign.state == "deleted" or campaign.slug != slug:
        raise gather.Missing(slug)
    return campaign, await campaigns.texts(session, campaign.id)


def head(request: web.Request, campaign: Campaign, texts: dict[str, CampaignText]) -> Head:
    path = f"{PATH}/{campaign.slug}"
    there = {
        _VARIABLE.sub("{slug}", route.resource.canonical)
        for route in request.app.router.routes()
        if route.method == "GET" and route.resource is not None
    }
    role = request[frame.USER].role
    return Head(
        slug=campaign.slug,
        title=texts[campaign.language].title,
        language=campaign.language,
        state=state_of(campaign),
        path=path,
        public=None if campaign.state == "draft" else f"/campaigns/{campaign.slug}",
        tabs=tuple(
            (key, path + under)
            for key, under, right in _TABS
            if ONE + under in there
            and roles.may(role, right)
            # A petition has nothing that others don't have.
            and (key != "kind" or campaign.kind != "petition")
        ),
        outdated=len(outdated(campaign, texts)),
    )


def state_of(campaign: Campaign) -> str:
    """One of STATES."""
    if campaign.state == "draft":
        return "scheduled" if campaign.publish_at is not None else "draft"
    if campaign.state == "published":
        return "running"
    return "won" if campaign.state == "closed" and campaign.outcome else campaign.state


def outdated(campaign: Campaign, texts: dict[str, CampaignText]) -> list[str]:
    """The languages whose text was last looked at before the original changed."""
    original = texts[campaign.language].edited_at
    return [language for language, text in texts.items() if text.edited_at < original]


def changed_at(campaign: Campaign, texts: dict[str, CampaignText]) -> datetime:
    """When anything of it was changed last."""
    times = (
        campaign.changed_at,
        campaign.deleted_at,
        campaign.closed_at,
        campaign.published_at,
        campaign.created_at,
        *(text.edited_at for text in texts.values()),
    )
    return max(each for each in times if each is not None)

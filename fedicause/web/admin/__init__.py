"""The administration in the browser, a part a file."""

from aiohttp import web

from fedicause.staffing.login import Checker
from fedicause.web.admin import (
    account,
    audit,
    blocklist,
    blocks,
    campaign_counts,
    campaign_editor,
    campaign_news,
    campaign_pictures,
    campaign_preview,
    campaign_state,
    campaign_translations,
    campaign_victory,
    campaigns,
    charts,
    coalition_desk,
    consents,
    cosigners,
    evidence,
    following,
    handover,
    held,
    invalidation,
    login,
    moderation,
    overview,
    particulars,
    partners,
    running,
    targets,
    trends,
    users,
    volunteers,
)
from fedicause.web.admin.checker import CHECKER

PARTS = (
    login,
    overview,
    account,
    users,
    audit,
    running,
    moderation,
    held,
    blocks,
    blocklist,
    trends,
    invalidation,
    partners,
    coalition_desk,
    following,
    evidence,
    handover,
    campaigns,
    campaign_editor,
    campaign_pictures,
    campaign_preview,
    campaign_translations,
    campaign_news,
    campaign_counts,
    campaign_state,
    campaign_victory,
    charts,
    cosigners,
    targets,
    particulars,
    volunteers,
    consents,
)


def prepare(app: web.Application) -> None:
    """Adds the pages, and what checks the passwords at their door."""
    app[CHECKER] = Checker()
    for part in PARTS:
        app.add_routes(part.routes)

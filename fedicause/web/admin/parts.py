"""The parts of the administration."""

from aiohttp import web

from fedicause.web import render
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


def router() -> web.UrlDispatcher:
    """What answers below /admin, with all that its pages are made of."""
    render.load_staff()
    made = web.UrlDispatcher()
    for part in PARTS:
        made.add_routes(part.routes)
    return made

"""What only people ask for, beside the pages that are an address for other servers too."""

from aiohttp import web

from fedicause.web import (
    card,
    charts,
    confirm,
    embed,
    endorse,
    feeds,
    handovers,
    me,
    privacy,
    receipts,
    share,
    sign,
    signatories,
    unsubscribe,
)

PARTS = (
    sign,
    endorse,
    embed,
    card,
    charts,
    feeds,
    handovers,
    privacy,
    share,
    me,
    receipts,
    unsubscribe,
    confirm,
    signatories,
)


def router() -> web.UrlDispatcher:
    """What answers wherever nothing else does."""
    made = web.UrlDispatcher()
    for part in PARTS:
        made.add_routes(part.routes)
    return made

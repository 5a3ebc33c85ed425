"""All that is asked for, by people and by other servers, beside what other servers tell us."""

from aiohttp import web

from fedicause.web import (
    actors,
    api,
    card,
    charts,
    coalition,
    confirm,
    discovery,
    embed,
    endorse,
    fediverse,
    feeds,
    handovers,
    me,
    privacy,
    public,
    receipts,
    share,
    sign,
    signatories,
    unsubscribe,
)

PARTS = (
    fediverse,
    actors,
    discovery,
    coalition,
    api,
    public,
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

"""The picture of a campaign for posts that link to it, with its count: drawn when it has changed enough."""

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from fedicause.campaigning import pictures
from fedicause.web import cached, embed, figures, headers, poster, translations
from fedicause.web.cached import Rendered, Shelf
from fedicause.web.kept import KEPT
from fedicause.web.keys import INSTANCE
from fedicause.web.poster import Face
from fedicause.web.translations import Choice
from fedicause.web.views import CampaignPage

_KEPT: Final = 48
_BYTES: Final = 12 * 1024 * 1024
_NEVER_OLD: Final = float("inf")
_HEADERS: Final = {
    **headers.FILE,
    "Content-Type": "image/png",
    # Whoever posts the address now sees the count of now, or nearly.
    "Cache-Control": "public, max-age=60, stale-while-revalidate=600",
}

routes = web.RouteTableDef()


class Cards:
    """What was drawn lately, by what is seen on it; `media` is where campaigns' pictures are."""

    def __init__(self, media: Path) -> None:
        self._media = media
        self._shelf = Shelf(fresh=_NEVER_OLD, entries=_KEPT, size=_BYTES)
        # One at a time: drawing may not take the processor from what cannot wait.
        self._pen = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._shelf)

    async def of(self, face: Face) -> Rendered:
        shown = await self._shelf.look(face, lambda: self._draw(face))
        return self._shelf.rendered(shown, None, lambda png: Rendered(png, _HEADERS, already=True))

    async def _draw(self, face: Face) -> bytes:
        async with self._pen:
            return await pictures.in_thread(poster.draw, face, self._media)


def cards(app: web.Application) -> Cards:
    return app[KEPT].one(Cards, lambda: Cards(app[INSTANCE].settings.media))


@routes.get("/campaigns/{address}/card.png")
async def card(request: web.Request) -> web.Response:
    """The card of a campaign: `?lang=`."""
    shown = await embed.look(request, request.match_info["address"])
    choice = embed.choose(request.query, shown.view)
    return cached.answer(request, await cards(request.app).of(face(shown.view, choice)))


def face(view: CampaignPage, choice: Choice) -> Face:
    """What is seen on the card of a campaign, its count rounded down."""
    language, shown = choice.language, view.card
    progress = shown.progress
    kind = figures.kind(language, shown.kind)
    if shown.closed:
        kind = f"{kind} ({translations.gettext(language, 'Closed').lower()})"
    has_bar = progress.is_known and progress.target is not None
    return Face(
        organisation=shown.runner.name,
        kind=kind,
        title=shown.words(choice.wanted).title,
        number=figures.about(language, progress.total) if progress.is_known else "",
        noun=figures.noun(language, progress),
        percent=progress.percent_of_target if has_bar else None,
        towards=figures.towards(language, progress),
        reached=progress.reached,
        picture=None if shown.picture.drawn else unquote(shown.picture.url.rpartition("/")[2]),
        slug=shown.key.partition("@")[0],
    )

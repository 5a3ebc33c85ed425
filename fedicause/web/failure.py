"""The page that says what went wrong."""

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from fedicause.web import cached, gather, headers, render, translations, views
from fedicause.web.keys import INSTANCE, SHELF
from storage import local_actors


async def page(request: web.Request, status: int, number: str) -> cached.Sent | None:
    """In the reader's language, with the number of the request if there is one; None where nothing is known.

    The page names the organisation, and the database may be what just failed.
    """
    try:
        shown = await request.app[SHELF].look("site", lambda: gather.about(request.app[INSTANCE]))
    except (SQLAlchemyError, OSError, local_actors.NotInitialised):
        return None
    site = shown.view.site
    lang = request.query.get("lang")
    choice = translations.choose(lang, request.headers.get("Accept-Language"), site.language)
    choice = translations.narrow(choice, frozenset())

    def draw(view: views.About) -> cached.Rendered:
        text = render.page("failure.html", choice, site=view.site, path="/", status=status, number=number)
        return cached.Rendered(text.encode(), headers.page(dev=request.app[INSTANCE].settings.dev))

    # With a number it is for one reader, and not kept.
    rendered = draw(shown.view) if number else request.app[SHELF].rendered(shown, (status, choice), draw)
    return rendered.plain

"""What the pages need on the application, at the start or once their first reader comes."""

from importlib import import_module
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from fedicause.web import assets, kept, negotiate, operating, posted
from fedicause.web.cached import Shelf
from fedicause.web.keys import INSTANCE, SHELF
from fedicause.web.later import Later, Loading

_NO_PAGES: Final = (
    "/api/",
    "/.well-known/",
    "/nodeinfo/",
    *(route.path for route in operating.routes if isinstance(route, web.RouteDef)),
)


def prepare(app: web.Application) -> None:
    """Adds shelf and static files; and has the first reader wait."""
    app[SHELF] = Shelf(is_away=lambda: app[INSTANCE].database.is_away)
    kept.prepare(app)
    app.add_routes(assets.routes)
    loading = Loading(_load)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # Else it would be loaded in the middle of the first page, and everybody's requests wait for that.
        if not loading.is_over and _may_get_page(request):
            await loading.wait()
        return await handler(request)

    app.middlewares.append(middleware)


def add_rest(app: web.Application) -> None:
    """Adds all that is looked at, to be looked for where nothing else answers."""
    app.router.register_resource(Later("/", _router))


def _load() -> None:
    from fedicause.web import render  # noqa: PLC0415 - see its `load`

    render.load()
    # Whoever gets a page may get that one.
    import_module("fedicause.web.failure")


def _router() -> web.UrlDispatcher:
    from fedicause.web import parts  # noqa: PLC0415 - 50 modules that an idle server needs not

    return parts.router()


def _may_get_page(request: web.Request) -> bool:
    """Whether the answer may be a page: to what a browser asks for or sends, not to what only programs do."""
    if request.method in {"GET", "HEAD"}:
        is_for_programs = request.path.startswith(_NO_PAGES) or negotiate.wants_activity(request)
        # What is not there is said in a page to a browser, wherever it looks.
        return negotiate.wants_page(request) or not is_for_programs
    return request.content_type in posted.FORMS

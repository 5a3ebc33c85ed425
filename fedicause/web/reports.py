"""Public pages beside a campaign's own: read at most once a second, rendered once for each language."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from aiohttp import web

from fedicause.web import cached, headers, public, render, translations, views
from fedicause.web.cached import Rendered
from fedicause.web.keys import INSTANCE, SHELF


class Report(Protocol):
    """What such a page shows; `path` is its own, `languages` those that its texts have."""

    @property
    def site(self) -> views.Site: ...

    @property
    def path(self) -> str: ...

    @property
    def languages(self) -> frozenset[str]: ...


R = TypeVar("R", bound=Report)


async def answer(
    request: web.Request, template: str, key: tuple[Any, ...], read: Callable[[], Awaitable[R]]
) -> web.Response:
    """The page of what `read` gives, in the reader's language; `key` is what tells it from other pages."""
    shelf = request.app[SHELF]
    shown = await shelf.look((template, *key), read)
    lang = request.query.get("lang") if request.query_string else None
    view: Report = shown.view
    choice = translations.choose(lang, request.headers.get("Accept-Language"), view.site.language)
    choice = translations.narrow(choice, view.languages)

    def rendered(view: R) -> Rendered:
        page = render.page(template, choice, view=view, site=view.site, path=view.path)
        sent = {
            **headers.page(dev=request.app[INSTANCE].settings.dev),
            "Content-Language": choice.language,
            "Vary": public.VARY,
            "Cache-Control": public.CACHE_CONTROL,
        }
        return Rendered(page.encode(), sent)

    return cached.answer(request, shelf.rendered(shown, choice, rendered))

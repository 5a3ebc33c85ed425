"""The administration in the browser, a part a file; loaded when somebody first opens it."""

from aiohttp import web

from fedicause.web.later import Later


def prepare(app: web.Application) -> None:
    """Adds the pages."""
    app.router.register_resource(Later("/admin", _router))


def _router() -> web.UrlDispatcher:
    from fedicause.web.admin import parts  # noqa: PLC0415 - 71 modules that the public needs not

    return parts.router()

"""Where handlers find the checker of passwords."""

from aiohttp import web

from fedicause.staffing.login import Checker
from fedicause.web.kept import KEPT


def at(app: web.Application) -> Checker:
    """The one of this application."""
    return app[KEPT].one(Checker, Checker)

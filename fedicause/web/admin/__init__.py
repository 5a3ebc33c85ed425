"""The administration in the browser, a part a file."""

from aiohttp import web

from fedicause.login import Checker
from fedicause.web.admin import account, audit, login, overview, users
from fedicause.web.admin.checker import CHECKER

PARTS = (login, overview, account, users, audit)


def prepare(app: web.Application) -> None:
    """Adds the pages, and what checks the passwords at their door."""
    app[CHECKER] = Checker()
    for part in PARTS:
        app.add_routes(part.routes)

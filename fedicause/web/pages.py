"""What the pages need on the application before their first reader comes."""

from aiohttp import web

from fedicause.web import assets, render, translations
from fedicause.web.cached import Shelf
from fedicause.web.endorse import DOORS, Doors
from fedicause.web.keys import SHELF


def prepare(app: web.Application) -> None:
    """Adds the shelf, the ways to people's servers, the static files; reads catalogues and templates."""
    app[SHELF] = Shelf()
    app[DOORS] = Doors()
    app.add_routes(assets.routes)
    translations.load()
    render.load()

"""What the pages need on the application before their first reader comes."""

from aiohttp import web

from fedicause.web import assets, card, render, translations
from fedicause.web.cached import Shelf
from fedicause.web.endorse import DOORS, Doors
from fedicause.web.keys import INSTANCE, SHELF


def prepare(app: web.Application) -> None:
    """Adds shelf, cards, static files, the ways to people's servers; reads catalogues and templates."""
    app[SHELF] = Shelf(is_away=lambda: app[INSTANCE].database.is_away)
    app[DOORS] = Doors()
    card.prepare(app)
    app.add_routes(assets.routes)
    translations.load()
    render.load()

"""What handlers find on the application."""

from aiohttp import web

from fedicause.instance import Instance
from fedicause.web.cached import Shelf

INSTANCE = web.AppKey("instance", Instance)
SHELF = web.AppKey("shelf", Shelf)

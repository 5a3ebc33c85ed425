"""Where handlers find the checker of passwords."""

from aiohttp import web

from fedicause.login import Checker

CHECKER = web.AppKey("checker", Checker)

"""Where handlers find the checker of passwords."""

from aiohttp import web

from fedicause.staffing.login import Checker

CHECKER = web.AppKey("checker", Checker)

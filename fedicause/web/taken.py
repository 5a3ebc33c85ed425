"""The answer that other servers get more often than all others together: 202, and nothing else."""

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from aiohttp import HttpVersion11, abc, web

from fedicause.web import leaving


class _Written(web.StreamResponse):
    """202 on a connection that stays open, written in one piece, made once a second; it knows no request.

    aiohttp makes a response for each request and puts its head together anew, which takes longer than to
    read an activity.
    """

    async def prepare(self, request: web.BaseRequest) -> abc.AbstractStreamWriter | None:
        transport = request.transport
        if transport is not None:
            transport.write(_head(int(time.time())))
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """All is written."""

    @property
    def keep_alive(self) -> bool:
        return True


WRITTEN: Final = _Written(status=202)


def taken(request: web.Request) -> web.StreamResponse:
    """202 without a body, for this request alone."""
    if request.version == HttpVersion11 and leaving.stays(request):
        return WRITTEN
    return web.Response(status=202)


@lru_cache(maxsize=1)
def _head(second: int) -> bytes:
    date = formatdate(second, usegmt=True)
    return f"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nDate: {date}\r\n\r\n".encode("ascii")

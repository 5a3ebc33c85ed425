"""The answer that other servers get more often than all others together: 202, and nothing else."""

import time
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, abc, web

from fedicause.web import site


class Taken(web.Response):
    """202 without a body. Where the connection stays open, it is written in one piece, made once a second.

    aiohttp puts an answer's head together anew each time, which takes longer than to read an activity.
    """

    def __init__(self) -> None:
        super().__init__(status=202)
        self._is_written = False

    async def prepare(self, request: web.BaseRequest) -> abc.AbstractStreamWriter | None:
        transport = request.transport
        if transport is None or request.version != HttpVersion11 or not site.stays(request):
            return await super().prepare(request)
        if not self._is_written:
            transport.write(_head(int(time.time())))
            self._is_written = True
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        if not self._is_written:
            await super().write_eof(data)

    @property
    def keep_alive(self) -> bool | None:
        return self._is_written or super().keep_alive


@lru_cache(maxsize=1)
def _head(second: int) -> bytes:
    date = formatdate(second, usegmt=True)
    return f"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nDate: {date}\r\n\r\n".encode("ascii")

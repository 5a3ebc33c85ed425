"""The forms that people send: read within bounds, in UTF-8 and nothing else."""

import asyncio
from tempfile import SpooledTemporaryFile
from typing import Any, Final, cast

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict, MultiDictProxy

Sent = MultiDictProxy[Any]

MOST_FIELDS: Final = 1000
FORM: Final = "application/x-www-form-urlencoded"
FORM_WITH_FILES: Final = "multipart/form-data"
FORMS: Final = frozenset({FORM, FORM_WITH_FILES})
# What is larger goes to the disk.
_SPOOLED: Final = 1 << 20
_CHUNK: Final = 64 * 1024
_UTF_8: Final = frozenset({None, "", "utf-8", "utf8", "us-ascii"})


async def read(request: web.Request, most: int) -> Sent:
    """The fields of a form of so many bytes; raises 400 for what is none, 413, and 415.

    In UTF-8, as our pages send it: whoever may name another character set chooses what decoding costs us.
    That of Punycode takes the square of the length, ten minutes for a mebibyte.
    """
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    try:
        if (request.charset or "").lower() not in _UTF_8:
            raise web.HTTPUnsupportedMediaType
        if request.content_type == FORM_WITH_FILES:
            return await _parts(request, most)
        return await request.clone(client_max_size=most).post()
    except (ValueError, LookupError, RuntimeError, HttpProcessingError) as error:
        raise web.HTTPBadRequest from error


async def _parts(request: web.Request, most: int) -> Sent:
    """A form with files (RFC 7578): as aiohttp reads it, but for the character sets that parts may name."""
    found: MultiDict[Any] = MultiDict()
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        # All of it may be there: without this nobody else would get a turn before the last of a thousand.
        await asyncio.sleep(0)
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise ValueError("a part that is no field")
        if hdrs.CONTENT_TRANSFER_ENCODING in part.headers or hdrs.CONTENT_ENCODING in part.headers:
            raise ValueError("a part that is packed")
        if len(found) >= MOST_FIELDS:
            raise web.HTTPRequestEntityTooLarge(most, most)
        if part.filename:
            found.add(part.name, await _file(request, part, most))
        else:
            text = bytearray()
            while chunk := await part.read_chunk(_CHUNK):
                _expect_room(request, most)
                text += chunk
            found.add(part.name, text.decode())
    _expect_room(request, most)
    return MultiDictProxy(found)


async def _file(request: web.Request, part: BodyPartReader, most: int) -> web.FileField:
    file = SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115 - whoever reads the form closes it
    try:
        while chunk := await part.read_chunk(_CHUNK):
            _expect_room(request, most)
            if file.tell() + len(chunk) > _SPOOLED:
                await asyncio.to_thread(file.write, chunk)
            else:
                file.write(chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    kind = part.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
    return web.FileField(str(part.name), str(part.filename), cast(Any, file), kind, part.headers)


def _expect_room(request: web.Request, most: int) -> None:
    """Raises 413 once more has come than may: who sends in chunks does not say it before."""
    if request.content.total_bytes > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content.total_bytes)

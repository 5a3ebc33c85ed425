"""Asks the instance by its public URL, as anybody does."""

from collections.abc import Mapping
from typing import Final

import aiohttp
from msgspec import Struct
from yarl import URL

from fedicause.settings import Settings

PATIENCE: Final = aiohttp.ClientTimeout(total=6.0, connect=3.0)
LARGEST_BODY: Final = 1024 * 1024


class Answer(Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Caller:
    """Asks the instance by its public URL, as anybody does."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._base = settings.url
        self._session = session

    async def ask(
        self, target: str, headers: Mapping[str, str] | None = None, *, posted: bytes | None = None
    ) -> Answer:
        """One answer, redirects as they are; raises OSError, aiohttp.ClientError or TimeoutError."""
        url = target if "://" in target else f"{self._base}{target}"
        method = "GET" if posted is None else "POST"
        async with self._session.request(
            method, URL(url, encoded=True), headers=headers, data=posted, allow_redirects=False
        ) as response:
            read = await response.content.read(LARGEST_BODY)
            return Answer(response.status, response.headers, read)


def why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate is not accepted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error) or "no connection"
    return type(error).__name__

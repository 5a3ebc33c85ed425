"""Requests to the instance as its visitors send them: what came back, and what should never have."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from yarl import URL

WITHIN: Final = 20.0
NO_ANSWER: Final = 0


@dataclass
class Caller:
    """`answers` by (what, status), 0 for none at all; `failures`: when a 5xx came, and for what."""

    url: str
    session: aiohttp.ClientSession
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[tuple[float, str, int]] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)

    async def call(
        self, what: str, method: str, path: str, *, headers: dict[str, str] | None = None, body: Any = None
    ) -> tuple[int, bytes]:
        """The status (0: no answer came) and the body."""
        began = time.monotonic()
        try:
            async with self.session.request(
                method,
                URL(self.url + path, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as response:
                read, status = await response.read(), response.status
        except (TimeoutError, aiohttp.ClientError, OSError):
            read, status = b"", NO_ANSWER
        self.answers[what, status] += 1
        if status >= 500:
            self.failures.append((time.monotonic(), what, status))
        self.slowest[what] = max(self.slowest.get(what, 0.0), time.monotonic() - began)
        return status, read


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=5),
        timeout=aiohttp.ClientTimeout(total=WITHIN),
        skip_auto_headers=["Content-Type"],
        cookie_jar=aiohttp.DummyCookieJar(),
    )

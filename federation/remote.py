"""The one door for outgoing federation HTTP: fetching documents, delivering activities, all of it bounded."""

import asyncio
import ssl as tls
import weakref
from collections.abc import AsyncIterator, Callable, MutableMapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

import aiohttp
from aiohttp import abc, hdrs

from federation import activities, addresses, answers, httpsig, keys, transport, vocabulary
from federation.answers import (
    Answer,
    Budget,
    Document,
    Exhausted,
    ForbiddenAddress,
    Gone,
    Missing,
    Refused,
    RemoteError,
    Unchanged,
    Unreachable,
    Unusable,
)

__all__ = [
    "Answer",
    "Budget",
    "Document",
    "Exhausted",
    "ForbiddenAddress",
    "Gone",
    "Missing",
    "Refused",
    "Remote",
    "RemoteError",
    "Unchanged",
    "Unreachable",
    "Unusable",
]

BODY: Final = 1024 * 1024
PICTURE: Final = 8 * 1024 * 1024
REDIRECTS: Final = 3
GETS_PER_HOST: Final = 8

_ACTIVITY = f"{vocabulary.ACTIVITY_JSON}, {vocabulary.LD_JSON}"
_JSON = "application/jrd+json, application/json"
_PICTURE = ", ".join(answers.PICTURE_TYPES)


class _Wanted(NamedTuple):
    """What is asked for: media types, bytes at most; signed where there is a key, newer than an ETag."""

    accept: str
    is_right: Callable[[list[str]], bool]
    most: int = BODY
    key: keys.SigningKey | None = None
    etag: str | None = None


class _Got(NamedTuple):
    url: str
    body: bytes
    etag: str | None

    def document(self) -> Document:
        try:
            return Document(self.url, activities.decode(self.body), self.etag)
        except vocabulary.Malformed as error:
            raise Unusable(f"unreadable: {error}") from error


class Remote:
    """Asks and tells other servers; made inside a running event loop, closed by `close` or `async with`.

    `key` signs every `fetch` (the instance actor's); `schemes` remembers by host which signatures it takes;
    `allow_private` (dev mode) opens http and private addresses. `resolver`, `ssl` and `dial` stand in for
    the system's names, its authorities and the check of each address. Every method raises RemoteError.
    """

    def __init__(
        self,
        *,
        key: keys.SigningKey,
        user_agent: str,
        allow_private: bool,
        now: Callable[[], datetime],
        schemes: MutableMapping[str, httpsig.Scheme],
        resolver: abc.AbstractResolver | None = None,
        ssl: tls.SSLContext | None = None,
        dial: addresses.Dial = addresses.dial,
    ) -> None:
        self.allow_private = allow_private
        self._key = key
        self._now = now
        self._transport = transport.Transport(
            user_agent=user_agent,
            allow_private=allow_private,
            now=now,
            schemes=schemes,
            resolver=resolver,
            ssl=ssl,
            dial=dial,
        )
        # Only hosts that are being asked right now have an entry.
        self._turns: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def use(self, key: keys.SigningKey) -> None:
        """Signs every `fetch` with this key from now on."""
        self._key = key

    def origins(self, host: str) -> tuple[str, ...]:
        """Where a host is asked of which only the authority is known, best first; Malformed if it is none."""
        if not {"/", "?", "#"}.isdisjoint(host):
            raise vocabulary.Malformed("more than a host")
        host = vocabulary.host_of(f"https://{host}/")
        if not self.allow_private:
            return (f"https://{host}",)
        # In dev mode whoever has a port is most likely a plain server on loopback.
        first, second = ("http", "https") if ":" in host else ("https", "http")
        return (f"{first}://{host}", f"{second}://{host}")

    async def fetch(
        self,
        url: str,
        *,
        budget: Budget | None = None,
        total: float = 10.0,
        etag: str | None = None,
        key: keys.SigningKey | None = None,
        relayed: bool = False,
    ) -> Document:
        """The ActivityPub document at `url`, asked for with our signature, within `total` seconds.

        Its `id` is on the host that served it. If a document claims another host's id, that host is asked
        for it, once, and what it says is returned (CVE-2024-23832: a host vouches for its own only).
        Raises Unchanged where there is nothing but what came with `etag`. `key` signs instead of our own.
        `relayed`: whoever serves it may; its caller verifies the proof that it carries.
        """
        wanted = _Wanted(_ACTIVITY, answers.is_activity_type, key=key or self._key, etag=etag)
        async with transport.bounded(total):
            document = (await self._get(url, wanted, budget)).document()
            uri = document.data.get("id")
            if not isinstance(uri, str):
                raise Unusable("a document without an id")
            if relayed or self._on_one_host(uri, document.url):
                return document
            document = (await self._get(uri, wanted._replace(etag=None), budget)).document()
            if document.data.get("id") != uri or not self._on_one_host(uri, document.url):
                raise Unusable("an id on another host, which does not confirm it")
            return document

    async def fetch_json(self, url: str, *, budget: Budget | None = None, total: float = 10.0) -> Document:
        """The WebFinger or NodeInfo document at `url`, asked for without a signature."""
        async with transport.bounded(total):
            return (await self._get(url, _Wanted(_JSON, answers.is_json_type), budget)).document()

    async def fetch_picture(self, url: str, *, total: float = 15.0, most: int = PICTURE) -> bytes:
        """The PNG, JPEG, WebP or GIF at `url`, of at most so many bytes, asked for without a signature.

        What the bytes really are is for whoever decodes them to find out.
        """
        async with transport.bounded(total):
            wanted = _Wanted(_PICTURE, answers.is_picture_type, most)
            return (await self._get(url, wanted, budget=None)).body

    async def collection(
        self,
        url: str,
        *,
        budget: Budget | None = None,
        total: float = 30.0,
        pages: int = 10,
        items: int = 1000,
    ) -> AsyncIterator[str | dict[str, Any]]:
        """The items (URIs or embedded objects, unchecked) of a collection: of so many pages, so many items.

        All pages are on the collection's own host, and none is read twice; a `next` without end ends there.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + total
        document = await self.fetch(url, budget=budget, total=total)
        home, part = document.url, document.data
        following = part.get("first") or part.get("next")
        seen: set[str] = set()
        for _ in range(pages + 1):
            for item in vocabulary.as_list(part.get("items")) + vocabulary.as_list(part.get("orderedItems")):
                if items <= 0:
                    return
                items -= 1
                if isinstance(item, str | dict):
                    yield item
            if isinstance(following, dict):  # Mastodon embeds the first page
                part = following
            elif isinstance(following, str) and following not in seen and len(seen) < pages:
                seen.add(following)
                document = await self.fetch(following, budget=budget, total=deadline - clock())
                if not self._on_one_host(document.url, home):
                    raise Unusable("a page on another host than its collection")
                part = document.data
            else:
                return
            following = part.get("next")

    async def deliver(self, inbox: str, body: bytes, key: keys.SigningKey, *, total: float = 10.0) -> Answer:
        """POST an activity, signed with its actor's key, within `total` seconds.

        Every HTTP status is an Answer; raised are Unreachable, Unusable and ForbiddenAddress only. Of
        redirects only 307 and 308 within the host are followed: a signed POST is for nobody else.
        """
        async with transport.bounded(total):
            address = self._transport.address_of(inbox)
            asked = {address.text}
            while True:
                response, scheme = await self._transport.send_signed(
                    address, key, accept=_ACTIVITY, body=body
                )
                if response.status not in (307, 308) or len(asked) > REDIRECTS:
                    break
                following = self._moved_within(address, response)
                if following is None or following.text in asked:
                    break
                response.release()
                asked.add(following.text)
                address = following
        now = self._now()
        after = answers.retry_after(response.headers.get(hdrs.RETRY_AFTER), now)
        ahead = answers.ahead(response.headers.get(hdrs.DATE), now) if response.status == 401 else None
        # Outside of the deadline: it is delivered, whatever becomes of the rest of the answer.
        await transport.drain(response)
        return Answer(response.status, after, scheme, ahead)

    async def post(self, url: str, body: bytes, headers: dict[str, str], *, total: float = 10.0) -> int:
        """POST, unsigned, to an address that an admin chose, within `total` seconds; the answer's status."""
        async with transport.bounded(total):
            response = await self._transport.send(self._transport.address_of(url), headers, body=body)
        await transport.drain(response)
        return response.status

    def _moved_within(
        self, address: transport.Address, response: aiohttp.ClientResponse
    ) -> transport.Address | None:
        try:
            following = self._transport.moved(address, response)
        except ForbiddenAddress:
            return None
        return following if following is not None and following.host == address.host else None

    def _on_one_host(self, uri: str, url: str) -> bool:
        return self._transport.address_of(uri).host == self._transport.address_of(url).host

    async def _get(self, url: str, wanted: _Wanted, budget: Budget | None) -> _Got:
        address = self._transport.address_of(url)
        asked: set[str] = set()
        while address.text not in asked and len(asked) <= REDIRECTS:
            asked.add(address.text)
            following = await self._get_here(address, wanted, budget)
            if isinstance(following, _Got):
                return following
            address = following
        raise Unusable("redirects without end")

    async def _get_here(
        self, address: transport.Address, wanted: _Wanted, budget: Budget | None
    ) -> _Got | transport.Address:
        turn = self._turns.get(address.host)
        if turn is None:
            turn = self._turns[address.host] = asyncio.Semaphore(GETS_PER_HOST)
        async with turn:
            if wanted.key is not None:
                response, _ = await self._transport.send_signed(
                    address, wanted.key, accept=wanted.accept, etag=wanted.etag, budget=budget
                )
            else:
                response = await self._transport.send(address, {hdrs.ACCEPT: wanted.accept}, budget=budget)
            try:
                if response.status in (301, 302, 303, 307, 308):
                    following = self._transport.moved(address, response)
                    if following is None:
                        raise Unusable("a redirect to nowhere")
                    return following
                if response.status == 304 and wanted.etag is not None:
                    raise Unchanged("304")
                after = answers.retry_after(response.headers.get(hdrs.RETRY_AFTER), self._now())
                answers.check_status(response.status, after)
                if not wanted.is_right(response.headers.getall(hdrs.CONTENT_TYPE, [])):
                    raise Unusable(f"media type {response.headers.get(hdrs.CONTENT_TYPE)}")
                body = await transport.read(response, wanted.most)
            finally:
                response.release()
            return _Got(address.text, body, answers.etag(response.headers.get(hdrs.ETAG)))

"""One request to another server: to a checked address, signed, over a kept connection, the answer bounded."""

import asyncio
import contextlib
import functools
import ssl as tls
from collections.abc import AsyncIterator, Callable, MutableMapping
from datetime import datetime
from typing import Final, NamedTuple

import aiohttp
from aiohttp import abc, connector, hdrs
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from federation import addresses, httpsig, keys, names, vocabulary
from federation.answers import Budget, ForbiddenAddress, Unreachable, Unusable, Why

_OTHER: Final[dict[httpsig.Scheme, httpsig.Scheme]] = {"cavage": "rfc9421", "rfc9421": "cavage"}
_CHUNK: Final = 64 * 1024
_DRAINED: Final = 16 * 1024


def _without_authorities() -> tls.SSLContext:
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = tls.CERT_NONE
    context.set_alpn_protocols(("http/1.1",))
    return context


# For requests that verify nobody, of which we make none, aiohttp has a context into which it loads the
# system's authorities as well, while it is imported: 0.8 MB that nothing reads. It has no setting for that.
connector._SSL_CONTEXT_UNVERIFIED = _without_authorities()


class Address(NamedTuple):
    """A URL that may be asked: parsed, as it is sent and signed, and its authority."""

    url: URL
    text: str
    host: str


@functools.lru_cache(maxsize=4096)
def address_of(url: str, *, allow_private: bool) -> Address:
    """Where a URL leads, without its fragment; ForbiddenAddress for what is never asked."""
    try:
        host = vocabulary.host_of(url)
        parsed = URL(url).with_fragment(None)
    except ValueError as error:
        raise ForbiddenAddress("not the URL of a server") from error
    if parsed.scheme != "https" and not (allow_private and parsed.scheme == "http"):
        raise ForbiddenAddress("not https")
    return Address(parsed, str(parsed), host)


class Transport:
    """The connections to all other servers; made inside a running event loop."""

    def __init__(
        self,
        *,
        user_agent: str,
        allow_private: bool,
        now: Callable[[], datetime],
        schemes: MutableMapping[str, httpsig.Scheme],
        resolver: abc.AbstractResolver | None,
        ssl: tls.SSLContext | None,
        dial: addresses.Dial,
    ) -> None:
        self._allow_private = allow_private
        self._now = now
        self._schemes = schemes
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=256,
                limit_per_host=16,
                keepalive_timeout=30,
                ttl_dns_cache=60,
                resolver=names.Names() if resolver is None else resolver,
                ssl=True if ssl is None else ssl,
                socket_factory=None if allow_private else dial,
            ),
            # Neither brotli nor zstd: the fewer decoders a bomb can reach, the better.
            headers={hdrs.USER_AGENT: user_agent, hdrs.ACCEPT_ENCODING: "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            max_line_size=8190,
            max_field_size=8190,
            max_headers=100,
        )

    async def close(self) -> None:
        await self._session.close()

    def address_of(self, url: str) -> Address:
        return address_of(url, allow_private=self._allow_private)

    def moved(self, address: Address, response: aiohttp.ClientResponse) -> Address | None:
        """Where a redirect leads, checked like every URL; None for nowhere. Never from https to http."""
        location = response.headers.get(hdrs.LOCATION)
        if not location:
            return None
        try:
            following = self.address_of(str(address.url.join(URL(location))))
        except ValueError:
            return None
        if address.url.scheme == "https" and following.url.scheme != "https":
            raise ForbiddenAddress("a redirect from https to http")
        return following

    async def send(
        self,
        address: Address,
        headers: dict[str, str],
        *,
        body: bytes | None = None,
        budget: Budget | None = None,
    ) -> aiohttp.ClientResponse:
        """One request, no redirect followed: POST with a body, else GET. The caller releases the response."""
        if budget is not None:
            budget.spend()
        method = hdrs.METH_GET if body is None else hdrs.METH_POST
        return await self._session.request(
            method, address.url, headers=headers, data=body, allow_redirects=False
        )

    async def send_signed(
        self,
        address: Address,
        key: keys.SigningKey,
        *,
        accept: str,
        etag: str | None = None,
        body: bytes | None = None,
        budget: Budget | None = None,
    ) -> tuple[aiohttp.ClientResponse, httpsig.Scheme]:
        """The same, signed by the scheme that the host is known to take, cavage before anything is known.

        400 and 401 are answered by the other scheme, once; what then succeeds is remembered for the host.
        Cavage is first because snac answers 202 before it checks, and would lose RFC 9421 silently.
        """
        scheme = self._schemes.get(address.host, "cavage")
        response = await self._send_by(
            scheme, address, key, accept=accept, etag=etag, body=body, budget=budget
        )
        if response.status not in (400, 401):
            return response, scheme
        response.release()
        scheme = _OTHER[scheme]
        response = await self._send_by(
            scheme, address, key, accept=accept, etag=etag, body=body, budget=budget
        )
        if 200 <= response.status < 300:
            self._schemes[address.host] = scheme
        return response, scheme

    async def _send_by(
        self,
        scheme: httpsig.Scheme,
        address: Address,
        key: keys.SigningKey,
        *,
        accept: str,
        etag: str | None,
        body: bytes | None,
        budget: Budget | None,
    ) -> aiohttp.ClientResponse:
        headers = httpsig.sign(
            scheme,
            method=hdrs.METH_GET if body is None else hdrs.METH_POST,
            url=address.text,
            key=key,
            now=self._now(),
            body=body,
            content_type=None if body is None else vocabulary.ACTIVITY_JSON,
        )
        headers[hdrs.ACCEPT] = accept
        if etag is not None:
            headers[hdrs.IF_NONE_MATCH] = etag
        try:
            return await self.send(address, headers, body=body, budget=budget)
        except aiohttp.ServerDisconnectedError:
            if body is None:
                raise  # aiohttp has tried again itself
            # A kept connection that the server closed just then: for a POST that is ours to try again.
            return await self.send(address, headers, body=body, budget=budget)


@contextlib.asynccontextmanager
async def bounded(total: float) -> AsyncIterator[None]:
    """At most so many seconds for all that is inside, whose network errors become RemoteErrors."""
    try:
        async with asyncio.timeout(total):
            yield
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, addresses.NotPublic):
            raise ForbiddenAddress(str(error.os_error)) from error
        raise Unreachable(str(error), why=_why(error)) from error
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL, HttpProcessingError) as error:
        raise Unusable(f"not HTTP as we speak it: {type(error).__name__}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(str(error) or type(error).__name__, why=_why(error)) from error


def _why(error: Exception) -> Why:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "timeout"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return "refused" if isinstance(cause, ConnectionRefusedError) else "network"


async def read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, inflated; Unusable if that is more than `limit` bytes.

    aiohttp inflates no further than it is read, so a bomb never exists in memory.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise Unusable(f"more than {limit} bytes")
    return bytes(body)


async def drain(response: aiohttp.ClientResponse) -> None:
    """Take the few words that servers answer to a POST, so that the connection can be used again.

    Whatever goes wrong here only costs the connection.
    """
    if response.connection is None:  # all read already
        return
    try:
        with contextlib.suppress(aiohttp.ClientError, HttpProcessingError, OSError, Unusable):
            async with asyncio.timeout(1):
                await read(response, _DRAINED)
    finally:
        response.release()

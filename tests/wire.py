"""Every byte between instances, and a search through them that undoes how they are packed."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import html
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import unquote_to_bytes

from tests import process
from tests.coalitions import Home

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(rb"[0-9A-Fa-f]{8,}")
_ESCAPED = re.compile(rb"\\u([0-9a-fA-F]{4})")
_PACKINGS = re.compile(rb"(?i)\r\n(?:content|transfer)-encoding: *([a-z, ]+)")
_LAYERS = 3
_INFLATED = 1 << 24


class Wire:
    """What was sent and answered, by connection and direction."""

    def __init__(self) -> None:
        self._streams: list[bytearray] = []
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def before(self, *homes: Home) -> AsyncIterator[None]:
        """Stands where each of the instances was, and passes on what comes and goes."""
        servers = []
        for home in homes:
            await home.leave()
            behind = process.free_port()
            await home.begin(port=behind)
            port = int(home.host.rpartition(":")[2])
            servers.append(await asyncio.start_server(partial(self._pass_on, behind), "127.0.0.1", port))
        try:
            yield
        finally:
            for server in servers:
                server.close()
            while self._open:
                for each in self._open:
                    each.transport.abort()
                await asyncio.sleep(0.01)

    def bytes(self) -> bytes:
        return b"\n".join(map(bytes, self._streams))

    def packings(self) -> set[bytes]:
        """The encodings of contents and transfers that were used."""
        return {found[1].strip().lower() for found in _PACKINGS.finditer(self.bytes())}

    async def _pass_on(self, behind: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", behind)
        self._open |= {writer, back}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, back))
                group.create_task(self._copy(there, writer))
        except* ConnectionError:
            pass  # either may go at any time
        finally:
            for each in (writer, back):
                each.transport.abort()
            self._open -= {writer, back}

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        kept = bytearray()
        self._streams.append(kept)
        while part := await source.read(1 << 16):
            kept += part
            target.write(part)
            await target.drain()
        target.write_eof()


def unpacked(text: bytes, layers: int = _LAYERS) -> Iterator[bytes]:
    """The text itself, and without base64, hexadecimal, gzip, and the escapes of JSON, HTML and URLs."""
    yield text
    if layers == 0:
        return
    inner = [
        unquote_to_bytes(text),
        html.unescape(text.decode("latin-1")).encode("utf-8", "replace"),
        _ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), text),
    ]
    decoded = [*_without_base64(text), *_without_hexadecimal(text), *_inflated(text)]
    yield from {each for each in inner if each != text}
    if decoded:
        yield from unpacked(b"\n".join(decoded), layers - 1)


def _without_base64(text: bytes) -> Iterator[bytes]:
    for found in _BASE64.finditer(text):
        run = found[0].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        # It may begin with something else.
        for start in range(4):
            part = run[start:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            yield base64.b64decode(part + b"=" * (-len(part) % 4))


def _without_hexadecimal(text: bytes) -> Iterator[bytes]:
    for found in _HEX.finditer(text):
        for start in (0, 1):
            part = found[0][start:]
            yield binascii.unhexlify(part[: len(part) // 2 * 2])


def _inflated(text: bytes) -> Iterator[bytes]:
    start = text.find(b"\x1f\x8b\x08")
    while start >= 0:
        with suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(text[start:], _INFLATED)
        start = text.find(b"\x1f\x8b\x08", start + 1)


def traces(addresses: Iterable[str], names: Iterable[str], keys: Iterable[bytes]) -> dict[str, bytes]:
    """By what it is, each thing that would give one of these people away; text in lower case."""
    found = {f"name {name}": name.lower().encode() for name in names}
    for address in addresses:
        plain = address.strip()
        local, _, domain = plain.rpartition("@")
        canonical = f"{local.partition('+')[0]}@{domain}".lower()
        found[f"local part of {address}"] = canonical.partition("@")[0].encode()
        for spelling in {address, plain, plain.lower(), canonical}:
            found[f"address {spelling}"] = spelling.lower().encode()
            raw = spelling.encode()
            for name in ("md5", "sha1", "sha256", "sha512"):
                found[f"{name} of {spelling}"] = hashlib.new(name, raw).digest()
            for key in keys:
                found[f"keyed hash of {spelling}"] = hmac.digest(key, raw, "sha256")
    return found


def search(text: bytes, wanted: dict[str, bytes]) -> set[str]:
    """Those of the traces that are in the text, however it is packed."""
    layers = b"\n".join(unpacked(text))
    lower = layers.lower()
    return {
        name
        for name, trace in wanted.items()
        if trace in layers or (not name.startswith(("md5", "sha", "keyed")) and trace in lower)
    }

"""Too large, too deep, too long, read differently by different parsers: refused before it costs anything."""

import asyncio
import gzip
import io
import json
import zlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from sqlalchemy import select

from fedicause.instance import Instance
from storage import reports
from storage.models import Actor
from tests import signing
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting

MEBIBYTE = 1024 * 1024

pytestmark = pytest.mark.usefixtures("campaign")


@pytest.fixture
async def mallory(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("mallory.test")).person("mallory")


def with_more(mallory: Person, more: str) -> bytes:
    """A Like with something more in it, written as it is."""
    return json.dumps(counting.like(mallory.uri))[:-1].encode() + f", {more}}}".encode()


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


async def test_json_that_parsers_read_differently_is_no_activity(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    like = json.dumps(counting.like(mallory.uri))
    bodies = {
        "32 levels deep": with_more(mallory, f'"x": {nested(32)}'),
        "100,000 levels deep": with_more(mallory, f'"x": {nested(100_000)}'),
        "100,000 objects deep": with_more(mallory, '"x": ' + '{"a":' * 100_000 + "1" + "}" * 100_000),
        "an actor twice": with_more(mallory, '"actor": "https://elsewhere.test/users/bob"'),
        "a key twice, below": with_more(mallory, '"x": {"a": 1, "a": 2}'),
        "NaN": with_more(mallory, '"x": NaN'),
        "Infinity": with_more(mallory, '"x": -Infinity'),
        "1e999": with_more(mallory, '"x": 1e999'),
        "an integer of 100,000 digits": with_more(mallory, f'"x": {"9" * 100_000}'),
        "half a surrogate pair": with_more(mallory, '"x": "\\ud800"'),
        "NUL": with_more(mallory, '"x": "\\u0000"'),
        "a byte order mark": b"\xef\xbb\xbf" + like.encode(),
        "UTF-16": like.encode("utf-16"),
        "not UTF-8": like.encode()[:-1] + b', "x": "\xff"}',
        "a list": f"[{like}]".encode(),
        "two of them": f"{like}{like}".encode(),
        "a comment": f"{like} // yes".encode(),
        "an id of 3,000 characters": with_more(mallory, '"x": 1').replace(b"#likes/1", b"#" + b"1" * 3000),
        "an actor of 3,000 characters": like.encode().replace(b"/users/", b"/" + b"u" * 3000 + b"/"),
    }
    requests = {name: mallory.signed(body, counting.INBOX) for name, body in bodies.items()}
    assert await counting.statuses(fediverse, requests) == dict.fromkeys(requests, 400)
    assert await counting.endorsements(client, fediverse) == 0
    assert mallory.server.asked == []
    right = mallory.signed(with_more(mallory, f'"x": {nested(31)}'), counting.INBOX)
    assert (await fediverse.send(right)).status == 202


async def test_more_than_a_mebibyte_is_too_large(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    body = with_more(mallory, '"x": ""')
    most = body.replace(b'""', b'"' + b"x" * (MEBIBYTE - len(body)) + b'"')
    for size, status in ((len(most), 202), (len(most) + 1, 413), (3 * MEBIBYTE, 413)):
        signed = mallory.signed(most + b" " * (size - len(most)), counting.INBOX)
        whole, headers = signed.body or b"", dict(signed.headers)
        told = await client.post("/actors/forest/inbox", data=io.BytesIO(whole), headers=headers)
        assert told.status == status, size
        # Without a Content-Length nobody knows before; the replay is refused for that, but was read.
        untold = await client.post("/actors/forest/inbox", data=pieces(whole), headers=headers)
        assert untold.status == (401 if status == 202 else status), size
    assert await counting.endorsements(client, fediverse) == 1


async def pieces(whole: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(whole), 65_536):
        yield whole[start : start + 65_536]


async def test_a_packed_body_is_not_unpacked(mallory: Person, client: Client, fediverse: Fediverse) -> None:
    plain = with_more(mallory, '"x": ""')
    bomb = gzip.compress(plain.replace(b'""', b'"' + b"x" * 64 * MEBIBYTE + b'"'), 1)
    assert len(bomb) < MEBIBYTE
    for body, packed in ((plain, gzip.compress(plain)), (plain, bomb), (plain, zlib.compress(plain))):
        encoding = "deflate" if packed[:1] == b"x" else "gzip"
        # The digest is that of the body unpacked, as a server would see it that unpacks before it checks.
        signed = mallory.signed(body, counting.INBOX).carrying(packed).having("Content-Encoding", encoding)
        assert (await fediverse.send(signed)).status == 415
    assert mallory.server.asked == []


async def test_a_header_without_end_is_refused(mallory: Person, client: Client, fediverse: Fediverse) -> None:
    signed = mallory.signed(counting.like(mallory.uri), counting.INBOX)
    value = signed.header("signature") or ""
    requests = {
        "long": signed.having("Signature", f'{value},x="{"y" * 16_000}"'),
        "many": signing.Request(
            "POST", signed.url, signed.headers + tuple((f"X-{n}", "y") for n in range(500)), signed.body
        ),
        "many of one kind": signing.Request("POST", signed.url, signed.headers + (("X", "y"),) * 500),
        "many parameters": signed.having(
            "Signature", value + "".join(f',{"x" * n}="y"' for n in range(1, 20))
        ),
        "many covered": mallory.signed(
            counting.like(mallory.uri),
            counting.INBOX,
            covered=("(request-target)", "host", "date", "digest"),
        ).having("Signature", value.replace('headers="', 'headers="' + "host " * 500)),
    }
    answers = await counting.statuses(fediverse, requests)
    assert set(answers.values()) <= {400, 401}, answers
    assert await counting.endorsements(client, fediverse) == 0


async def test_bytes_that_are_no_text_in_headers_are_refused(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    signed = mallory.signed(counting.like(mallory.uri), counting.INBOX)
    body = signed.body or b""
    lines = [
        f"{name}: {value}".encode() for name, value in signed.headers if name.lower() != "content-length"
    ]
    head = b"\r\n".join([*lines, f"Content-Length: {len(body)}".encode()])
    for odd, first in (
        (head.replace(b"/users/mallory#", b"/users/mal\xfflory#"), b"POST /actors/forest/inbox HTTP/1.1\r\n"),
        (head.replace(b"rsa-sha256", b"rsa-\xff"), b"POST /actors/forest/inbox HTTP/1.1\r\n"),
        (head, b"POST /actors/forest/inbox?\xff HTTP/1.1\r\n"),
    ):
        reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
        writer.write(first + odd + b"\r\n\r\n" + body)
        status = (await reader.readline()).split()[1]
        writer.close()
        assert status in {b"400", b"401"}, odd
    assert await counting.endorsements(client, fediverse) == 0
    assert mallory.server.asked == []


class Fountain:
    """An answer without end; `poured` bytes of it were taken before we went away."""

    def __init__(self, start: bytes, *, is_packed: bool) -> None:
        self.poured = 0
        self._start = start
        self._is_packed = is_packed

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": signing.ACTIVITY})
        if self._is_packed:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        piece = self._start
        try:
            while self.poured < 512 * MEBIBYTE:
                out = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) if self._is_packed else piece
                await response.write(out)
                self.poured += len(piece)
                piece = b" " * MEBIBYTE
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        return response


@pytest.mark.parametrize("is_packed", [False, True])
async def test_of_an_actor_document_without_end_little_is_read(
    *, is_packed: bool, mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    fountain = Fountain(json.dumps(mallory.document).encode(), is_packed=is_packed)
    mallory.server.documents["/users/mallory"] = fountain
    async with asyncio.timeout(2.5):
        assert (await mallory.like(counting.NOTE)).status == 401
    # What is in the buffers of two sockets besides; packed, that is a thousand times as much.
    assert fountain.poured < (64 if is_packed else 16) * MEBIBYTE
    assert await counting.endorsements(client, fediverse) == 0


async def test_an_actor_document_obeys_the_limits_of_a_request(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    plain = json.dumps(mallory.document)[:-1]
    for number, more in enumerate(
        (
            f'"x": {nested(40)}',
            '"id": "https://mallory.test/users/mallory"',
            '"x": NaN',
            f'"x": "{"y" * MEBIBYTE}"',
        )
    ):

        async def answer(_: web.Request, more: str = more) -> web.Response:
            return web.Response(
                body=f"{plain}, {more}}}".encode(), headers={"Content-Type": signing.ACTIVITY}
            )

        mallory.server.documents["/users/mallory"] = answer
        assert (await mallory.like(counting.NOTE)).status == 401, number
        # Until the failure is forgotten.
        fediverse.clock.advance(601)
    assert await counting.endorsements(client, fediverse) == 0


async def test_an_actor_of_another_shape_is_none_and_no_failure_of_ours(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    odd: list[object] = [{"a": 1}, [["Person"]], [{"Person": 1}, 7], None, [], [{"a": []}, "Person"]]
    for kind in odd:
        mallory.server.documents["/users/mallory"] = mallory.document | {"type": kind}
        status = (await mallory.like(counting.NOTE)).status
        assert status == (202 if kind == odd[-1] else 401), kind
        fediverse.clock.advance(601)
    assert await counting.endorsements(client, fediverse) == 1


async def test_what_an_actor_says_of_itself_is_cut_short(
    mallory: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    mallory.server.documents["/users/mallory"] = mallory.document | {
        "preferredUsername": "m" * 100_000,
        "name": "<b>M</b>" * 20_000,
        "url": ["https://mallory.test/" + "x" * 100_000] * 5,
        "assertionMethod": [{"id": f"{mallory.uri}#{n}", "type": "Multikey"} for n in range(2000)],
    }
    answer = await mallory.flag(counting.FOREST, counting.NOTE, content="!" * 500_000)
    assert answer.status == 202
    async with instance.database.reading() as session:
        [report] = await reports.waiting(session)
        [actor] = await session.scalars(select(Actor))
    assert len(report.content) <= 5000
    assert len(actor.handle) <= 100
    assert len(actor.name) <= 200
    assert actor.url is None

"""Forms that are none, or cost more to read than to send: refused, wherever forms are taken, at once."""

import asyncio
import logging
import time

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from fedicause.instance import Instance
from fedicause.web import posted
from storage.models import Campaign
from tests.conftest import Client
from tests.web import staff

FORM = "application/x-www-form-urlencoded"
PATHS = (
    "/campaigns/forest/signatures", "/me", "/me/{token}/erase", "/confirm/{token}", "/decline/{token}",
    "/receipts", "/receipts/file", "/unsubscribe/1.abcdefgh", "/admin/login", "/admin/login/code",
    "/admin/me/sessions", "/admin/moderation/blocks/preview",
)  # fmt: skip
PARTS = b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
BODIES = {
    "bytes that are no text": (b"name=\xff\xfe", FORM),
    "an unknown character set": (b"name=Bob", f"{FORM}; charset=nonsense"),
    "UTF-16": ("name=Bob".encode("utf-16"), f"{FORM}; charset=utf-16"),
    "Punycode": (b"0" * 60_000, f"{FORM}; charset=punycode"),
    "a part in Punycode": (
        PARTS + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"0" * 400_000 + b"\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
    "Punycode for all": (
        PARTS.replace(b'"a"', b'"_charset_"') + b"\r\n" + b"punycode" * 9 + b"\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
    "a part that is packed": (
        PARTS + b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
    "a part without a name": (b"--x\r\n\r\na\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    "a header that is none": (
        PARTS + b"\xff\x00: b\r\n\r\na\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
    "no boundary": (b"--x\r\n", "multipart/form-data"),
    "a part in parts": (
        PARTS + b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
    "parts without end": (PARTS + b"\r\n" + b"a" * 500, "multipart/form-data; boundary=x"),
}

ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@ON_SQLITE
@pytest.mark.parametrize("name", BODIES)
async def test_what_is_no_form_is_refused_wherever_forms_are_taken(
    client: Client, instance: Instance, campaign: Campaign, name: str
) -> None:
    body, kind = BODIES[name]
    alice = await staff.come_in(client, instance)
    sent = {"Content-Type": kind, "Origin": alice.origin, "Cookie": f"__Host-session={alice.token}"}
    begun = time.process_time()
    for path in [each.replace("{token}", "nobodys-door-nobodys-door-xx") for each in PATHS]:
        async with client.post(path, data=body, headers=sent, allow_redirects=False) as answer:
            shown = await answer.text()
            # Of a part in a character set nothing is asked: it is read as UTF-8, and is no form of ours.
            allowed = {400, 403, 404, 413, 415, 422} if "part in Puny" in name else {400, 413, 415}
            assert answer.status in allowed, (path, answer.status, shown)
    # Punycode alone would take a second for each of them, and stop everybody else meanwhile.
    assert time.process_time() - begun < 5


async def test_a_form_of_a_thousand_parts_keeps_nobody_waiting() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    # All of it is there before it is read: nothing is waited for but the others' turns.
    came = StreamReader(BaseProtocol(asyncio.get_running_loop()), 1 << 20)
    for number in range(900):
        came.feed_data(PARTS.replace(b'"a"', b'"%d"' % number) + b"\r\na\r\n")
    came.feed_data(b"--x--\r\n")
    came.feed_eof()
    sent = {"Content-Type": "multipart/form-data; boundary=x"}
    request = make_mocked_request("POST", "/receipts", headers=sent, payload=came)
    others = asyncio.create_task(take_turns())
    form = await posted.read(request, 1 << 20)
    others.cancel()
    assert len(form) == 900
    assert turns >= 900


@ON_SQLITE
async def test_who_speaks_no_http_is_not_quoted_in_the_log(
    client: Client, campaign: Campaign, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = client.server
    for request in (
        b"GET /me/secret-token-of-bob HTTP/1.1\r\nHost: x\r\nX: bob@mail.example\x01\r\n\r\n",
        b"secret-token-of-bob\r\n\r\n",
        b"GET /me/secret-token-of-bob\xff HTTP/9\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request)
        assert b" 400 " in (await reader.read()).splitlines()[0]
        writer.close()
    # Whoever hangs up in the middle of a form is no failure of ours either.
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(
        f"POST /campaigns/forest/signatures HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
        "Content-Length: 100\r\n\r\nname=Bob".encode()
    )
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await asyncio.sleep(0.05)
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    # `serve` writes no access log; the test's own server does.
    written = [caplog.handler.format(each) for each in caplog.records if each.name != "aiohttp.access"]
    for told in ("secret-token", "bob@mail", "127.0.0.1"):
        assert told not in "".join(written)

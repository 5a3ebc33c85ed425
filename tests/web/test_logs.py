"""The log of a busy instance: who did it is in no line, and by its number a request is found."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace
from sqlalchemy import text

from fedicause import settings
from fedicause.instance import Instance
from fedicause.letters import post
from fedicause.watching import logs
from storage.models import Campaign
from tests import forms, letters, own_page, wire
from tests.conftest import Client, application
from tests.door import Door
from tests.fediverse import Fediverse
from tests.postbox import Postbox
from tests.web import staff

ADDRESSES = ("mathilde.kranz+petition@post.example", "Ottokar.Zwirn@BUREAU.example")
NAMES = ("Mathilde", "Kranz", "Ottokar", "Zwirn", "Quatrefages")
MATHILDE = {"mail": ADDRESSES[0], "name": "Mathilde Kranz"}
OTTOKAR = {"mail": ADDRESSES[1], "name": "Ottokar Zwirn"}
FROM = "203.0.113.77"


@pytest.fixture
def written() -> Iterator[dict[logs.Form, io.StringIO]]:
    """What the process writes into its log in either form, down to the smallest note."""
    root = logging.getLogger()
    before, handlers = root.level, []
    streams: dict[logs.Form, io.StringIO] = {"plain": io.StringIO(), "json": io.StringIO()}
    for form, stream in streams.items():
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.formatter(form))
        # The mail server of the test is in this process too.
        handler.addFilter(lambda record: not record.name.startswith("mail."))
        root.addHandler(handler)
        handlers.append(handler)
    root.setLevel(logging.DEBUG)
    yield streams
    for handler in handlers:
        root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
async def chatty(ours_with_mail: Instance, fediverse: Fediverse) -> AsyncIterator[tuple[Client, Instance]]:
    """An instance for which every request is a slow one."""
    instance = replace(ours_with_mail, settings=replace(ours_with_mail.settings, slow=0.0))
    server = Door(application(instance))
    # As `serve` does: it would have every address in it.
    await server.start_server(access_log=None)
    async with TestClient(server) as opened:
        fediverse.homes[instance.settings.url] = str(opened.make_url("")).rstrip("/")
        yield opened, instance


async def garbage(client: Client, said: bytes) -> bytes:
    """The answer to what is no HTTP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(said)
    answer = await reader.read(65536)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.usefixtures("campaign")
async def test_nothing_personal_is_in_any_line(
    chatty: tuple[Client, Instance],
    written: dict[logs.Form, io.StringIO],
    fediverse: Fediverse,
    postbox: Postbox,
) -> None:
    client, instance = chatty
    answer = await forms.sign(client, headers={"X-Forwarded-For": FROM}, **MATHILDE)
    assert answer.status == 303
    (letter,) = await letters.waiting(instance)
    tokens = [letter.token(what) for what in letter.links]
    assert (await forms.post(client, letter.links["confirm"], {})).status == 303
    door = await own_page.door(client, instance, ADDRESSES[0])
    tokens.append(door.rpartition("/")[2])
    assert (await forms.get(client, f"{door}?of={quote(ADDRESSES[0])}")).status == 200
    # Log-ins that fail, and one that works.
    browser = await staff.come_in(client, instance)
    tokens.append(browser.token)
    assert (await staff.Browser(client).log_in(ADDRESSES[1], "wrong")).status != 303
    # Whom the mail server refuses it tells in full.
    postbox.answers[ADDRESSES[0]] = f"451 4.3.0 <{ADDRESSES[0]}>: the box is full, says {FROM}"
    await post.round(instance)
    # Somebody endorses; somebody whom nobody can find does too.
    there = await fediverse.server()
    assert (
        await (await there.person("quatrefages")).like("https://ours.test/campaigns/forest")
    ).status == 202
    await there.stop()
    await (await there.person("ottokar")).like("https://ours.test/campaigns/forest")
    # What is no request, with an address in it.
    assert b"400" in await garbage(client, b"GET /me?of=" + ADDRESSES[0].encode() + b" HTTP/9.x\r\n\r\n")
    # What PostgreSQL says of a row that can't be: its words.
    async with instance.database.writing() as session:
        await session.execute(text("CREATE UNIQUE INDEX one_of_each ON letters (domain, kind)"))
    broken = await forms.sign(client, **OTTOKAR | {"mail": f"zwirn.{ADDRESSES[0]}"})
    assert broken.status == 500
    number = broken.headers["X-Request-Id"]
    assert number in broken.text
    log, lines = written["plain"].getvalue(), written["json"].getvalue().splitlines()
    for form in (log, "\n".join(lines)):
        assert wire.search(form.encode(), wire.traces(ADDRESSES, NAMES, [])) == set()
        for secret in (*tokens, FROM, "post.example"):
            assert secret not in form, secret
        assert "request from" not in form
        # It says enough for all that.
        for said in (
            "what came is no request",
            "/me/{token}",
            "/campaigns/{address}/signatures",
            "IntegrityError",
            "parked a request of",
        ):
            assert said in form, said
    assert f"POST /campaigns/{{address}}/signatures failed [{number}]" in log
    told = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "message"} <= set(each) for each in told)
    failed, slow = [each for each in told if each.get("request") == number]
    assert (failed["level"], failed["logger"]) == ("error", "fedicause.web.errors")
    assert "IntegrityError" in failed["error"]
    assert (slow["route"], slow["status"]) == ("/campaigns/{address}/signatures", 500)
    assert slow["seconds"] > 0


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("f6b2d4a0-5e7c-4f1a-9a53-0c6a7d1b2e3f", True),
        ("0123456789abcdef", True),
        ("short", False),
        ("x" * 65, False),
        ("a line\tand more", False),
        ("mathilde@post.example", False),
    ],
)
async def test_the_number_that_a_proxy_gives_is_kept(client: Client, given: str, is_taken: bool) -> None:
    async with client.get("/healthz", headers={"X-Request-Id": given}) as answer:
        assert (answer.headers["X-Request-Id"] == given) == is_taken


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_number_from_elsewhere_is_not(instance: Instance) -> None:
    alone = replace(instance, settings=replace(instance.settings, proxies=()))
    async with TestClient(Door(application(alone))) as client:
        numbers = set()
        for _ in range(3):
            async with client.get("/nothing", headers={"X-Request-Id": "0123456789abcdef"}) as answer:
                numbers.add(answer.headers["X-Request-Id"])
    assert len(numbers) == 3
    assert "0123456789abcdef" not in numbers


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_whoever_sees_that_something_broke_can_tell_the_admin(
    client: Client, instance: Instance, campaign: Campaign, caplog: pytest.LogCaptureFixture
) -> None:
    async with instance.database.writing() as session:
        await session.execute(text("ALTER TABLE campaign_texts RENAME TO gone"))
    page = await forms.get(client, "/campaigns/forest")
    assert page.status == 500
    number = page.headers["X-Request-Id"]
    assert f"<code>{number}</code>" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    again = await forms.get(client, "/campaigns/forest")
    assert again.headers["X-Request-Id"] in again.text
    assert number not in again.text
    async with client.get("/api/campaigns/forest") as answer:
        assert (await answer.json())["request"] == answer.headers["X-Request-Id"]
    async with client.get("/nothing-here", headers={"Accept": "text/html"}) as answer:
        assert answer.headers["X-Request-Id"] not in await answer.text()
    assert "GET /campaigns/{slug} failed" in caplog.text


def test_what_looks_like_an_address_is_left_out() -> None:
    for said, left in {
        "could not tell bob@mail.example (or <eve@mail.example>)": "could not tell … (or <…>)",
        "postgresql://user:pass@db/name": "postgresql://user:…/name",
        "https://b.example/@bob is not a mail address": "https://b.example/@bob is not a mail address",
        "duplicate key\nDETAIL:  Key (email)=(a, b) already exists.\nmore": "duplicate key\nDETAIL: …\nmore",
    }.items():
        assert logs.discreet(said) == left


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("FEDICAUSE_LOG", "xml"),
        ("FEDICAUSE_SLOW", "0"),
        ("FEDICAUSE_SLOW", "nan"),
        ("FEDICAUSE_SLOW", "soon"),
        ("FEDICAUSE_METRICS_TOKEN", "guessable"),
        ("FEDICAUSE_METRICS_TOKEN", "sixteen characters\nand a line"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(tmp_path: Path, name: str, given: str) -> None:
    with pytest.raises(settings.Misconfigured, match=name):
        settings.load({"FEDICAUSE_URL": "https://a.test", name: given}, dotenv=tmp_path / "no")

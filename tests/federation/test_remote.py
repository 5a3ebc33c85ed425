"""What we ask other servers for, and what of their answers is read."""

import asyncio
import gzip
import json

import pytest
from aiohttp import web

from federation import httpsig, vocabulary
from federation.remote import (
    Budget,
    Exhausted,
    Gone,
    Missing,
    Refused,
    Remote,
    RemoteError,
    Unreachable,
    Unusable,
)
from tests.clock import Clock
from tests.federation.peers import ACTOR, AGENT, KEY, Peer, signer_of


async def test_a_fetch_is_signed_and_names_us(remote: Remote, carol: Peer, clock: Clock) -> None:
    uri = carol.document("/notes/1?page=a%20b")
    carol.document("/notes/1")
    await remote.fetch(carol.url("/notes/1?page=a%20b"))
    (asked,) = carol.seen
    assert uri.endswith(asked.target)
    assert await signer_of(asked, carol, clock.now()) == ACTOR
    assert asked.headers["user-agent"] == AGENT
    assert asked.headers["accept"].startswith(vocabulary.ACTIVITY_JSON)
    assert asked.headers["accept-encoding"] == "gzip, deflate"


async def test_a_document_comes_with_the_url_that_served_it(remote: Remote, carol: Peer) -> None:
    uri = carol.document("/notes/1", content="Hello")
    document = await remote.fetch(f"{uri}#part")
    assert (document.url, document.data["content"]) == (uri, "Hello")
    assert carol.targets == ["/notes/1"]


async def test_cookies_and_proxies_of_the_environment_are_not_used(
    remote: Remote, carol: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://mallory.test:9/")
    carol.serve("/notes/1", {"id": carol.url("/notes/1")}, headers={"Set-Cookie": "follow=me; Path=/"})
    await remote.fetch(carol.url("/notes/1"))
    await remote.fetch(carol.url("/notes/1"))
    assert all("cookie" not in each.headers for each in carol.seen)
    assert len(carol.seen) == 2


async def test_a_host_that_wants_the_other_scheme_gets_it_and_is_remembered(
    remote: Remote, carol: Peer, schemes: dict[str, httpsig.Scheme], clock: Clock
) -> None:
    async def only_rfc9421(request: web.Request) -> web.Response:
        if "Signature-Input" not in request.headers:
            return web.Response(status=401)
        return web.json_response({"id": carol.url("/a")}, content_type=vocabulary.ACTIVITY_JSON)

    carol.answer("/a", only_rfc9421)
    await remote.fetch(carol.url("/a"))
    await remote.fetch(carol.url("/a"))
    assert ["signature-input" in each.headers for each in carol.seen] == [False, True, True]
    assert schemes == {carol.authority: "rfc9421"}
    assert await signer_of(carol.seen[-1], carol, clock.now()) == ACTOR


async def test_a_host_that_refuses_both_schemes_changes_nothing(
    remote: Remote, carol: Peer, schemes: dict[str, httpsig.Scheme]
) -> None:
    carol.serve("/a", {}, status=401)
    with pytest.raises(Refused):
        await remote.fetch(carol.url("/a"))
    assert len(carol.seen) == 2
    assert schemes == {}


async def test_webfinger_and_nodeinfo_are_asked_for_without_a_signature(remote: Remote, carol: Peer) -> None:
    carol.serve(
        "/i", {"version": "2.0"}, media_type='application/json; profile="http://nodeinfo.example/2.0#"'
    )
    assert (await remote.fetch_json(carol.url("/i"))).data == {"version": "2.0"}
    carol.serve("/j", {"links": []}, media_type="application/jrd+json; charset=utf-8")
    assert (await remote.fetch_json(carol.url("/j"))).data == {"links": []}
    assert all("signature" not in each.headers for each in carol.seen)


async def test_a_web_page_is_neither_webfinger_nor_nodeinfo(remote: Remote, carol: Peer) -> None:
    carol.serve("/i", {}, media_type="text/html")
    with pytest.raises(Unusable):
        await remote.fetch_json(carol.url("/i"))


async def test_a_host_is_asked_eight_things_at_once(remote: Remote, carol: Peer) -> None:
    asking = most = 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0.02)
        asking -= 1
        return web.json_response({"id": str(request.url)}, content_type=vocabulary.ACTIVITY_JSON)

    for number in range(20):
        carol.answer(f"/{number}", slow)
    await asyncio.gather(*(remote.fetch(carol.url(f"/{number}")) for number in range(20)))
    assert most == 8


async def test_a_budget_counts_every_request(remote: Remote, carol: Peer) -> None:
    carol.redirect("/old", "/new")
    carol.document("/new")
    budget = Budget(3)
    await remote.fetch(carol.url("/old"), budget=budget)
    with pytest.raises(Exhausted):
        await remote.fetch(carol.url("/old"), budget=budget)
    assert len(carol.seen) == 3


# Reading


@pytest.mark.parametrize(
    "media_type",
    [
        "application/activity+json",
        "Application/Activity+JSON; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        "application/ld+json; profile=https://www.w3.org/ns/activitystreams",
        'application/ld+json;charset=utf-8;profile="https://w3id.org/x https://www.w3.org/ns/activitystreams"',
    ],
)
async def test_activitypub_media_types_are_read(remote: Remote, carol: Peer, media_type: str) -> None:
    carol.serve("/a", {"id": carol.url("/a")}, media_type=media_type)
    assert (await remote.fetch(carol.url("/a"))).data["id"] == carol.url("/a")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "text/plain",
        "text/html",
        "image/png",
        "application/octet-stream",
        "application/ld+json",
        'application/ld+json; profile="https://www.w3.org/ns/anno.jsonld"',
        "application/ld+json; profile=https://www.w3.org/ns/activitystreams.evil",
        "text/plain; application/activity+json",
        "application/activity+json, text/html",
    ],
)
async def test_no_other_media_type_is_read(remote: Remote, carol: Peer, media_type: str) -> None:
    carol.serve("/upload.json", {"id": carol.url("/upload.json")}, media_type=media_type)
    with pytest.raises(Unusable, match="media type"):
        await remote.fetch(carol.url("/upload.json"))


async def test_two_media_types_are_none(remote: Remote, carol: Peer) -> None:
    async def both(_: web.Request) -> web.Response:
        answer = web.Response(body=json.dumps({"id": carol.url("/a")}).encode())
        answer.headers["Content-Type"] = vocabulary.ACTIVITY_JSON
        answer.headers.add("Content-Type", "text/html")
        return answer

    carol.answer("/a", both)
    with pytest.raises(RemoteError):
        await remote.fetch(carol.url("/a"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, Missing),
        (410, Gone),
        (401, Refused),
        (403, Refused),
        (451, Refused),
        (408, Unreachable),
        (429, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
        (304, Unusable),
        (202, Unusable),
    ],
)
async def test_a_status_is_told_apart(
    remote: Remote, carol: Peer, status: int, error: type[RemoteError]
) -> None:
    carol.serve("/a", {"id": carol.url("/a")}, status=status)
    with pytest.raises(error):
        await remote.fetch(carol.url("/a"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("999999999999", 86400.0),
        ("Sat, 21 Nov 2099 12:01:00 GMT", 86400.0),
        ("-5", None),
        ("soon", None),
        ("Sat, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
async def test_whoever_asks_us_to_wait_is_heard(
    remote: Remote, carol: Peer, value: str, seconds: float | None
) -> None:
    carol.serve("/a", {}, status=429, headers={"Retry-After": value})
    with pytest.raises(Unreachable) as raised:
        await remote.fetch(carol.url("/a"))
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"id": 1', b'{"id": "a", "id": "b"}', b'{"a":' * 40 + b"1" + b"}" * 40, b"\xff{}"]
)
async def test_what_is_no_strict_json_object_is_refused(remote: Remote, carol: Peer, body: bytes) -> None:
    carol.serve("/a", body)
    with pytest.raises(Unusable):
        await remote.fetch(carol.url("/a"))


async def test_a_document_of_more_than_a_mebibyte_is_refused(remote: Remote, carol: Peer) -> None:
    carol.document("/a", content="x" * 1024 * 1024)
    with pytest.raises(Unusable, match="more than"):
        await remote.fetch(carol.url("/a"))


async def test_a_compressed_document_is_read(remote: Remote, carol: Peer) -> None:
    body = gzip.compress(json.dumps({"id": carol.url("/a")}).encode())
    carol.serve("/a", body, headers={"Content-Encoding": "gzip"})
    assert (await remote.fetch(carol.url("/a"))).data == {"id": carol.url("/a")}


async def test_a_gzip_bomb_is_counted_as_it_inflates(remote: Remote, carol: Peer) -> None:
    body = gzip.compress(b'{"a":"' + b"x" * 50 * 1024 * 1024 + b'"}')
    carol.serve("/a", body, headers={"Content-Encoding": "gzip"})
    with pytest.raises(Unusable, match="more than"):
        await remote.fetch(carol.url("/a"))


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, gzip"])
async def test_a_body_that_cannot_be_inflated_is_no_document(
    remote: Remote, carol: Peer, coding: str
) -> None:
    carol.serve("/a", b"not compressed at all", headers={"Content-Encoding": coding})
    with pytest.raises(RemoteError):
        await remote.fetch(carol.url("/a"))


async def test_outside_of_dev_mode_a_host_is_asked_by_https_only(clock: Clock, remote: Remote) -> None:
    async with Remote(key=KEY, user_agent=AGENT, allow_private=False, now=clock.now, schemes={}) as door:
        assert door.origins("Carol.TEST") == ("https://carol.test",)
    assert remote.origins("carol.test:8080") == ("http://carol.test:8080", "https://carol.test:8080")
    with pytest.raises(vocabulary.Malformed):
        remote.origins("carol.test/path")

"""The inboxes: what is answered to whom, and in which form a request may come."""

import asyncio
import io
import json
from typing import Any

import pytest

from federation import vocabulary
from fedicause import moderate
from fedicause.instance import Instance
from storage.models import Campaign
from tests import dialects, signing
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting

VARYING = {"date", "x-request-id"}

pytestmark = pytest.mark.usefixtures("campaign")


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("elsewhere.test")).person("bob")


async def test_every_inbox_takes_everything(bob: Person, client: Client, fediverse: Fediverse) -> None:
    for place in ("/inbox", "/actor/inbox", "/actors/org/inbox", "/actors/forest/inbox"):
        request = bob.signed(counting.like(bob.uri), f"https://ours.test{place}")
        answer = await fediverse.send(request)
        assert (answer.status, answer.body) == (202, b""), place
    assert await counting.endorsements(client, fediverse) == 1


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_where_somebody_was_before_is_answered_as_at_first(
    client: Client, fediverse: Fediverse, bob: Person
) -> None:
    """Once something was taken there, an inbox is reached by a shortcut, which nobody can tell."""
    like, kind = json.dumps(counting.like(bob.uri)).encode(), {"Content-Type": vocabulary.ACTIVITY_JSON}
    asked: list[tuple[str, bytes | None, dict[str, str], dict[str, Any]]] = [
        ("POST", like, kind, {}),
        ("POST", like, kind, {"expect100": True}),
        ("POST", b"{}", kind, {}),
        ("POST", b"{}", kind | {"Expect": "miracles"}, {}),
        ("POST", like, {"Content-Type": "text/plain"}, {}),
        ("POST", b" " * 1024 * 1024 + like, kind, {}),
        ("GET", None, {}, {}),
        ("DELETE", None, {}, {}),
        ("OPTIONS", None, {}, {}),
    ]
    path = "/actors/forest/inbox"

    async def answers() -> list[tuple[int, bytes, dict[str, str]]]:
        found = []
        for method, body, headers, options in asked:
            data = None if body is None else io.BytesIO(body)
            async with client.request(method, path, data=data, headers=headers, **options) as answer:
                kept = {
                    name: "" if name.lower() in VARYING else value for name, value in answer.headers.items()
                }
                found.append((answer.status, await answer.read(), kept))
        return found

    first = await answers()
    await fediverse.send(bob.signed(counting.like(bob.uri), f"https://ours.test{path}"))
    assert [status for status, _, _ in first] == [401, 401, 400, 417, 415, 413, 405, 405, 405]
    assert await answers() == first
    taken = await fediverse.send(bob.signed(counting.like(bob.uri), f"https://ours.test{path}"))
    assert (taken.status, taken.body) == (202, b"")


async def test_any_json_media_type_is_taken_and_no_other(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    body = json.dumps(counting.like(bob.uri)).encode()
    answers = {
        "application/activity+json": 202,
        "application/activity+json; charset=utf-8": 202,
        "Application/Activity+JSON": 202,
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"': 202,
        "application/ld+json": 202,
        "application/json": 202,
        "application/problem+json": 202,
        "text/plain": 415,
        "text/html": 415,
        "text/json": 415,
        "application/x-www-form-urlencoded": 415,
        "multipart/form-data; boundary=x": 415,
        "application/octet-stream": 415,
        "": 415,
    }
    requests = {}
    for number, kind in enumerate(answers):
        plain = signing.request("POST", counting.INBOX, body + b" " * number, content_type=kind)
        requests[kind] = signing.cavage(plain, bob.key, at=fediverse.clock.now())
    assert await counting.statuses(fediverse, requests) == answers
    assert await counting.endorsements(client, fediverse) == 1


async def test_what_is_no_activity_is_told_so(bob: Person, client: Client, fediverse: Fediverse) -> None:
    bodies = {
        "nothing": b"",
        "no JSON": b"type=Like",
        "a string": b'"Like"',
        "null": b"null",
        "an empty object": b"{}",
        "no actor": json.dumps({"type": "Like", "object": counting.NOTE}).encode(),
        "an actor that is no address": json.dumps(counting.like("bob")).encode(),
        "no type": json.dumps(counting.like(bob.uri, type=None)).encode(),
        "a type that is none": json.dumps(counting.like(bob.uri, type=7)).encode(),
        "an id that is none": json.dumps(counting.like(bob.uri, id=7)).encode(),
    }
    requests = {name: bob.signed(body, counting.INBOX) for name, body in bodies.items()}
    assert await counting.statuses(fediverse, requests) == dict.fromkeys(requests, 400)
    assert (await fediverse.send(requests["no actor"])).body.startswith(b"Not an activity")


async def test_what_is_nothing_to_us_is_taken_all_the_same(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    """A server that is refused tries again for days, or drops us."""
    other = "https://elsewhere.test/notes/1"
    for activity in (
        counting.like(bob.uri, object=other),
        counting.like(bob.uri, object=f"{counting.NOTE}-2"),
        counting.like(bob.uri, object=counting.FOREST),
        counting.like(bob.uri, object=f"{counting.NOTE}?a=b"),
        counting.like(bob.uri, object=None),
        counting.like(bob.uri, object=[]),
        counting.like(bob.uri, type="Announce", object=other),
        counting.like(bob.uri, type="Follow", object="https://ours.test/actors/nobody"),
        counting.like(bob.uri, type="Create", object={"type": "Note", "content": "x"}),
        counting.like(bob.uri, type="Undo", object="https://elsewhere.test/unheard/of"),
        counting.like(bob.uri, type="Undo", object={"id": "https://elsewhere.test/unheard/of"}),
        counting.like(bob.uri, type="Accept", object="https://ours.test/activities/x"),
        counting.like(bob.uri, type="Dislike"),
        counting.like(bob.uri, type="View"),
        counting.like(bob.uri, type="https://example.org/ns#Wave"),
    ):
        assert (await bob.say(activity, counting.FOREST)).status == 202, activity
    assert await counting.support(client, fediverse) | {"updated": None} == {
        **await counting.support(client, fediverse),
        "updated": None,
        "total": 0,
        "endorsements": 0,
        "shares": 0,
    }


async def test_an_activity_without_an_id_counts(bob: Person, client: Client, fediverse: Fediverse) -> None:
    said = counting.like(bob.uri, id=None)
    assert (await bob.say(said, counting.FOREST)).status == 202
    assert await counting.endorsements(client, fediverse) == 1
    undo = {"type": "Undo", "actor": bob.uri, "object": said}
    assert (await bob.say(undo, counting.FOREST)).status == 202
    assert await counting.endorsements(client, fediverse) == 0


async def test_a_retry_with_a_new_signature_is_taken_and_changes_nothing(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    said = counting.like(bob.uri)
    for _ in range(3):
        assert (await bob.say(said, counting.FOREST)).status == 202
    assert await counting.endorsements(client, fediverse) == 1


async def test_the_deletion_of_somebody_unknown_is_taken_without_asking_anybody(
    bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    """Mastodon sends it to every server that it knows; the actor and its key are gone by then."""
    delete = counting.like(bob.uri, type="Delete", object=bob.uri)
    requests = {
        "signed": bob.signed(delete, counting.SHARED_INBOX),
        "not signed": bob.signed(delete, counting.SHARED_INBOX).lacking("signature"),
        "embedded": bob.signed(delete | {"object": bob.document}, counting.SHARED_INBOX),
    }
    assert await counting.statuses(fediverse, requests) == dict.fromkeys(requests, 202)
    assert bob.server.asked == []
    assert await counting.parked(instance) == 0
    # Of somebody known it must be signed.
    assert (await bob.like(counting.NOTE)).status == 202
    assert (await fediverse.send(requests["not signed"])).status == 401
    assert await counting.endorsements(client, fediverse) == 1


async def test_refusals_say_why_and_nothing_else(
    bob: Person, client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    eve = await bob.server.person("eve")
    async with instance.database.writing() as session:
        await moderate.block(session, "blocked.test", "spam", now=instance.now())
    blocked = await (await fediverse.server("blocked.test")).person("mallory")
    like = counting.like(bob.uri)
    requests = {
        "400": bob.signed(b"[]", counting.INBOX),
        "401": bob.signed(like, counting.INBOX).lacking("signature"),
        "403": eve.signed(like, counting.INBOX),
        "403, foreign id": bob.signed(like | {"id": "https://ours.test/activities/1"}, counting.INBOX),
        "403, blocked": blocked.signed(counting.like(blocked.uri), counting.INBOX),
        "415": bob.signed(like, counting.INBOX).having("Content-Type", "text/plain"),
    }
    for name, request in requests.items():
        answer = await fediverse.send(request)
        assert answer.status == int(name[:3]), name
        assert answer.headers["Content-Type"].startswith("text/plain"), name
        assert answer.body.count(b"\n") == 1, name
        assert len(answer.body) < 200, name
    assert await counting.endorsements(client, fediverse) == 0


async def test_inboxes_are_not_read(client: Client) -> None:
    for place in ("/inbox", "/actor/inbox", "/actors/forest/inbox"):
        for method in ("GET", "PUT", "DELETE"):
            async with client.request(method, place, headers={"Accept": signing.ACTIVITY}) as answer:
                assert answer.status == 405, (method, place)


async def test_strange_shapes_break_nothing(bob: Person, client: Client, fediverse: Fediverse) -> None:
    """Takahe takes a 5xx for delivered; so strange shapes, truly signed, must not break anything."""
    odd: list[object] = [None, 7, "", "x" * 5000, [], {}, [[None]], {"id": 7, "type": []}]
    base = counting.like(bob.uri)
    note = {"id": f"{bob.uri}/1", "type": "Note", "inReplyTo": counting.NOTE, "to": [dialects.PUBLIC]}
    bodies = [base | {name: value} for name in (*base, "to", "cc", "content", "target") for value in odd]
    for kind in ("Undo", "Create", "Update", "Delete", "Flag", "Move", "Announce", "Follow", "Block"):
        bodies += [base | {"type": kind, "object": value} for value in odd]
    for name in ("content", "url", "published", "tag", "attributedTo", "inReplyTo", "to", "name", "type"):
        bodies += [base | {"type": "Create", "object": note | {name: value}} for value in odd]
    fediverse.pace = 0.0
    for body in bodies:
        answer = await fediverse.send(bob.signed(body, counting.INBOX))
        assert answer.status in (202, 400, 401, 403), body


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_connection_stays_open_as_its_client_asks(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    """RFC 9112, section 9.3: HTTP/1.1 goes on unless told to close, HTTP/1.0 only when asked to go on."""
    cases = {
        "HTTP/1.1": (b"HTTP/1.1", True),
        "HTTP/1.1, to be closed": (b"HTTP/1.1\r\nConnection: close", False),
        "HTTP/1.0": (b"HTTP/1.0", False),
        "HTTP/1.0, to go on": (b"HTTP/1.0\r\nConnection: keep-alive", True),
    }
    for name, (first_line, goes_on) in cases.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        for _ in range(2 if goes_on else 1):
            fediverse.clock.advance(1)
            request = bob.signed(counting.like(bob.uri), counting.INBOX)
            head = "".join(f"{field}: {value}\r\n" for field, value in request.headers)
            body = request.body or b""
            length = f"Content-Length: {len(body)}\r\n\r\n"
            # In two pieces: the body need not come with its head.
            writer.write(
                b"POST /actors/forest/inbox " + first_line + b"\r\n" + (head + length).encode() + body[:9]
            )
            await writer.drain()
            writer.write(body[9:])
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert " 202 accepted\r\n" in answer, name
            assert "\r\ncontent-length: 0\r\n" in answer, name
            assert "\r\ndate: " in answer, name
        if not goes_on:
            assert await reader.read() == b"", name
        writer.close()
    assert await counting.endorsements(client, fediverse) == 1

"""What other servers read about the organisation and its campaigns, before, during and after."""

import json
from typing import Any

import pytest
from active_boxes import activitypub

from fedicause.instance import Instance
from tests.clock import Clock
from tests.conftest import Client
from tests.interop import recordings
from tests.web import writing
from tests.web.reading import (
    ACTIVITY,
    BROWSER,
    COUNTED,
    FOREST,
    LD,
    NOTE,
    OF_CAMPAIGN,
    OURS,
    PUBLIC,
    SERVED,
    read,
    status,
)

RECORDED: dict[str, Any] = json.loads((recordings.FIXTURES / "ours.json").read_text())["documents"]
FORMER = {NOTE: "Note", FOREST: "Group", **dict.fromkeys([*COUNTED[:2], f"{NOTE}/replies"], "Collection")}


def compare(document: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Same fields, same types, and what does not depend on the organisation is the same."""
    # The recording host had pictures, which this organisation has not.
    assert set(recorded) - set(document) <= {"icon", "image"}
    for name in set(recorded) & set(document) - {"@context"}:
        assert type(document[name]) is type(recorded[name]), name
        if name in ("publicKey", "endpoints", "likes", "shares", "replies"):
            assert set(document[name]) == set(recorded[name])
    same = [
        *("id", "type", "preferredUsername", "attributedTo", "to", "cc", "endpoints"),
        *("inbox", "outbox", "followers", "following", "featured"),
        *("discoverable", "indexable", "sensitive"),
    ]
    assert {name: document.get(name) for name in same} == {name: recorded.get(name) for name in same}
    assert document["@context"][:2] == recorded["@context"][:2]


@pytest.mark.usefixtures("campaign")
async def test_documents_have_the_shapes_that_real_servers_understood(client: Client) -> None:
    for path in ("/actor", "/actors/org", FOREST, NOTE):
        compare(await read(client, path), RECORDED[OURS + path])


@pytest.mark.usefixtures("campaign")
async def test_the_keys_of_an_actor_are_fragments_of_it(client: Client) -> None:
    for path in ("/actor", "/actors/org", FOREST):
        document = await read(client, path)
        assert document["publicKey"]["id"] == f"{OURS}{path}#main-key"
        assert document["publicKey"]["owner"] == f"{OURS}{path}"
        assert [(key["id"], key["controller"]) for key in document["assertionMethod"]] == [
            (f"{OURS}{path}#ed25519-key", f"{OURS}{path}")
        ]


@pytest.mark.usefixtures("campaign")
async def test_a_document_may_be_kept_for_a_moment_and_is_not_sent_twice(client: Client) -> None:
    for path in SERVED:
        asked = {"Accept": LD, "Accept-Encoding": "identity"}
        async with client.get(path, headers=asked) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == ACTIVITY
            assert answer.headers["Cache-Control"] == "public, max-age=5"
            assert "Accept" in answer.headers["Vary"].split(", ")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            etag, length = answer.headers["ETag"], len(await answer.read())
        async with client.get(path, headers=asked | {"If-None-Match": etag}) as answer:
            assert answer.status == 304, path
            assert answer.headers["ETag"] == etag
            assert await answer.read() == b""
        async with client.head(path, headers=asked) as answer:
            assert answer.status == 200, path
            assert answer.headers["Content-Type"] == ACTIVITY
            assert int(answer.headers["Content-Length"]) == length


@pytest.mark.usefixtures("campaign")
async def test_active_boxes_understands_whatever_we_serve(client: Client) -> None:
    for path in SERVED:
        understood = activitypub.parse_activity(await read(client, path))
        assert understood.id == OURS + path


@pytest.mark.usefixtures("campaign")
async def test_a_browser_is_sent_from_an_actor_to_its_page_and_programs_get_the_document(
    client: Client,
) -> None:
    for path, page in (("/actor", "/about"), ("/actors/org", "/about"), (FOREST, NOTE)):
        for accept in (BROWSER, f"text/html, {ACTIVITY};q=0.5"):
            async with client.get(path, headers={"Accept": accept}, allow_redirects=False) as answer:
                assert answer.status == 303
                assert answer.headers["Location"] == page
                assert "Accept" in answer.headers["Vary"]
            assert await status(client, page, accept) == 200
        for accept in (
            ACTIVITY,
            LD,
            "application/ld+json",
            "application/json",
            "*/*",
            f"{ACTIVITY}, text/html",
        ):
            async with client.get(path, headers={"Accept": accept}) as answer:
                assert answer.headers["Content-Type"] == ACTIVITY, accept


@pytest.mark.usefixtures("campaign")
async def test_the_address_of_a_call_gives_its_page_or_its_note(client: Client) -> None:
    async with client.get(NOTE, headers={"Accept": BROWSER}) as answer:
        assert answer.content_type == "text/html"
        assert answer.headers["Link"] == f'<{OURS}{NOTE}>; rel="alternate"; type="{ACTIVITY}"'
        page_tag = answer.headers["ETag"]
    async with client.get(NOTE, headers={"Accept": ACTIVITY, "If-None-Match": page_tag}) as answer:
        assert answer.status == 200
    note = await read(client, NOTE)
    assert "<strong>200 years old</strong>" in note["content"]
    assert note["content"] == note["contentMap"]["en"]
    assert note["to"] == [PUBLIC]


@pytest.mark.usefixtures("campaign")
async def test_news_are_notes_too(client: Client, instance: Instance) -> None:
    await writing.news(instance, "forest", "We met the mayor", "She listened.")
    news = await read(client, f"{NOTE}/updates/1")
    assert news["type"] == "Note"
    assert "She listened." in news["content"]
    assert activitypub.parse_activity(news).id == news["id"]
    assert await status(client, f"{NOTE}/updates/2") == 404


@pytest.mark.usefixtures("campaign")
async def test_a_deleted_campaign_leaves_tombstones_and_says_nothing_any_more(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await writing.news(instance, "forest", "We met the mayor", "She listened.")
    said = [item["id"] for item in (await read(client, f"{FOREST}/outbox?page=1"))["orderedItems"]]
    said += [item["id"] for item in (await read(client, "/actors/org/outbox?page=1"))["orderedItems"]]
    clock.advance(60)
    await writing.delete(instance, "forest")
    clock.advance(60)
    for path in [*OF_CAMPAIGN, f"{NOTE}/updates/1"]:
        async with client.get(path, headers={"Accept": ACTIVITY}) as answer:
            assert answer.status == 410, path
            assert answer.headers["Content-Type"] == ACTIVITY
            assert "ETag" not in answer.headers
            tombstone = await answer.json(content_type=ACTIVITY)
        plain = path.partition("?")[0]
        assert tombstone["id"] == OURS + plain
        assert tombstone["type"] == "Tombstone"
        assert tombstone["deleted"] == "2026-11-21T12:01:00Z"
        assert tombstone["formerType"] == FORMER.get(
            plain, "Note" if "updates" in plain else "OrderedCollection"
        )
        assert activitypub.parse_activity(tombstone).id == tombstone["id"]
    for path in (NOTE, FOREST):
        assert await status(client, path, BROWSER) == 410
    for uri in said:
        assert await status(client, uri.removeprefix(OURS)) == 404
    for path in ("/actors/org/featured", "/actors/org/outbox"):
        assert (await read(client, path))["totalItems"] == 0


@pytest.mark.usefixtures("campaign")
async def test_a_draft_is_nowhere_even_once_it_is_deleted(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await writing.campaign(instance, "swamp", public=False)
    for path in OF_CAMPAIGN:
        assert await status(client, path.replace("forest", "swamp")) == 404
    await writing.delete(instance, "swamp")
    clock.advance(2)
    for path in OF_CAMPAIGN:
        assert await status(client, path.replace("forest", "swamp")) == 404


@pytest.mark.usefixtures("campaign")
async def test_names_are_found_in_any_case_and_odd_ones_not_at_all(client: Client) -> None:
    for path in (FOREST, NOTE, f"{FOREST}/outbox"):
        async with client.get(path.replace("forest", "FOREST"), headers={"Accept": ACTIVITY}) as answer:
            assert (await answer.json(content_type=ACTIVITY))["id"] == OURS + path
    for name in ("nobody", "ours.test", "%00", "%FF", "a%2Fb", "f%C3%B6rst", "x" * 2000):
        for path in (f"/actors/{name}", f"/actors/{name}/outbox", f"/campaigns/{name}/likes"):
            assert await status(client, path) == 404, path
        assert await status(client, f"/actors/{name}", BROWSER) == 404

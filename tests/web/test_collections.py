"""What the collections of our actors and Notes list, page by page, and whom they never name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from active_boxes import activitypub
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import moderate, publish
from fedicause.campaigning import manuscript
from fedicause.instance import Instance
from storage import testimonies
from storage.models import Activity, Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.interop import test_vocabulary
from tests.web import writing
from tests.web.reading import COUNTED, FOREST, NOTE, OURS, PUBLIC, SERVED, read, status, walk


def strings(value: Any) -> Iterator[str]:
    """Every string in a document."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


async def test_supporters_are_counted_and_nobody_is_named(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    server = await fediverse.server()
    bob, carol = await server.person("bob"), await server.person("carol")
    for person in (bob, carol):
        assert (await person.like(OURS + NOTE)).status == 202
        assert (await person.follow(OURS + FOREST)).status == 202
    assert (await bob.announce(OURS + NOTE)).status == 202
    assert (await carol.reply(OURS + NOTE)).status == 202
    for path, total in zip(COUNTED, (2, 1, 2), strict=True):
        collection = await read(client, path)
        assert collection["totalItems"] == total
        assert not {"items", "orderedItems", "first", "last"} & set(collection)
    note = await read(client, NOTE)
    assert (note["likes"]["totalItems"], note["shares"]["totalItems"]) == (2, 1)
    for path in SERVED:
        said = list(strings(await read(client, path)))
        assert not [each for each in said if server.host in each], path


@pytest.mark.usefixtures("campaign")
async def test_an_outbox_is_read_page_by_page_both_ways_while_it_grows(
    client: Client, instance: Instance, clock: Clock
) -> None:
    async def talk(first: int, last: int) -> None:
        for number in range(first, last + 1):
            await writing.news(instance, "forest", f"News {number}", "It goes on.")
        clock.advance(2)

    await talk(1, 44)
    pages = await walk(client, f"{FOREST}/outbox")
    assert [len(page["orderedItems"]) for page in pages] == [20, 20, 5]
    assert {page["partOf"] for page in pages} == {f"{OURS}{FOREST}/outbox"}
    assert {page["totalItems"] for page in pages} == {45}
    items = [item for page in pages for item in page["orderedItems"]]
    assert {item["type"] for item in items} == {"Create"}
    assert all("@context" not in item and item["to"] == [PUBLIC] for item in items)
    said = [item["object"]["id"].removeprefix(OURS + NOTE) for item in items]
    assert said == [f"/updates/{number}" for number in range(44, 0, -1)] + [""]
    back = [
        item["id"] for page in await walk(client, f"{FOREST}/outbox", "prev") for item in page["orderedItems"]
    ]
    assert sorted(back) == sorted(item["id"] for item in items)

    await talk(45, 47)
    second = await read(client, pages[0]["next"].removeprefix(OURS))
    assert second["orderedItems"] == pages[1]["orderedItems"]
    newer = await read(client, second["prev"].removeprefix(OURS))
    assert [item["id"] for item in newer["orderedItems"]] == [item["id"] for item in pages[0]["orderedItems"]]
    newest = await read(client, newer["prev"].removeprefix(OURS))
    assert [item["object"]["id"][-2:] for item in newest["orderedItems"]] == ["47", "46", "45"]
    assert "prev" not in newest


@pytest.mark.usefixtures("campaign")
async def test_a_page_that_cannot_be_is_not_found(client: Client) -> None:
    for collection in (f"{FOREST}/outbox", f"{NOTE}/replies"):
        for query in ("page=2", "page=x", "before=", "before=x", f"before={10**18}", "after=-1", "after=%00"):
            assert await status(client, f"{collection}?{query}") == 404, query


@pytest.mark.usefixtures("campaign")
async def test_a_page_beyond_the_end_is_empty_and_leads_nowhere(client: Client) -> None:
    for query in ("before=1", "after=999999999999999999"):
        page = await read(client, f"{FOREST}/outbox?{query}")
        assert page["orderedItems"] == []
        assert not {"next", "prev"} & set(page)


@pytest.mark.usefixtures("campaign")
async def test_what_was_said_to_everybody_can_be_fetched_and_answers_to_one_person_cannot(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    activitypub.use_backend(test_vocabulary.Lookup())
    bob = await (await fediverse.server()).person("bob")
    assert (await bob.follow(OURS + FOREST)).status == 202
    said = {}
    for outbox in ("/actors/org/outbox?page=1", f"{FOREST}/outbox?page=1"):
        (item,) = (await read(client, outbox))["orderedItems"]
        document = await read(client, item["id"].removeprefix(OURS))
        assert {name: document[name] for name in item} == item
        assert activitypub.parse_activity(document).id == item["id"]
        said[document["type"]] = document["object"]
    assert said["Announce"] == OURS + NOTE
    assert said["Create"]["id"] == OURS + NOTE
    async with instance.database.reading() as session:
        accepted = await unlisted(session)
    assert [each["type"] for each in accepted] == ["Accept"]
    assert await status(client, accepted[0]["id"].removeprefix(OURS)) == 404
    assert await status(client, "/activities/nothing") == 404


async def unlisted(session: AsyncSession) -> list[dict[str, Any]]:
    found = await session.scalars(select(Activity.document).where(~Activity.listed))
    return [json.loads(each) for each in found]


@pytest.mark.usefixtures("campaign")
async def test_whoever_reads_an_outbox_gets_the_call_as_it_was_last_edited(
    client: Client, instance: Instance, clock: Clock
) -> None:
    clock.advance(60)
    written = manuscript.parse("---\ntitle: Save it now\n---\nIt is **urgent**.", Path("forest.md"))
    async with instance.database.writing() as session:
        await publish.edit(session, urls=instance.urls, slug="forest", manuscript=written, now=clock.now())
    (create,) = (await read(client, f"{FOREST}/outbox?page=1"))["orderedItems"]
    alone = await read(client, create["id"].removeprefix(OURS))
    for each in (create, alone):
        assert "urgent" in each["object"]["content"]
        assert each["object"]["updated"] == "2026-11-21T12:01:00Z"
        assert "@context" not in each["object"]


async def test_testimonies_are_listed_once_a_moderator_allows_them(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse, clock: Clock
) -> None:
    bob = await (await fediverse.server()).person("bob")
    for number in range(23):
        assert (await bob.reply(OURS + NOTE, f"<p>Reason {number}</p>")).status == 202
    uris = [each["object"]["id"] for each in bob.said]
    assert (await read(client, f"{NOTE}/replies"))["totalItems"] == 0
    async with instance.database.writing() as session:
        for waiting in await testimonies.waiting(session):
            await moderate.allow(session, waiting.id)
    clock.advance(2)
    pages = await walk(client, f"{NOTE}/replies")
    assert [item for page in pages for item in page["items"]] == uris[::-1]
    assert [len(page["items"]) for page in pages] == [20, 3]
    # Embedded too, as Mastodon begins there; what follows leads on.
    first = (await read(client, NOTE))["replies"]["first"]
    assert first["items"] == pages[0]["items"]
    assert first["next"] == pages[1]["id"]
    async with instance.database.writing() as session:
        hidden = (await testimonies.allowed(session, campaign.id))[0]
        await moderate.hide(session, hidden.id)
    clock.advance(2)
    assert (await read(client, f"{NOTE}/replies"))["totalItems"] == 22


@pytest.mark.usefixtures("campaign")
async def test_the_organisation_features_the_calls_that_can_be_endorsed(
    client: Client, instance: Instance, clock: Clock
) -> None:
    for slug in ("river", "lake", "swamp"):
        clock.advance(60)
        await writing.campaign(instance, slug, public=slug != "swamp")
    await writing.end(instance, "river")
    notes = [f"{OURS}/campaigns/lake", OURS + NOTE]
    collection = await read(client, "/actors/org/featured")
    assert (collection["orderedItems"], collection["totalItems"]) == (notes, 2)
    for slug in ("forest", "river"):
        collection = await read(client, f"/actors/{slug}/featured")
        assert collection["orderedItems"] == [f"{OURS}/campaigns/{slug}"]


@pytest.mark.usefixtures("instance")
async def test_the_servers_own_collections_are_empty(client: Client) -> None:
    for name in ("outbox", "followers", "following"):
        collection = await read(client, f"/actor/{name}")
        assert (collection["type"], collection["totalItems"]) == ("OrderedCollection", 0)

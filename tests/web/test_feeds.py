"""What feed readers get."""

import re
from datetime import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from sqlalchemy import update

from fedicause.instance import Instance
from storage.models import CampaignText
from tests.clock import Clock
from tests.conftest import Client
from tests.web import writing
from tests.web.test_pages import SOON, page

ATOM = "{http://www.w3.org/2005/Atom}"


async def feed(client: Client, path: str) -> Element:
    async with client.get(path) as response:
        assert response.status == 200
        assert response.content_type == "application/atom+xml"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        root = ElementTree.fromstring(await response.read())  # noqa: S314 - our own
    # RFC 4287, 4.1.1 and 4.1.2.
    assert said(root, "id") == f"https://ours.test{path}"
    for element in (root, *root.findall(f"{ATOM}entry")):
        assert said(element, "id").startswith("https://ours.test/")
        assert said(element, "title")
        assert datetime.fromisoformat(said(element, "updated")).tzinfo
    entries = [said(entry, "id") for entry in root.findall(f"{ATOM}entry")]
    assert len(entries) == len(set(entries))
    return root


def said(element: Element, name: str) -> str:
    text = element.findtext(f"{ATOM}{name}")
    assert text is not None
    return text


def titles(root: Element) -> list[str]:
    return [said(entry, "title") for entry in root.findall(f"{ATOM}entry")]


@pytest.mark.usefixtures("campaign")
async def test_a_feed_has_the_calls_and_the_news_the_newest_first(
    client: Client, instance: Instance, clock: Clock
) -> None:
    assert titles(await feed(client, "/feed.atom")) == ["Save the old forest"]
    clock.advance(60)
    await writing.campaign(instance, "river", language="it")
    await writing.campaign(instance, "draft", public=False)
    clock.advance(60)
    await writing.news(instance, "forest", "The council listens", "It has **read** our letter.")
    clock.advance(SOON)
    root = await feed(client, "/feed.atom")
    assert titles(root) == ["The council listens", "River", "Save the old forest"]
    newest = root.findall(f"{ATOM}entry")[0]
    assert said(newest, "content") == "<p>It has <strong>read</strong> our letter.</p>\n"
    assert said(newest, "id") == "https://ours.test/campaigns/forest/updates/1"
    assert root.findall(f"{ATOM}entry")[1].get("{http://www.w3.org/XML/1998/namespace}lang") == "it"
    assert said(root, "updated") == said(newest, "updated")
    assert titles(await feed(client, "/campaigns/forest/feed.atom")) == [
        "The council listens",
        "Save the old forest",
    ]


@pytest.mark.usefixtures("campaign")
async def test_a_feed_is_well_formed_whatever_was_written(client: Client, instance: Instance) -> None:
    wild = "]]>&amp;<b>\x0b\x07\ufffe“ok”"
    async with instance.database.writing() as session:
        await session.execute(
            update(CampaignText).values(title=wild, html=f"<p>{wild}</p><script>x</script>")
        )
    entry = (await feed(client, "/campaigns/forest/feed.atom")).findall(f"{ATOM}entry")[0]
    assert said(entry, "title") == "]]>&amp;<b>“ok”"
    assert "script" not in said(entry, "content")


async def test_a_feed_of_nothing_is_a_feed(client: Client) -> None:
    assert titles(await feed(client, "/feed.atom")) == []


@pytest.mark.usefixtures("campaign")
async def test_pages_name_their_feeds(client: Client, instance: Instance) -> None:
    pattern = r'<link rel="alternate" type="application/atom\+xml" href="([^"]+)"'
    assert re.findall(pattern, await page(client, "/")) == ["/feed.atom"]
    assert re.findall(pattern, await page(client, "/campaigns/forest")) == [
        "/campaigns/forest/feed.atom",
        "/feed.atom",
    ]
    await writing.campaign(instance, "gone")
    await writing.delete(instance, "gone")
    await page(client, "/campaigns/gone/feed.atom", status=410)
    await page(client, "/campaigns/nothing/feed.atom", status=404)

"""Campaigns on other people's sites, and what is shown where their address is posted."""

import io
import json
import re
from html import unescape
from urllib.parse import quote

import pytest
from PIL import Image
from sqlalchemy import update

from fedicause.instance import Instance
from fedicause.web import card
from storage import campaigns, coalitions
from storage.models import Campaign, CampaignText
from tests.clock import Clock
from tests.conftest import Client
from tests.web import alliances, writing
from tests.web.test_hosted_pages import RIVER, river
from tests.web.test_pages import BROWSER, SOON, page

HOSTILE = '</textarea></title><script>alert("1")</script>" onload="x'


async def signed(instance: Instance, signatures: int) -> None:
    """So many confirmed signatures for the forest, from now on."""
    async with instance.database.writing() as session:
        forest = await campaigns.by_slug(session, "forest")
        assert forest is not None
        coalition = await alliances.coalition(session, instance.urls.note("forest"), campaign_id=forest.id)
        await alliances.collected_here(session, coalition, {"IT": signatures})


async def named(instance: Instance, title: str) -> None:
    """The forest under another title, however it got into the database."""
    async with instance.database.writing() as session:
        await session.execute(update(CampaignText).values(title=title))


async def picture(client: Client, path: str) -> tuple[Image.Image, str]:
    """The PNG at this path, and its ETag."""
    async with client.get(path) as response:
        assert response.status == 200
        assert response.content_type == "image/png"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        drawn = Image.open(io.BytesIO(await response.read()), formats=["PNG"])
        drawn.load()
        return drawn, response.headers["ETag"]


@pytest.mark.usefixtures("campaign")
async def test_a_badge_shows_the_exact_count_in_a_language(client: Client, instance: Instance) -> None:
    await signed(instance, 12431)
    async with client.get("/campaigns/forest/badge.svg") as response:
        assert response.content_type == "image/svg+xml"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "max-age=60" in response.headers["Cache-Control"]
        svg, tag = await response.text(), response.headers["ETag"]
    assert "<title>Save the old forest: 12,431 signatures</title>" in svg
    assert re.findall(r"<text[^>]*>([^<]*)<", svg) == ["12,431", "signatures"]
    assert "12.431 Unterschriften" in await page(client, "/campaigns/forest/badge.svg?lang=de")
    # What is shown elsewhere does not depend on who asks.
    french = await page(client, "/campaigns/forest/badge.svg", **{"Accept-Language": "fr"})
    assert french == svg
    async with client.get("/campaigns/forest/badge.svg", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


@pytest.mark.usefixtures("campaign")
async def test_anybody_may_frame_a_campaign_and_nothing_else(client: Client, instance: Instance) -> None:
    await signed(instance, 250)
    async with client.get("/embed/forest", headers=BROWSER) as response:
        assert response.status == 200
        html, sent = await response.text(), response.headers
    policy = sent["Content-Security-Policy"]
    assert "frame-ancestors *" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert sent["X-Robots-Tag"] == "noindex"
    assert sent["Link"] == '<https://ours.test/campaigns/forest>; rel="canonical"'
    assert "Set-Cookie" not in sent
    assert "250" in html
    assert 'value="250"' in html
    # Nothing that a click stolen by the site around it could do.
    assert not re.search(r"<form|<button|<input|\sstyle=|\son[a-z]+=", html)
    links = re.findall(r"<a [^>]*>", html)
    assert links
    assert all('target="_blank"' in link and 'rel="noopener"' in link for link in links)
    for path in ("/", "/campaigns/forest", "/campaigns/forest/embed"):
        async with client.get(path, headers=BROWSER) as response:
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("campaign")
async def test_a_frame_has_the_readers_language_and_the_sites_colours(
    client: Client, instance: Instance
) -> None:
    await writing.translation(instance, "forest", "de", "Rettet den alten Wald", "Er ist alt.")
    assert "Save the old forest" in await page(client, "/embed/forest")
    german = await page(client, "/embed/forest?lang=de&theme=dark")
    assert "Rettet den alten Wald" in german
    assert 'data-theme="dark"' in german
    assert 'href="/campaigns/forest?lang=de#' in german
    assert "Rettet" in await page(client, "/embed/forest", **{"Accept-Language": "de-AT"})
    assert "data-theme" not in await page(client, '/embed/forest?theme=%22onload="x')
    assert "/art/forest.svg" in german
    assert "/art/forest.svg" not in await page(client, "/embed/forest?picture=no")


@pytest.mark.usefixtures("campaign")
async def test_a_frame_without_a_campaign_says_so_on_the_site_around_it(
    client: Client, instance: Instance
) -> None:
    await writing.campaign(instance, "draft", public=False)
    await writing.campaign(instance, "gone")
    await writing.delete(instance, "gone")
    for path, status in [("nothing", 404), ("draft", 404), ("gone", 410), ("%00", 404), ("a@b/c", 404)]:
        async with client.get(f"/embed/{path}", headers=BROWSER) as response:
            assert response.status == status
            if "/" not in path:
                assert "frame-ancestors *" in response.headers["Content-Security-Policy"]
    assert "There is no such campaign" in await page(client, "/embed/nothing", status=404)
    assert "was deleted" in await page(client, "/embed/gone", status=410)
    await page(client, "/campaigns/draft/badge.svg", status=404)
    await page(client, "/campaigns/gone/card.png", status=410)


@pytest.mark.usefixtures("campaign")
async def test_a_partners_campaign_is_shown_elsewhere_as_ours_are(client: Client, instance: Instance) -> None:
    async with instance.database.writing() as session:
        await river(session, now=instance.now(), goal=5000)
    frame = await page(client, "/embed/clean-river@ally.test")
    assert "Clean water" in frame
    assert "Alpine Allies" in frame
    # Nobody told us the count.
    assert "data-total" not in frame
    assert "<progress" not in frame
    badge = await page(client, f"{RIVER}/badge.svg?lang=it")
    assert "Acqua pulita: Petizione" in badge
    assert (await picture(client, f"{RIVER}/card.png"))[0].size == (1200, 630)
    await page(client, "/embed/clean-river@elsewhere.test", status=404)
    # Our own address, written in full.
    assert "Save the old forest" in await page(client, "/embed/forest@ours.test")


async def found(client: Client, url: str, *, status: int = 200, **more: str) -> dict[str, object]:
    async with client.get("/oembed", params={"url": url, **more}) as response:
        assert response.status == status
        if status != 200:
            return {}
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        document: dict[str, object] = json.loads(await response.read())
        return document


@pytest.mark.usefixtures("campaign")
async def test_oembed_finds_what_to_show_for_an_address(client: Client, instance: Instance) -> None:
    await writing.translation(instance, "forest", "de", "Rettet den alten Wald", "Er ist alt.")
    html = await page(client, "/campaigns/forest?lang=de")
    link = re.search(r'type="application/json\+oembed" href="([^"]+)"', html)
    assert link
    async with client.get(unescape(link[1]).removeprefix("https://ours.test")) as response:
        document = await response.json()
    assert document["version"] == "1.0"
    assert document["type"] == "rich"
    assert document["title"] == "Rettet den alten Wald"
    assert document["provider_name"] == "Friends of the Old Forest"
    assert 'src="https://ours.test/embed/forest?lang=de"' in document["html"]
    assert 'sandbox="' in document["html"]
    assert document["thumbnail_url"] == "https://ours.test/campaigns/forest/card.png?lang=de"
    await picture(client, document["thumbnail_url"].removeprefix("https://ours.test"))
    small = await found(client, "https://ours.test/campaigns/forest/", maxwidth="300", maxheight="200")
    assert (small["width"], small["height"]) == (300, 200)
    assert 'width="300" height="200"' in str(small["html"])
    assert (await found(client, "http://OURS.test/embed/forest"))["title"] == "Save the old forest"


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://ours.test/",
        "https://ours.test/campaigns/nothing",
        "https://ours.test/campaigns/forest/updates/1",
        "https://ours.test.evil.example/campaigns/forest",
        "https://evil.example/campaigns/forest",
        "https://ours.test@evil.example/campaigns/forest",
        "javascript://ours.test/campaigns/forest",
        "https://[ours.test/campaigns/forest",
        "https://ours.test/campaigns/%00",
    ],
)
async def test_oembed_knows_nothing_but_our_campaigns(client: Client, url: str) -> None:
    await found(client, url, status=404)


@pytest.mark.usefixtures("campaign")
async def test_oembed_is_json_only(client: Client) -> None:
    await found(client, "https://ours.test/campaigns/forest", status=501, format="xml")


@pytest.mark.usefixtures("campaign")
async def test_a_card_is_drawn_again_when_what_it_shows_has_changed(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await signed(instance, 12431)
    drawn, tag = await picture(client, "/campaigns/forest/card.png")
    assert drawn.size == (1200, 630)
    cards = card.cards(client.app)
    assert len(cards) == 1

    async def becomes(signatures: int) -> str:
        async with instance.database.writing() as session:
            forest = await campaigns.by_slug(session, "forest")
            assert forest is not None
            row = await coalitions.of_campaign(session, forest.id)
            assert row is not None
            row.signatures = signatures
        clock.advance(SOON)
        return (await picture(client, "/campaigns/forest/card.png"))[1]

    # It says 12,400+ until it says 12,500+.
    assert await becomes(12499) == tag
    assert len(cards) == 1
    assert await becomes(12500) != tag
    assert len(cards) == 2
    # Whoever has it is told so.
    assert await becomes(12431) == tag
    async with client.get("/campaigns/forest/card.png", headers={"If-None-Match": tag}) as response:
        assert response.status == 304
    await picture(client, "/campaigns/forest/card.png?lang=de")
    assert len(cards) == 3


@pytest.mark.usefixtures("campaign")
async def test_a_card_shows_the_campaigns_picture(client: Client, instance: Instance) -> None:
    media = instance.settings.media
    media.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (900, 300), "#00ff00").save(media / "green.png")
    async with instance.database.writing() as session:
        await session.execute(
            update(Campaign).values(picture="green.png", picture_width=900, picture_height=300)
        )
    drawn, _ = await picture(client, "/campaigns/forest/card.png")
    assert drawn.convert("RGB").getpixel((1100, 300)) == (0, 255, 0)
    # Should the file be lost, there is still a card.
    (media / "green.png").unlink()
    drawn, _ = await picture(client, "/campaigns/forest/card.png?lang=fr")
    assert drawn.convert("RGB").getpixel((1100, 300)) != (0, 255, 0)


@pytest.mark.parametrize(
    "title",
    ["Łódź “ok” – 🎉", "Спасите старый лес", "אל תכרתו את היער", "古い森を守ろう", "x" * 300, "\x07\u202e"],
)
@pytest.mark.usefixtures("campaign")
async def test_a_card_is_drawn_whatever_the_title_is(client: Client, instance: Instance, title: str) -> None:
    await named(instance, title)
    assert (await picture(client, "/campaigns/forest/card.png"))[0].size == (1200, 630)


@pytest.mark.usefixtures("campaign")
async def test_a_title_is_text_wherever_it_is_shown(client: Client, instance: Instance) -> None:
    await named(instance, HOSTILE)
    address = quote("https://ours.test/campaigns/forest", safe="")
    async with client.get(f"/oembed?url={address}") as response:
        embedded = (await response.json())["html"]
    shown = [await page(client, path) for path in ("/embed/forest", "/campaigns/forest/badge.svg")]
    for text in (*shown, embedded):
        assert "<script>alert" not in text
        assert '" onload="' not in text
    # The code to copy holds the title as HTML, and is itself text of the page.
    code = await page(client, "/campaigns/forest/embed")
    assert "<script>alert" not in code
    assert "&amp;lt;script&amp;gt;alert" in code
    copied = unescape(re.findall(r'<textarea id="script"[^>]*>(.*?)</textarea>', code, re.DOTALL)[0])
    assert "<script>alert" not in copied
    assert '<script async src="https://ours.test/embed.js"></script>' in copied


@pytest.mark.usefixtures("campaign")
async def test_a_posted_address_shows_the_card(client: Client, instance: Instance) -> None:
    await writing.news(instance, "forest", "The council listens", "It has read our letter.")
    for path in ("/campaigns/forest", "/campaigns/forest/updates/1"):
        html = await page(client, path)
        image = re.search(r'<meta property="og:image" content="([^"]+)">', html)
        assert image
        assert image[1] == "https://ours.test/campaigns/forest/card.png?lang=en"
        assert '<meta property="og:image:width" content="1200">' in html
        assert '<meta name="twitter:card" content="summary_large_image">' in html
    assert "og:image" not in await page(client, "/")


async def test_the_script_for_other_sites_has_an_address_that_stays(client: Client) -> None:
    async with client.get("/embed.js") as response:
        assert response.status == 200
        assert response.content_type == "text/javascript"
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"

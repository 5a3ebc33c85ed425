"""HTML from strangers: what of it is shown, and where its links really lead."""

import re
import unicodedata
from functools import cache
from html import escape, unescape
from typing import TYPE_CHECKING, Final

from federation import vocabulary
from federation.vocabulary import Malformed

if TYPE_CHECKING:
    from nh3 import Cleaner

MAX_LENGTH: Final = 50_000
ATTRIBUTES: Final = {"a": frozenset({"href"})}
SCHEMES: Final = frozenset({"http", "https", "mailto"})
REL: Final = "nofollow noopener noreferrer ugc"

# fmt: off
TAGS: Final = frozenset([
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h2", "h3", "h4", "hr", "i", "li", "ol", "p",
    "pre", "s", "span", "strong", "sub", "sup", "u", "ul",
])

# Their text is not meant to be read, or is parsed by other rules than HTML's: where mutation XSS lives.
_UNREAD = frozenset([
    "audio", "canvas", "embed", "frame", "frameset", "head", "iframe", "math", "noembed", "noframes",
    "noscript", "object", "plaintext", "script", "select", "style", "svg", "template", "textarea", "title",
    "video", "xmp",
])
_BLOCKS = frozenset([
    "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "table", "td", "th", "tr", "ul",
])
# fmt: on

# nh3 escapes what an attribute holds but for < and >, and `_address` leaves those in no href.
_LINK = re.compile(r'<a href="([^"]*)"([^>]*)>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_MAILTO = re.compile(r"mailto:[^\x00-\x20\x7f<>\"\\]+", re.IGNORECASE)
# Besides control characters those that turn the direction of text around, so that it reads otherwise.
_UNPRINTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean(html: str) -> str:
    """What may stand on our pages of `html`: text, its structure, and links that show where they lead.

    No images, styles, classes or scripts; links are absolute (http, https, mailto), carry `REL`, and their
    hosts are punycode. Only the first 50,000 characters are read; what swells to twice that becomes text.
    """
    # Parsed again as a browser will: what was stripped may have held apart what now nests (links in tables).
    cleaned = _cleaner().clean(_cleaner().clean(html[:MAX_LENGTH]))
    cleaned = _LINK.sub(_honest, _UNPRINTED.sub("", cleaned))
    return cleaned if len(cleaned) <= 2 * MAX_LENGTH else f"<p>{escape(plain(html))}</p>"


def plain(html: str) -> str:
    """The text of `html`, a line for each paragraph. It is no HTML any more: escape it to show it."""
    blocks = _breaker().clean(html[:MAX_LENGTH])
    text = _UNPRINTED.sub("", unescape(_TAG.sub("\n", " ".join(blocks.split()))))
    return "\n".join(line for each in text.split("\n") if (line := " ".join(each.split())))


def link(url: str, rel: str = REL) -> str:
    """A link that shows its own address, as in an actor's profile fields. Malformed if it has none."""
    address = _address(url)
    if address is None:
        raise Malformed("not a link")
    return f'<a href="{escape(address)}" rel="{escape(rel)}">{escape(_shown(address))}</a>'


def _address(url: str) -> str | None:
    """The URL with a normal host, safe between quotes; None if browsers may disagree on where it leads."""
    url = url.strip().replace(" ", "%20").replace("<", "%3C").replace(">", "%3E").replace('"', "%22")
    if _MAILTO.fullmatch(url):
        return url
    try:
        host = vocabulary.host_of(url)
    except Malformed:
        return None
    parts = _ADDRESS.fullmatch(url)
    return f"{parts[1].lower()}://{host}{parts[3]}" if parts else None


def _shown(address: str) -> str:
    """An address for people: without its scheme, at most 60 characters."""
    shown = _SCHEME.sub("", address).removeprefix("mailto:").removesuffix("/")
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _honest(found: re.Match[str]) -> str:
    """The link, its real address for its text if that shows another, or one in look-alike letters."""
    href, shown = unescape(found[1]), unescape(_TAG.sub("", found[3]))
    words = unicodedata.normalize("NFKC", shown).split()
    claims = [word for word in words if "://" in word]
    if not claims and len(words) == 1 and "." in words[0].strip(".") and words[0][0] not in "@#":
        claims = words
    if all(_leads_to(claim, href) for claim in claims):
        return found[0]
    return f'<a href="{found[1]}"{found[2]}>{escape(_shown(href))}</a>'


def _leads_to(claim: str, href: str) -> bool:
    if href.lower().startswith("mailto:"):
        return claim == _shown(href)
    authority = re.split(
        r"[/?#…]", claim.removeprefix("//") if "://" not in claim else claim.split("://", 1)[1], maxsplit=1
    )[0]
    try:
        claimed = vocabulary.host_of("https://" + authority)
        real = vocabulary.host_of(href)
    except Malformed:
        return False
    return authority.isascii() and claimed.removeprefix("www.") == real.removeprefix("www.")


def _filter(_tag: str, attribute: str, value: str) -> str | None:
    return _address(value) if attribute == "href" else value


# Unless told so, nh3 lets `title` and `lang` through on every element.
_ELSEWHERE: Final[dict[str, set[str]]] = {"*": set()}


@cache
def _cleaner() -> "Cleaner":
    from nh3 import Cleaner  # noqa: PLC0415 - 1.5 MB, once somebody wrote HTML

    return Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(_UNREAD),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()} | _ELSEWHERE,
        attribute_filter=_filter,
        link_rel=REL,
        url_schemes=set(SCHEMES),
        url_relative="deny",
    )


@cache
def _breaker() -> "Cleaner":
    """Leaves only what breaks lines."""
    from nh3 import Cleaner  # noqa: PLC0415 - as above

    return Cleaner(
        tags=set(_BLOCKS),
        clean_content_tags=set(_UNREAD),
        attributes=_ELSEWHERE,
        link_rel=None,
        url_relative="deny",
    )

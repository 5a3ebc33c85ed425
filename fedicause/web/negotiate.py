"""Whether a request wants ActivityPub or a page."""

import re
from functools import lru_cache
from typing import Final

from aiohttp import web

from federation import vocabulary

_ACTIVITY: Final = "application/activity+json"
_LD: Final = "application/ld+json"
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_LENGTH: Final = 1000
# A comma may stand in a quoted parameter.
_PART: Final = re.compile(r'[^,"]*(?:"(?:[^"\\]|\\.)*"[^,"]*)*')
_PARAMETER: Final = re.compile(r';\s*([\w!#$&^.+-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*')
_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def wants_activity(request: web.Request) -> bool:
    """Whether `Accept` names ActivityPub, and no page rather than it (RFC 9110, 12.5.1).

    Wildcards never ask for ActivityPub: `*/*` alone is a browser's or a script's, and gets the page.
    """
    return prefers_activity(request.headers.get("Accept", ""))


def wants_page(request: web.Request) -> bool:
    """Whether a page can be shown to whoever asks: a browser names `text/html`, programs seldom do."""
    return not wants_activity(request) and "text/html" in request.headers.get("Accept", "").lower()


@lru_cache(maxsize=512)
def prefers_activity(accept: str) -> bool:
    """The same for the value of an `Accept` header."""
    activity = page = subtype = anything = None
    activity_place = page_place = 0
    for place, part in enumerate(_PART.findall(accept[:_LENGTH])):
        name, quality, profile = _read(part)
        if name == _ACTIVITY or (name == _LD and (not profile or vocabulary.AS2 in profile.split())):
            if activity is None or quality > activity:
                activity, activity_place = quality, place
        elif name in _PAGES:
            if page is None or quality > page:
                page, page_place = quality, place
        elif name == "text/*":
            subtype = quality
        elif name == "*/*":
            anything = quality
    if not activity:
        return False
    # The most specific range that matches a page says how much it is wanted.
    wanted = next((each for each in (page, subtype, anything) if each is not None), 0.0)
    if activity == wanted and page is not None:
        return activity_place < page_place
    return activity >= wanted


def _read(part: str) -> tuple[str, float, str]:
    """A media range: its name in lower case, its quality, its `profile`; what can't be read is not wanted."""
    name, quality, profile = part.partition(";")[0].strip().lower(), "1", ""
    for key, quoted, bare in _PARAMETER.findall(part):
        if key.lower() == "q":
            quality = bare or quoted
        elif key.lower() == "profile":
            profile = quoted or bare
    return name, float(quality) if _QUALITY.fullmatch(quality) else 0.0, profile

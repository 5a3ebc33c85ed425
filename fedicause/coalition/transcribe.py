"""What another instance's documents say of a campaign, as far as we take it over: pure reading, bounded."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from federation import content, vocabulary
from federation.vocabulary import Malformed
from fedicause import fields
from fedicause.campaigning import manuscript
from storage.actors import Description
from storage.foreign import Said

LANGUAGES: Final = 40
TAGS: Final = 50
NO_TOPIC: Final = "Other"

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,6}){0,2}")
_TABLE = re.compile(r"[a-z0-9-]{1,16}")
_HEADING = re.compile(r"\s*<p>\s*<strong>([^<]{1,2000})</strong>\s*</p>")
# The end of a call lists its hashtags once more, for servers that show no others.
_HASHTAGS = re.compile(r'<p>(?:<a [^<>]* class="mention hashtag"[^<>]*>#<span>[^<>]*</span></a>\s*)+</p>\s*')
_HASHTAGS_LENGTH = 4000
_MOST = 2**53 - 1


class Copy(Said, frozen=True):
    """A campaign as its origin shows it. `texts` are title and sanitised HTML by language, never empty."""

    texts: Mapping[str, tuple[str, str]]
    campaign: Description
    organisation: Description


def copy(
    note: dict[str, Any],
    actor: dict[str, Any],
    *,
    campaign: Description,
    organisation: Description,
    told: Mapping[str, Any],
    now: datetime,
) -> Copy:
    """The copy of a call; it names a picture, but has none yet.

    `told` is the origin's `/api/campaigns/{slug}`, empty where there is none; what it leaves out has the
    usual value. Raises Malformed for what can't be shown here.
    """
    slug = slug_of(campaign)
    texts = _texts(note, campaign.name or slug)
    ends_at = vocabulary.time_of(told.get("ends"))
    closed_at = vocabulary.time_of(told.get("closed"))
    if closed_at is None and ends_at is not None and ends_at <= now:
        closed_at = ends_at
    table, registered_at = _thresholds(told)
    picture, alt = _picture(note, actor)
    return Copy(
        actor_uri=campaign.uri,
        note_uri=str(note["id"]),
        slug=slug,
        origin=campaign.host,
        inbox=campaign.inbox,
        organisation_uri=organisation.uri,
        organisation_name=organisation.name or organisation.handle or organisation.host,
        kind=str(told.get("kind")) if told.get("kind") in fields.KINDS else "petition",
        topic=_topic(note, told),
        goal=_number(told.get("goal")) or None,
        language=_language(note, texts, told),
        state="closed" if told.get("state") == "closed" or closed_at else "published",
        shares=_shares(note, told),
        thresholds=table,
        registered_at=registered_at,
        picture=None,
        picture_source=picture,
        picture_alt=alt,
        picture_type=None,
        picture_width=None,
        picture_height=None,
        published_at=min(vocabulary.time_of(note.get("published")) or now, now),
        edited_at=vocabulary.time_of(note.get("updated")),
        ends_at=ends_at,
        closed_at=(closed_at or now) if told.get("state") == "closed" else closed_at,
        texts=texts,
        campaign=campaign,
        organisation=organisation,
    )


def slug_of(campaign: Description) -> str:
    """The name by which our addresses tell the origin's campaigns apart; raises Malformed."""
    slug = campaign.handle.lower()
    if not _SLUG.fullmatch(slug):
        raise Malformed("The name of that campaign can't be part of an address here")
    return slug


def _texts(note: dict[str, Any], name: str) -> dict[str, tuple[str, str]]:
    contents, names = note.get("contentMap"), note.get("nameMap")
    found = dict(contents) if isinstance(contents, dict) else {}
    if not found:
        found = {"en": note.get("content")}
    named = names if isinstance(names, dict) else {}
    texts = {}
    for language, html in list(found.items())[:LANGUAGES]:
        if _LANGUAGE.fullmatch(language) and isinstance(html, str):
            heading, words = _parted(html[: content.MAX_LENGTH])
            title = heading or _line(named.get(language)) or _line(note.get("name")) or name
            cleaned = content.clean(words)
            if cleaned.strip():
                texts[language] = (title, cleaned)
    if not texts:
        raise Malformed("That campaign has no text")
    return texts


def _parted(html: str) -> tuple[str, str]:
    """The title that a call begins with, and its words without that and without the hashtags at its end."""
    heading = _HEADING.match(html)
    title = _line(heading[1]) if heading else ""
    words = html[heading.end() :] if heading and title else html
    last = words.rfind("<p>")
    if last >= 0 and len(words) - last <= _HASHTAGS_LENGTH and _HASHTAGS.fullmatch(words, last):
        words = words[:last]
    return title, words


def _language(note: dict[str, Any], texts: Mapping[str, object], told: Mapping[str, Any]) -> str:
    """The language that it was written in: whose text is everybody's."""
    contents = note.get("contentMap")
    if isinstance(contents, dict):
        for language in texts:
            if contents.get(language) == note.get("content"):
                return language
    language = str(told.get("language"))
    return language if language in texts else next(iter(texts))


def _topic(note: dict[str, Any], told: Mapping[str, Any]) -> str:
    topic = _line(told.get("topic"), manuscript.TOPIC_LENGTH)
    if topic:
        return topic
    for tag in vocabulary.as_list(note.get("tag"))[:TAGS]:
        if isinstance(tag, dict) and tag.get("type") == "Hashtag":
            _, _, path = _path(tag.get("href")).partition("/topics/")
            topic = _line(unquote(path)) or _line(tag.get("name")).lstrip("#")
            if topic:
                return topic[: manuscript.TOPIC_LENGTH]
    return NO_TOPIC


def _path(url: object) -> str:
    try:
        return urlsplit(url).path if isinstance(url, str) else ""
    except ValueError:
        return ""


def _picture(note: dict[str, Any], actor: dict[str, Any]) -> tuple[str | None, str | None]:
    """Where the campaign's picture is, and what is seen on it."""
    attached = vocabulary.as_list(note.get("attachment"))[:10] + vocabulary.as_list(actor.get("image"))[:1]
    for each in attached:
        if not isinstance(each, dict):
            continue
        kind = each.get("mediaType")
        if each.get("type") != "Image" and not (isinstance(kind, str) and kind.startswith("image/")):
            continue
        for link in vocabulary.as_list(each.get("url"))[:5]:
            url = link.get("href") if isinstance(link, dict) else link
            if isinstance(url, str) and vocabulary.same_host(url, url):
                return url, _line(each.get("name"), manuscript.ALT_LENGTH) or None
    return None, None


def _shares(note: dict[str, Any], told: Mapping[str, Any]) -> int:
    shares, support = note.get("shares"), told.get("support")
    if isinstance(shares, dict) and "totalItems" in shares:
        return _number(shares["totalItems"])
    return _number(support.get("shares")) if isinstance(support, dict) else 0


def _thresholds(told: Mapping[str, Any]) -> tuple[str | None, datetime | None]:
    """The table of thresholds and the day of the registration: both or neither."""
    table, day = told.get("thresholds"), told.get("registered")
    if not isinstance(table, str) or not _TABLE.fullmatch(table) or not isinstance(day, str):
        return None, None
    try:
        return table, datetime.combine(date.fromisoformat(day[:10]), time(), UTC)
    except ValueError:
        return None, None


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else 0


def _line(value: object, most: int = manuscript.TITLE_LENGTH) -> str:
    """One line of plain text out of what may be HTML."""
    return " ".join(content.plain(value).split())[:most] if isinstance(value, str) else ""

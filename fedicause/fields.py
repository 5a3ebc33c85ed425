"""What a value may be that somebody writes into a file or a command, and how it is kept."""

import re
import unicodedata
from datetime import UTC, date, datetime, time
from typing import Final

from fedicause.campaigning import goals
from fedicause.signing import asks as asked

KINDS: Final = ("petition", "open-letter", "message", "pledge", "consultation")
# More than there are.
PEOPLE: Final = 8_000_000_000
# As long as people can still read it in an address.
_PROPOSED: Final = 40

# Addresses, roles and words that would mislead people as the name of an actor.
# fmt: off
RESERVED: Final = frozenset([
    "about", "abuse", "account", "activities", "actor", "actors", "admin", "administrator", "all",
    "api", "campaign", "campaigns", "edit", "everyone", "followers", "following", "help", "here",
    "hostmaster", "inbox", "info", "instance", "likes", "login", "mail", "media", "mod", "moderator",
    "new", "news", "nobody", "nodeinfo", "outbox", "owner", "postmaster", "public", "replies", "root",
    "security", "server", "settings", "shares", "signup", "static", "statistics", "support", "system",
    "tallies", "topics", "updates", "user", "users", "webmaster", "well-known", "www",
])
# fmt: on
_TO_LETTERS: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d"})
# Mastodon takes no name that begins or ends with a hyphen.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COUNTRY = re.compile(r"[A-Z]{2}")
# Codes that stand for unions, for tests, and for what is not known.
_NO_COUNTRY: Final = frozenset(["EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"])
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class NotNow(Exception):
    """What was asked for can't be done as things are; the text says why."""


class Unusable(ValueError):
    """A campaign file or a value can't be used; the text names it, and the line or the field."""


def name(value: str) -> str:
    """A slug or handle; raises Unusable."""
    if not _NAME.fullmatch(value):
        raise Unusable(
            "must be 1 to 60 small letters (a to z), digits and hyphens, with no hyphen at either end"
        )
    if value in RESERVED:
        raise Unusable(f"can't be `{value}`: that name is reserved")
    return value


def proposed(title: str) -> str:
    """A slug made of a title; empty where no letter of it is in the alphabet, or the name is reserved."""
    letters = unicodedata.normalize("NFKD", title.lower().translate(_TO_LETTERS))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['’]", "", plain)).strip("-")
    short = (
        words if len(words) <= _PROPOSED else words[: _PROPOSED + 1].rpartition("-")[0] or words[:_PROPOSED]
    )
    return "" if short in RESERVED else short


def line_of(value: str, longest: int) -> str:
    """Words that fit in one line; raises Unusable."""
    if _UNPRINTED.search(value):
        raise Unusable("must be one line of plain text")
    if len(value) > longest:
        raise Unusable(f"has {len(value)} characters; at most {longest} fit")
    return value


def language(value: str) -> str:
    """A language tag (BCP 47) in its usual spelling, such as `de`, `pt-BR` or `zh-Hant`; raises Unusable."""
    # The names of all languages of the world take memory that only this question needs.
    from babel import Locale  # noqa: PLC0415

    parts = _LANGUAGE.fullmatch(value.replace("_", "-"))
    if parts:
        code, script, region = parts[1].lower(), (parts[2] or "").title(), (parts[3] or "").upper()
        known = Locale("en")
        if (
            code in known.languages
            and (not script or script in known.scripts)
            and (not region or region in known.territories)
        ):
            return "-".join(filter(None, (code, script, region)))
    raise Unusable(f"`{value}` is no language tag; write it like `en`, `fr` or `pt-BR`")


def kind(value: str) -> str:
    found = value.lower().replace(" ", "-")
    if found not in KINDS:
        raise Unusable(f"`{value}` is none of {', '.join(KINDS)}")
    return found


def table(value: str) -> str:
    """The name of a table of thresholds; raises Unusable."""
    found = value.lower()
    if found not in goals.TABLES:
        raise Unusable(f"`{value}` is none of {', '.join(goals.TABLES)}")
    return found


def asks(value: str) -> dict[str, bool]:
    """What a form asks besides, such as `postcode, phone?`: with a `?` nobody needs to answer.

    Raises Unusable.
    """
    found = {}
    for word in filter(None, re.split(r"[\s,]+", value)):
        name = word.removesuffix("?")
        if name not in asked.FIELDS:
            raise Unusable(f"`{word}` is none of {', '.join(asked.FIELDS)}")
        found[name] = name == word
    return found


def yes(value: str) -> bool:
    """Whether it says so (`true`, `yes`), or not (`false`, `no`); raises Unusable."""
    found = {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    if found is None:
        raise Unusable(f"`{value[:40]}` is neither `true` nor `false`")
    return found


def goal(value: str) -> int:
    return people(value, least=1)


def people(value: str, *, least: int = 0) -> int:
    """How many people, as it is written (10,000 or 10 000); raises Unusable."""
    digits = re.sub(r"(?<=\d)[ _,'\u00a0\u202f](?=\d{3})", "", value)
    if re.fullmatch(r"[0-9]{1,15}", digits) and least <= int(digits) <= PEOPLE:
        return int(digits)
    above = " above 0" if least else ""
    raise Unusable(f"must be a whole number{above}, not `{value[:40]}`")


def country(value: str) -> str:
    """A country as ISO 3166-1 alpha-2; EL, as the European Union writes it, is GR. Raises Unusable."""
    from babel import Locale  # noqa: PLC0415

    code = goals.country(value)
    if _COUNTRY.fullmatch(code) and code not in _NO_COUNTRY and code in Locale("en").territories:
        return code
    raise Unusable(f"`{value[:40]}` is no country; write it like `DE`, `FR` or `IT`")


def day(value: str) -> date:
    """A day, such as 2030-12-31; raises Unusable."""
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Unusable(f"`{value}` is no day; write it like 2030-12-31")


def end(value: str) -> datetime:
    """A day ends with its last second (UTC); a time without a zone is UTC."""
    return _moment(value, time(23, 59, 59))


def beginning(value: str) -> datetime:
    """A day begins at midnight (UTC); a time without a zone is UTC."""
    return _moment(value, time())


def _moment(value: str, in_day: time) -> datetime:
    try:
        if _DAY.fullmatch(value):
            return datetime.combine(date.fromisoformat(value), in_day, UTC)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unusable(f"`{value}` is no date; write it like 2030-12-31 or 2030-12-31T18:00+01:00") from error

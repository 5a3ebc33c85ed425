"""The form that a campaign is written in: what stands in its fields, and what is wrong with that."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from fedicause import fields
from fedicause.campaigning import goals, manuscript, particulars
from fedicause.campaigning.manuscript import Manuscript
from fedicause.campaigning.particulars import Particulars
from fedicause.fields import Unusable
from fedicause.signing import asks, options
from fedicause.web.admin import frame
from storage.models import Campaign, CampaignText

FIELDS: Final = (
    "title", "slug", "kind", "topic", "language", "text", "picture_alt", "goal", "ends", "thresholds",
    "registered", *(f"asks-{field}" for field in asks.FIELDS), "privacy", *particulars.FIELDS,
)  # fmt: skip
OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "consultation": ("options",),
    "pledge": ("roles",),
    "message": ("subject", "letter", "per_hour", "digest"),
}
"""What only some kinds have, and is written with a draft."""
SETTLED: Final = ("slug", "language")
"""What stays as it was written first."""
MOST: Final = 1_000_000
"""Longer than anything may be: what is too long must come back whole."""

HERE: Final = Path("form")
_DAY_ENDS: Final = time(23, 59, 59)
Value = TypeVar("Value")


class Form(Struct, frozen=True):
    """`values` are all FIELDS, as they were written; `problems` are words for the template, by field.

    `manuscript` says all of it, as far as it can be read: whole where there are no problems.
    `theirs` is what somebody else has saved meanwhile where both changed something, `merged` the fields
    that only they did. `base` tells what the fields held at first.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str]
    manuscript: Manuscript | None = None
    base: str = ""
    theirs: Mapping[str, str] | None = None
    merged: frozenset[str] = frozenset()


def empty(language: str) -> Form:
    values = dict.fromkeys(FIELDS, "") | {"kind": "petition", "language": language}
    return Form(values, {}, base=digests(values))


def of(campaign: Campaign, text: CampaignText) -> Form:
    """The form of a campaign as it is kept."""
    asked = {each.field: "must" if each.must else "may" for each in asks.read(campaign.asks)}
    values = {
        "title": text.title,
        "slug": campaign.slug,
        "kind": campaign.kind,
        "topic": campaign.topic,
        "language": campaign.language,
        "text": text.markdown,
        "picture_alt": campaign.picture_alt or "",
        "goal": str(campaign.goal or ""),
        "ends": _day(campaign.ends_at),
        "thresholds": campaign.thresholds or "",
        "registered": _day(campaign.registered_at),
        **{f"asks-{field}": asked.get(field, "") for field in asks.FIELDS},
        "privacy": campaign.privacy or "",
        **words_of(text),
        "roles": "\n".join(options.read(campaign.roles)),
        "per_hour": str(campaign.per_hour or ""),
        "digest": "yes" if campaign.is_digest else "",
    }
    return Form(values, {}, base=digests(values))


def words_of(text: CampaignText | None) -> dict[str, str]:
    """The fields of a kind that have words to translate."""
    if text is None:
        return {"options": "", "subject": "", "letter": ""}
    return {
        "options": "\n".join(options.read(text.options)),
        "subject": text.subject or "",
        "letter": text.letter or "",
    }


def read(request: web.Request, campaign: Campaign | None, *, has_picture: bool, now: datetime) -> Form:
    """What was sent; `has_picture` is whether there will be one, which needs words."""
    values = {field: frame.text(request, field, MOST) for field in FIELDS}
    if campaign is not None:
        values |= {"slug": campaign.slug, "language": campaign.language}
        if campaign.state != "draft":
            values["kind"] = campaign.kind
    else:
        values["slug"] = values["slug"] or fields.proposed(values["title"])
    reading = Reading(values)
    written = reading.manuscript(campaign, has_picture=has_picture, now=now)
    base = frame.text(request, "base", 2000)
    return Form(values, reading.problems, written, base)


def merged(form: Form, kept: Form) -> Form:
    """The form of who comes second: what only the other changed is taken over, both see where both did."""
    base = dict(pair.split(":", 1) for pair in form.base.split() if ":" in pair)
    values, theirs, taken = dict(form.values), {}, set()
    for field in FIELDS:
        mine, other = form.values[field], kept.values[field]
        if mine == other or base.get(field) == _digest(other):
            continue
        if base.get(field) == _digest(mine):
            values[field] = other
            taken.add(field)
        else:
            theirs[field] = other
    return replace(form, values=values, base=kept.base, theirs=theirs, merged=frozenset(taken))


def digests(values: Mapping[str, str]) -> str:
    """What the fields hold, for `merged` to tell later who changed what."""
    return " ".join(f"{field}:{_digest(values[field])}" for field in FIELDS)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


class Reading:
    """Reads the fields one by one, and keeps what is wrong with each."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.problems: dict[str, str] = {}

    def manuscript(self, campaign: Campaign | None, *, has_picture: bool, now: datetime) -> Manuscript:
        title = self._line("title", manuscript.TITLE_LENGTH)
        text, html = self._text()
        thresholds, registered_at = self._registration(now)
        goal = self._take("goal", fields.goal)
        if goal is None and thresholds and registered_at and "goal" not in self.problems:
            goal = goals.thresholds(thresholds, registered_at.date()).goal
        asked = self._asked()
        alt = self._line("picture_alt", manuscript.ALT_LENGTH, needed=has_picture)
        # Once it is published they have a page of their own.
        is_written = campaign is None or campaign.state == "draft"
        special, unused = self.particulars(self._values["kind"], OF_KIND if is_written else {})
        wanted: dict[str, Any] = {
            "goal": goal,
            "thresholds": thresholds,
            "ends": self._values["ends"],
            "asks": asked,
            "privacy": self._take("privacy", manuscript.privacy),
        }
        return Manuscript(
            path=HERE,
            title=title,
            slug=self._take("slug", fields.name, needed=True),
            kind=self._take("kind", fields.kind, needed=True),
            topic=self._line("topic", manuscript.TOPIC_LENGTH),
            goal=goal,
            thresholds=thresholds,
            registered_at=registered_at,
            language=self._take("language", fields.language, needed=True),
            ends_at=self._end(campaign.ends_at if campaign else None, now),
            picture=None,
            picture_alt=alt or None,
            text=text,
            html=html,
            removed=frozenset(field for field, value in wanted.items() if not value) | unused,
            asks=asked,
            privacy=wanted["privacy"],
            particulars=special,
        )

    def particulars(
        self, kind: str, of_kind: Mapping[str, tuple[str, ...]]
    ) -> tuple[Particulars, frozenset[str]]:
        """What a kind has of its own, and what of that is empty; of other kinds nothing is touched."""
        asked = of_kind.get(kind, ())

        def checked(field: str, check: Callable[[str], Value]) -> Value | None:
            return self._take(field, check) if field in asked else None

        found = particulars.read(checked)
        if "options" in asked and not self._values["options"]:
            self.problems["options"] = "missing"
        return found, frozenset(field for field in asked if not self._values[field])

    def _take(self, field: str, check: Callable[[str], Value], *, needed: bool = False) -> Value | None:
        value = self._values[field]
        if not value:
            if needed:
                self.problems[field] = "missing"
            return None
        try:
            return check(value)
        except Unusable:
            self.problems[field] = "wrong"
            return None

    def _line(self, field: str, longest: int, *, needed: bool = True) -> str:
        line = " ".join(self._values[field].split())
        if len(line) > longest:
            self.problems[field] = "long"
        elif self._take(field, lambda _value: fields.line_of(line, longest), needed=needed):
            return line
        return ""

    def _text(self) -> tuple[str, str]:
        text = self._values["text"]
        problem, html = written(text)
        if problem:
            self.problems["text"] = problem
        return text, html

    def _end(self, known: datetime | None, now: datetime) -> datetime | None:
        ends = self._take("ends", fields.day)
        if ends is None:
            return None
        if known is not None and known.date() == ends:
            return known
        ends_at = datetime.combine(ends, _DAY_ENDS, UTC)
        if ends_at <= now:
            self.problems["ends"] = "past"
        return ends_at

    def _registration(self, now: datetime) -> tuple[str | None, datetime | None]:
        table = self._take("thresholds", fields.table)
        if table is None:
            return None, None
        registered = self._take("registered", fields.day, needed=True)
        if registered is None:
            return table, None
        try:
            goals.thresholds(table, registered)
        except goals.Unknown:
            self.problems["registered"] = "early"
        if registered > date.fromordinal((now + timedelta(days=1)).toordinal()):
            self.problems["registered"] = "future"
        return table, datetime.combine(registered, time(), UTC)

    def _asked(self) -> dict[str, bool]:
        found = {}
        for field in asks.FIELDS:
            answer = self._values[f"asks-{field}"]
            if answer in ("must", "may"):
                found[field] = answer == "must"
        return found


def written(text: str) -> tuple[str, str]:
    """What is wrong with a Markdown text, or nothing; and its HTML, as pages show it."""
    if not text:
        return "missing", ""
    if len(text) > manuscript.BODY_LENGTH:
        return "long", ""
    try:
        html = manuscript.render(text)
    except Unusable:
        return "picture", ""
    return ("", html) if html.strip() else ("wrong", "")

"""Campaign files: Markdown under YAML front matter, and what may stand in them.

The parsers are loaded by whoever reads a file: a server that only serves does without.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from federation import content

if TYPE_CHECKING:
    import yaml

KINDS: Final = ("petition", "open-letter", "message", "pledge", "consultation")
FIELDS: Final = ("title", "slug", "kind", "topic", "goal", "language", "ends", "picture", "picture_alt")
# What a campaign can do without: `none` takes it away.
REMOVABLE: Final = ("goal", "ends", "picture")
TITLE_LENGTH: Final = 200
TOPIC_LENGTH: Final = 60
ALT_LENGTH: Final = 1500
BODY_LENGTH: Final = 20_000
FILE_LENGTH: Final = 200_000
GOAL: Final = 8_000_000_000

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
# Mastodon takes no name that begins or ends with a hyphen.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FENCE = re.compile(r"-{3}[ \t]*")

Value = TypeVar("Value")


class Unusable(ValueError):
    """A campaign file or a value can't be used; the text names it, and the line or the field."""


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A campaign file as read. What the file leaves out is None; `text` is its Markdown, never empty.

    `removed` are the fields that say `none`: what there was is to be taken away.
    """

    path: Path
    title: str | None
    slug: str | None
    kind: str | None
    topic: str | None
    goal: int | None
    language: str | None
    ends_at: datetime | None
    picture: Path | None
    picture_alt: str | None
    text: str
    html: str
    removed: frozenset[str] = frozenset()

    def needs(self, *fields: str) -> None:
        """Raises Unusable when the file leaves one of these fields out."""
        for field in fields:
            if getattr(self, field) is None:
                raise Unusable(f"{self.path}: the field `{field}` is missing")


def read(path: Path) -> Manuscript:
    """The campaign file at this path; raises Unusable, also when there is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(raw) > FILE_LENGTH:
        raise Unusable(f"{path}: longer than {FILE_LENGTH:,} bytes")
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Unusable(f"{path}, line {line}: not UTF-8 text") from error
    return parse(source, path)


def parse(source: str, path: Path) -> Manuscript:
    """The campaign file with this content; `path` serves messages and the picture. Raises Unusable."""
    lines = source.splitlines()
    ends = [number for number, line in enumerate(lines) if _FENCE.fullmatch(line)]
    if len(ends) < 2 or ends[0] != 0:
        raise Unusable(f"{path}, line 1: expected front matter between two lines of `---`")
    fields = _Fields(path, "\n".join(lines[1 : ends[1]]))
    text = "\n".join(lines[ends[1] + 1 :]).strip()
    if not text:
        raise Unusable(f"{path}, line {ends[1] + 2}: the text is missing")
    if len(text) > BODY_LENGTH:
        raise Unusable(f"{path}: the text has {len(text):,} characters; at most {BODY_LENGTH:,} fit")
    first_line = next(n for n in range(ends[1] + 1, len(lines)) if lines[n].strip()) + 1
    picture = fields.words("picture", 500)
    return Manuscript(
        path=path,
        title=fields.words("title", TITLE_LENGTH),
        slug=fields.checked("slug", name),
        kind=fields.checked("kind", _kind),
        topic=fields.words("topic", TOPIC_LENGTH),
        goal=fields.checked("goal", _goal),
        language=fields.checked("language", language),
        ends_at=fields.checked("ends", _end),
        picture=None if picture is None else path.parent / picture,
        picture_alt=fields.words("picture_alt", ALT_LENGTH),
        text=text,
        html=_html(path, text, first_line=first_line),
        removed=fields.removed,
    )


def _html(path: Path, text: str, *, first_line: int) -> str:
    try:
        html = render(text, first_line=first_line)
    except Unusable as error:
        raise Unusable(f"{path}, {error}") from error
    if not html.strip():
        raise Unusable(f"{path}, line {first_line}: nothing is left of the text once its HTML is cleaned")
    return html


class _Fields:
    """The front matter's fields: all are words, whatever YAML makes of `no`, `2030` or `2026-12-31`."""

    def __init__(self, path: Path, source: str) -> None:
        import yaml  # noqa: PLC0415

        self._path = path
        self._found: dict[str, tuple[str, int]] = {}
        self.removed: frozenset[str] = frozenset()
        try:
            root = yaml.compose(source, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 2 if mark else 1
            problem = getattr(error, "problem", None) or "not YAML"
            raise Unusable(f"{path}, line {line}: {problem}") from error
        if not isinstance(root, yaml.MappingNode):
            raise Unusable(f"{path}, line 2: expected lines of `field: value`")
        for key, value in root.value:
            self._add(key, value)

    def _add(self, key: "yaml.Node", value: "yaml.Node") -> None:
        import yaml  # noqa: PLC0415

        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode) or key.value not in FIELDS:
            shown = key.value if isinstance(key, yaml.ScalarNode) else "?"
            raise Unusable(
                f"{self._path}, line {line}: unknown field `{shown}`; there are {', '.join(FIELDS)}"
            )
        if key.value in self._found:
            raise Unusable(f"{self._path}, line {line}: the field `{key.value}` is there twice")
        if not isinstance(value, yaml.ScalarNode):
            raise Unusable(f"{self._path}, line {line}: `{key.value}` must be one value")
        # `goal:` with nothing behind it is the same as no goal.
        if key.value in REMOVABLE and value.value.strip().lower() == "none":
            self.removed |= {key.value}
        elif value.value.strip():
            self._found[key.value] = (value.value.strip(), line)

    def words(self, field: str, longest: int) -> str | None:
        def check(value: str) -> str:
            return line_of(value, longest)

        return self.checked(field, check)

    def checked(self, field: str, check: Callable[[str], Value]) -> Value | None:
        """What `check` makes of the field's value; its complaint names the line."""
        if field not in self._found:
            return None
        value, line = self._found[field]
        try:
            return check(value)
        except Unusable as error:
            raise Unusable(f"{self._path}, line {line}: `{field}` {error}") from error


def name(value: str) -> str:
    """A slug or handle; raises Unusable."""
    if not _NAME.fullmatch(value):
        raise Unusable(
            "must be 1 to 60 small letters (a to z), digits and hyphens, with no hyphen at either end"
        )
    if value in RESERVED:
        raise Unusable(f"can't be `{value}`: that name is reserved")
    return value


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


def _kind(value: str) -> str:
    kind = value.lower().replace(" ", "-")
    if kind not in KINDS:
        raise Unusable(f"`{value}` is none of {', '.join(KINDS)}")
    return kind


def _goal(value: str) -> int:
    digits = re.sub(r"(?<=\d)[ _,'\u00a0\u202f](?=\d{3})", "", value)
    if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) <= GOAL:
        raise Unusable(f"must be a whole number above 0, not `{value}`")
    return int(digits)


def _end(value: str) -> datetime:
    """A day ends with its last second (UTC); a time without a zone is UTC."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            end = datetime.combine(date.fromisoformat(value), time(23, 59, 59), UTC)
        else:
            end = datetime.fromisoformat(value)
            end = end.replace(tzinfo=UTC) if end.tzinfo is None else end.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unusable(f"`{value}` is no date; write it like 2030-12-31 or 2030-12-31T18:00+01:00") from error
    return end


def render(text: str, *, first_line: int = 1) -> str:
    """CommonMark as sanitised HTML, headings from h2 down; raises Unusable where a picture stands."""
    from markdown_it import MarkdownIt  # noqa: PLC0415

    markdown = MarkdownIt("commonmark")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 4)}"
        if any(child.type == "image" for child in token.children or ()):
            line = first_line + (token.map[0] if token.map else 0)
            raise Unusable(f"line {line}: a picture can't stand in the text; use the field `picture`")
    return content.clean(markdown.renderer.render(tokens, markdown.options, {}))

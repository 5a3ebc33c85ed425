"""Campaign files: Markdown under YAML front matter, and what may stand in them.

The parsers are loaded by whoever reads a file: a server that only serves does without.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from federation import content
from fedicause import fields
from fedicause.campaigning import goals, particulars
from fedicause.campaigning.particulars import Particulars
from fedicause.fields import Unusable

if TYPE_CHECKING:
    import yaml

FIELDS: Final = (
    "title", "slug", "kind", "topic", "goal", "thresholds", "registered", "language", "ends", "picture",
    "picture_alt", "asks", "privacy", "mail", *particulars.FIELDS,
)  # fmt: skip
# What a campaign can do without: `none` takes it away.
REMOVABLE: Final = (
    "goal", "thresholds", "registered", "ends", "picture", "asks", "privacy", *particulars.FIELDS,
)  # fmt: skip
TITLE_LENGTH: Final = 200
TOPIC_LENGTH: Final = 60
ALT_LENGTH: Final = 1500
PRIVACY_LENGTH: Final = 5000
BODY_LENGTH: Final = 20_000
FILE_LENGTH: Final = 200_000
_FENCE = re.compile(r"-{3}[ \t]*")

Value = TypeVar("Value")


class Manuscript(Struct, frozen=True):
    """A campaign file as read. What the file leaves out is None; `text` is its Markdown, never empty.

    `removed` are the fields that say `none`: what there was is to be taken away. `asks` are fields of
    `asks.FIELDS`, and whether a signature needs them. `mail`: news go out by letter too.
    """

    path: Path
    title: str | None
    slug: str | None
    kind: str | None
    topic: str | None
    goal: int | None
    thresholds: str | None
    registered_at: datetime | None
    language: str | None
    ends_at: datetime | None
    picture: Path | None
    picture_alt: str | None
    text: str
    html: str
    removed: frozenset[str] = frozenset()
    asks: Mapping[str, bool] | None = None
    privacy: str | None = None
    mail: bool = False
    particulars: Particulars = particulars.NONE

    def without(self, field: str) -> "Manuscript":
        """The same, which takes away what there was in a field of REMOVABLE."""
        return replace(self, removed=self.removed | {field})

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
    matter = _Fields(path, "\n".join(lines[1 : ends[1]]))
    text = "\n".join(lines[ends[1] + 1 :]).strip()
    if not text:
        raise Unusable(f"{path}, line {ends[1] + 2}: the text is missing")
    if len(text) > BODY_LENGTH:
        raise Unusable(f"{path}: the text has {len(text):,} characters; at most {BODY_LENGTH:,} fit")
    first_line = next(n for n in range(ends[1] + 1, len(lines)) if lines[n].strip()) + 1
    picture = matter.words("picture", 500)
    table, registered_at = _registration(matter)
    return Manuscript(
        path=path,
        title=matter.words("title", TITLE_LENGTH),
        slug=matter.checked("slug", fields.name),
        kind=matter.checked("kind", fields.kind),
        topic=matter.words("topic", TOPIC_LENGTH),
        goal=matter.checked("goal", fields.goal),
        thresholds=table,
        registered_at=registered_at,
        language=matter.checked("language", fields.language),
        ends_at=matter.checked("ends", fields.end),
        picture=None if picture is None else path.parent / picture,
        picture_alt=matter.words("picture_alt", ALT_LENGTH),
        text=text,
        html=_html(path, text, first_line=first_line),
        removed=matter.removed,
        asks=matter.checked("asks", fields.asks),
        privacy=matter.checked("privacy", privacy),
        mail=matter.checked("mail", fields.yes) or False,
        particulars=particulars.read(matter.checked),
    )


def privacy(value: str) -> str:
    """What a campaign says of people's data: plain text in paragraphs; raises Unusable."""
    lines = [fields.line_of(" ".join(line.split()), PRIVACY_LENGTH) for line in value.strip().splitlines()]
    text = "\n".join(lines)
    if len(text) > PRIVACY_LENGTH:
        raise Unusable(f"has {len(text):,} characters; at most {PRIVACY_LENGTH:,} fit")
    return text


def _registration(matter: "_Fields") -> tuple[str | None, datetime | None]:
    """The table of thresholds, and the day that decides which of them hold; one needs the other."""

    def check(value: str) -> datetime:
        registered = fields.day(value)
        try:
            goals.thresholds(table or "", registered)
        except goals.Unknown as error:
            raise Unusable(f"`{value}`: {error}") from error
        return datetime.combine(registered, time(), UTC)

    table = matter.checked("thresholds", fields.table)
    matter.pair("thresholds", "registered")
    return table, matter.checked("registered", check)


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
        if isinstance(value, yaml.SequenceNode) and key.value in particulars.LISTS:
            self._add_list(key.value, value, line)
            return
        if not isinstance(value, yaml.ScalarNode):
            raise Unusable(f"{self._path}, line {line}: `{key.value}` must be one value")
        # `goal:` with nothing behind it is the same as no goal.
        if key.value in REMOVABLE and value.value.strip().lower() == "none":
            self.removed |= {key.value}
        elif value.value.strip():
            self._found[key.value] = (value.value.strip(), line)

    def _add_list(self, field: str, value: "yaml.SequenceNode", line: int) -> None:
        import yaml  # noqa: PLC0415

        items = [each.value.strip() for each in value.value if isinstance(each, yaml.ScalarNode)]
        if len(items) < len(value.value) or not all(items) or any("\n" in each for each in items):
            raise Unusable(f"{self._path}, line {line}: `{field}` must be a list of lines of text")
        if items:
            self._found[field] = ("\n".join(items) + "\n", line)

    def pair(self, one: str, other: str) -> None:
        """Raises Unusable where only one of two fields that make sense together has a value."""
        for given, missing in ((one, other), (other, one)):
            if given in self._found and missing not in self._found:
                line = self._found[given][1]
                raise Unusable(f"{self._path}, line {line}: `{given}` needs the field `{missing}` as well")

    def words(self, field: str, longest: int) -> str | None:
        def check(value: str) -> str:
            return fields.line_of(value, longest)

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

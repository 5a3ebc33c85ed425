"""The words of the pages in each language; run as a module, it says which are missing."""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

import templates
from fedicause.words import (
    LANGUAGES,
    LOCALE,
    NAMES,
    SOURCE,
    catalogue,
    country,
    day,
    gettext,
    locale,
    ngettext,
    number,
    percent,
    read,
)

__all__ = [
    "LANGUAGES",
    "LOCALE",
    "NAMES",
    "catalogue",
    "country",
    "day",
    "gettext",
    "locale",
    "ngettext",
    "number",
    "percent",
]

if TYPE_CHECKING:
    from babel.messages import Catalog, Message

_TEMPLATES: Final = Path(templates.__file__).parent
# Enough for everybody's browser; a header is read once and remembered.
_MOST_WANTED: Final = 5
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*"
)
_MARKUP: Final = re.compile(r"</?[a-z][^>]*>|%\(\w+\)s")


class Choice(Struct, frozen=True):
    """What a reader asked for: the language of the page's own words, those wanted for texts, and how."""

    language: str
    wanted: tuple[str, ...]
    asked: str | None
    """What the address says (`?lang=`), and its links must say again."""


@lru_cache(maxsize=1024)
def choose(lang: str | None, accept_language: str | None, default: str) -> Choice:
    """`?lang=` before `Accept-Language` before the organisation's language; subtags don't matter here."""
    subtag = lang.lower().split("-")[0] if lang else ""
    asked = subtag if subtag.isascii() and subtag.isalpha() and 2 <= len(subtag) <= 3 else None
    wanted = ([asked] if asked else []) + _accepted(accept_language or "")
    wanted = list(dict.fromkeys(wanted))[:_MOST_WANTED]
    for language in (*wanted, default):
        if language in LANGUAGES:
            return Choice(language, tuple(wanted), asked)
    return Choice(SOURCE, tuple(wanted), asked)


@lru_cache(maxsize=1024)
def narrow(choice: Choice, offered: frozenset[str]) -> Choice:
    """The choice, with no languages that nobody offers, and two wanted at most."""
    wanted = tuple(language for language in choice.wanted if language in offered)[:2]
    known = choice.asked in offered or choice.asked in LANGUAGES
    return replace(choice, wanted=wanted, asked=choice.asked if known else None)


def _accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language` header, the best first (RFC 9110, 12.5.4)."""
    ranges: list[tuple[float, int, str]] = []
    for part in header[:500].split(","):
        found = _RANGE.fullmatch(part)
        quality = float(found[2] or 1) if found else 0
        if found and quality > 0:
            ranges.append((-quality, len(ranges), found[1].lower()))
    return [language for _, _, language in sorted(ranges)]


def problems(directory: Path = LOCALE) -> Iterator[str]:
    """What keeps the catalogues in this directory from being complete: a line for each."""
    source = _extract()
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        catalog = read(language, directory)
        for message in source:
            if message.id:
                yield from (f"{language}: {problem}" for problem in _faults(catalog, message))
        for message in catalog:
            if message.id and message.id not in source:
                yield f"{language}: no longer used: {_first(message.id)!r}"


def _faults(catalog: "Catalog", source: "Message") -> Iterator[str]:
    message = catalog.get(source.id)
    text = _first(source.id)
    if message is None:
        yield f"missing: {text!r}"
        return
    forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if not all(forms) or (source.pluralizable and len(forms) != catalog.num_plurals):
        yield f"not translated: {text!r}"
        return
    if message.fuzzy:
        yield f"fuzzy: {text!r}"
    from babel.messages.checkers import checkers  # noqa: PLC0415 - not for servers

    for check in checkers:
        try:
            check(catalog, message)
        except ValueError as error:
            yield f"{error}: {text!r}"
    sources = [source.id] if isinstance(source.id, str) else list(source.id)
    allowed = {mark for each in sources for mark in _MARKUP.findall(each)}
    needed = set(_MARKUP.findall(sources[-1]))
    if any(not needed <= set(_MARKUP.findall(form)) <= allowed for form in forms):
        yield f"other tags or placeholders than: {text!r}"


def _first(id: str | Iterable[str]) -> str:
    return id if isinstance(id, str) else next(iter(id))


def _extract() -> "Catalog":
    from babel.messages import Catalog  # noqa: PLC0415 - not for servers
    from babel.messages.extract import extract_from_dir  # noqa: PLC0415 - not for servers

    catalog = Catalog(project="fedicause", charset="utf-8")
    found = extract_from_dir(
        _TEMPLATES,
        method_map=[("**.html", "jinja2.ext:babel_extract"), ("**.txt", "jinja2.ext:babel_extract")],
        options_map={"**.html": {"trimmed": "true"}, "**.txt": {"trimmed": "true"}},
        comment_tags=("Translators:",),
    )
    for file, line, text, comments, context in found:
        catalog.add(text, None, [(f"templates/{file}", line)], auto_comments=comments, context=context)
    return catalog


def _update() -> None:
    """Brings the catalogues to the templates' texts; what is new has no translation yet."""
    from babel.messages.pofile import write_po  # noqa: PLC0415 - not for servers

    source = _extract()
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        catalog = read(language)
        catalog.update(source, no_fuzzy_matching=True, update_creation_date=False)
        catalog.obsolete.clear()
        # Else Babel writes placeholders there.
        catalog.version = catalog.msgid_bugs_address = catalog.language_team = ""
        catalog.last_translator = "fedicause"
        catalog.revision_date = catalog.creation_date
        catalogue(language).parent.mkdir(parents=True, exist_ok=True)
        with catalogue(language).open("wb") as file:
            write_po(file, catalog, width=110, omit_header=False, include_lineno=False, sort_output=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fedicause.web.translations", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="fail if a text is missing in a language")
    action.add_argument("--update", action="store_true", help="bring the catalogues to the templates' texts")
    arguments = parser.parse_args()
    if arguments.update:
        _update()
    found = list(problems())
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())

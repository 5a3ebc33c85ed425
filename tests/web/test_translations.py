"""Four languages, complete."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fedicause.web import translations


def test_every_catalogue_is_complete() -> None:
    assert list(translations.problems()) == []


def test_the_check_can_be_run_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fedicause.web.translations", "--check"],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('msgstr "Kopieren"', 'msgstr ""', "de: not translated: 'Copy'"),
        ('msgid "Copy"\n', 'msgid "Copy it"\n', "de: missing: 'Copy'"),
        ('msgid "Copy"\n', 'msgid "Copy it"\n', "de: no longer used: 'Copy it'"),
        ('#: templates/parts/endorse.html\nmsgid "Copy"', '#, fuzzy\nmsgid "Copy"', "de: fuzzy: 'Copy'"),
        ('"Geändert am %(day)s"', '"Geändert"', "de: other tags or placeholders than: 'Edited %(day)s'"),
        ("Von <strong>%(name)s</strong>", "Von <b>%(name)s</b>", "de: other tags or placeholders than:"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_found(tmp_path: Path, before: str, after: str, said: str) -> None:
    source = translations.catalogue("de").read_text()
    assert before in source
    for language in ("it", "de", "fr"):
        broken = tmp_path / translations.catalogue(language).relative_to(translations.LOCALE)
        broken.parent.mkdir(parents=True)
        text = translations.catalogue(language).read_text()
        broken.write_text(text.replace(before, after) if language == "de" else text)
    found = list(translations.problems(tmp_path))
    assert any(said in each for each in found), found
    assert all(each.startswith("de: ") for each in found)


@pytest.mark.parametrize(
    ("lang", "accepted", "default", "chosen", "wanted"),
    [
        (None, None, "en", "en", ()),
        (None, None, "de", "de", ()),
        (None, None, "pl", "en", ()),
        (None, "it", "en", "it", ("it",)),
        (None, "pl, de-AT;q=0.8, en;q=0.9", "fr", "en", ("pl", "en", "de")),
        (None, "*", "fr", "fr", ()),
        (None, "it;q=0", "en", "en", ()),
        (None, ",;q=,x" * 400, "en", "en", ()),
        ("fr", "it", "en", "fr", ("fr", "it")),
        ("fr-CA", "it", "en", "fr", ("fr", "it")),
        ("pl", "it", "en", "it", ("pl", "it")),
        ("../../etc", "it", "en", "it", ("it",)),
    ],
)
def test_the_address_comes_before_the_browser_and_the_browser_before_the_organisation(
    lang: str | None, accepted: str | None, default: str, chosen: str, wanted: tuple[str, ...]
) -> None:
    choice = translations.choose(lang, accepted, default)
    assert (choice.language, choice.wanted) == (chosen, wanted)


def test_only_what_is_offered_makes_another_page() -> None:
    offered = frozenset({"en", "it"})
    choice = translations.narrow(translations.choose("xx", "nl, it, pl, en", "en"), offered)
    assert (choice.wanted, choice.asked) == (("it", "en"), None)
    assert translations.narrow(translations.choose("de", "nl", "en"), offered).asked == "de"


def test_numbers_dates_and_plurals_are_those_of_the_language() -> None:
    day = datetime(2026, 11, 21, tzinfo=UTC)
    assert translations.number("en", 12431) == "12,431"
    assert translations.number("de", 12431) == "12.431"
    assert re.fullmatch(r"12\s431", translations.number("fr", 12431))
    assert translations.day("en", day) == "21 November 2026"
    assert translations.day("it", day) == "21 novembre 2026"
    assert translations.ngettext("it", "endorsement", "endorsements", 1) == "adesione"
    assert translations.ngettext("it", "endorsement", "endorsements", 0) == "adesioni"
    # In French nothing is singular.
    assert translations.ngettext("fr", "endorsement", "endorsements", 0) == "soutien"

"""Campaign files: what is read from them, and what is said of one that can't be used."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fedicause import fields
from fedicause.campaigning import manuscript
from fedicause.fields import Unusable

FILE = Path("forest.md")
WHOLE = """---
title: "Save the forest: now"
slug: forest
kind: Open letter
topic: Old forests
goal: 10,000
language: pt-br
ends: 2030-12-31
picture: oaks.jpg
picture_alt: Oaks in the mist
---

# Why

The forest is **old**.
"""


def with_field(line: str) -> str:
    return f"---\ntitle: Forest\n{line}\n---\nText\n"


def test_a_whole_file_is_read() -> None:
    read = manuscript.parse(WHOLE, Path("calls/forest.md"))
    assert (read.title, read.slug, read.kind) == ("Save the forest: now", "forest", "open-letter")
    assert (read.topic, read.goal, read.language) == ("Old forests", 10_000, "pt-BR")
    assert read.ends_at == datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (read.picture, read.picture_alt) == (Path("calls/oaks.jpg"), "Oaks in the mist")
    assert read.html.strip() == "<h2>Why</h2>\n<p>The forest is <strong>old</strong>.</p>"


def test_what_a_file_leaves_out_is_none() -> None:
    read = manuscript.parse("---\ntitle: Forest\ngoal:\n---\nText", FILE)
    assert (read.slug, read.kind, read.goal, read.ends_at, read.picture) == (None,) * 5
    assert not read.removed


def test_what_says_none_is_to_be_taken_away() -> None:
    read = manuscript.parse("---\ngoal: none\nends: None\npicture: none\n---\nText", FILE)
    assert read.removed == {"goal", "ends", "picture"}
    assert (read.goal, read.ends_at, read.picture) == (None, None, None)


def test_thresholds_are_read_with_the_day_that_decides_which_of_them_hold() -> None:
    read = manuscript.parse(with_field("registered: 2024-09-01\nthresholds: ECI"), FILE)
    assert (read.thresholds, read.registered_at) == ("eci", datetime(2024, 9, 1, tzinfo=UTC))
    read = manuscript.parse(with_field("thresholds: none"), FILE)
    assert (read.thresholds, read.registered_at, read.removed) == (None, None, {"thresholds"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("thresholds: eci", "`thresholds` needs the field `registered` as well"),
        ("registered: 2024-09-01", "`registered` needs the field `thresholds` as well"),
        ("registered: 2024-09-01\nthresholds: none", "`registered` needs the field `thresholds` as well"),
        ("thresholds: moon\nregistered: 2024-09-01", "`thresholds` `moon` is none of eci"),
        ("registered: 1.9.2024\nthresholds: eci", "`registered` `1.9.2024` is no day"),
        ("registered: 2024-02-30\nthresholds: eci", "`registered` `2024-02-30` is no day"),
        (
            "registered: 2019-09-01\nthresholds: eci",
            "`registered` `2019-09-01`: the thresholds `eci` are known for registrations from 1",
        ),
    ],
)
def test_thresholds_that_can_not_be_are_refused_with_their_line(line: str, said: str) -> None:
    with pytest.raises(Unusable) as refused:
        manuscript.parse(with_field(line), FILE)
    assert str(refused.value).startswith(f"forest.md, line 3: {said}")


@pytest.mark.parametrize(("written", "code"), [("de", "DE"), ("EL", "GR"), ("XK", "XK")])
def test_a_country_is_kept_by_its_iso_code(written: str, code: str) -> None:
    assert fields.country(written) == code


@pytest.mark.parametrize("written", ["", "D", "DEU", "ZZ", "EU", "QQ", "d1", "ДЕ", "001"])
def test_what_is_no_country_is_refused(written: str) -> None:
    with pytest.raises(Unusable, match="is no country"):
        fields.country(written)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("language: no", "language", "no"),
        ("title: 2030", "title", "2030"),
        ("slug: 2030-12-31", "slug", "2030-12-31"),
        ("topic: yes", "topic", "yes"),
    ],
)
def test_what_yaml_takes_for_something_else_is_a_word(line: str, field: str, value: str) -> None:
    assert getattr(manuscript.parse(f"---\n{line}\n---\nText", FILE), field) == value


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ("2030-06-01", datetime(2030, 6, 1, 23, 59, 59, tzinfo=UTC)),
        ("2030-06-01T18:00+02:00", datetime(2030, 6, 1, 16, tzinfo=UTC)),
        ("2030-06-01 18:00", datetime(2030, 6, 1, 18, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_day_or_a_moment(value: str, end: datetime) -> None:
    assert manuscript.parse(with_field(f"ends: {value}"), FILE).ends_at == end


@pytest.mark.parametrize("goal", ["10000", "10_000", "10,000", "10 000", "10'000"])
def test_a_goal_is_written_as_people_write_numbers(goal: str) -> None:
    assert manuscript.parse(with_field(f"goal: {goal}"), FILE).goal == 10_000


@pytest.mark.parametrize(
    ("value", "tag"),
    [("EN", "en"), ("zh-hant", "zh-Hant"), ("sr_latn_rs", "sr-Latn-RS"), ("es-419", "es-419")],
)
def test_a_language_is_kept_in_its_usual_spelling(value: str, tag: str) -> None:
    assert fields.language(value) == tag


@pytest.mark.parametrize(
    "line",
    [
        "slug: Forest",
        "slug: old_forest",
        "slug: -forest",
        "slug: forest-",
        "slug: " + "a" * 61,
        "slug: actor",
        "slug: inbox",
        "slug: wäld",
        "kind: riot",
        "goal: 0",
        "goal: -5",
        "goal: many",
        "goal: 1.5",
        "goal: ٣",
        "goal: 99999999999",
        "goal: " + "9" * 5000,
        "language: english",
        "language: xx",
        "language: en-XX",
        "ends: tomorrow",
        "ends: 2030-02-30",
        "ends: 31.12.2030",
        "topic: [a, b]",
        "topic: " + "a" * 61,
        "title: twice",
        "tilte: Forest",
        'topic: "a\\nb"',
        'topic: "a\\u202eb"',
        "topic: *unknown",
        "topic: 'open",
        "- a list",
    ],
)
def test_a_wrong_field_is_refused_with_its_file_and_line(line: str) -> None:
    with pytest.raises(Unusable, match=r"^forest\.md, line 3: "):
        manuscript.parse(with_field(line), FILE)


def test_a_long_title_is_refused() -> None:
    with pytest.raises(Unusable, match=r"^forest\.md, line 2: `title` has 201 characters; at most 200 fit$"):
        manuscript.parse(f"---\ntitle: {'a' * 201}\n---\nText", FILE)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Text", "line 1: expected front matter"),
        ("---\ntitle: Forest\nText", "line 1: expected front matter"),
        ("---\nwords\n---\nText", "line 2: expected lines of `field: value`"),
        ("---\n---\nText", "line 2: expected lines of `field: value`"),
        ("---\ntitle: Forest\n---\n\n", "line 4: the text is missing"),
        ("---\ntitle: Forest\n---\n" + "a" * 20_001, "the text has 20,001 characters; at most 20,000 fit"),
        ("---\ntitle: Forest\n---\n\nA\n\n![oak](oak.jpg)", "line 7: a picture can't stand in the text"),
        ("---\ntitle: Forest\n---\n\n<script>1</script>", "line 5: nothing is left of the text"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(source: str, said: str) -> None:
    with pytest.raises(Unusable) as refused:
        manuscript.parse(source, FILE)
    assert str(refused.value).startswith(f"forest.md, {said}") or str(refused.value) == f"forest.md: {said}"


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="no such file"):
        manuscript.read(tmp_path / "nothing.md")
    (tmp_path / "latin.md").write_bytes(b"---\ntitle: For\xeat\n---\nText")
    with pytest.raises(Unusable, match="line 2: not UTF-8 text"):
        manuscript.read(tmp_path / "latin.md")
    (tmp_path / "long.md").write_bytes(b" " * 200_001)
    with pytest.raises(Unusable, match="longer than 200,000 bytes"):
        manuscript.read(tmp_path / "long.md")


def test_a_file_from_another_system_is_read(tmp_path: Path) -> None:
    path = tmp_path / "forest.md"
    path.write_bytes(b"\xef\xbb\xbf---\r\ntitle: Forest\r\n---\r\nText\r\n")
    assert (manuscript.read(path).title, manuscript.read(path).text) == ("Forest", "Text")


def test_scripts_and_handlers_of_the_text_are_not_shown() -> None:
    html = manuscript.render("<b onclick=x>bold</b><script>alert(1)</script> [x](javascript:alert(1))")
    assert "onclick" not in html
    assert "alert" not in html.replace("[x](javascript:alert(1))", "")
    assert "<b>bold</b>" in html

"""The paper that goes with a list of signatures: cover, totals, method, checksums; printed as a PDF."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from federation import tallies
from fedicause import words
from fedicause.campaigning import goals
from fedicause.campaigning.matter import Matter, Order, Sheet

if TYPE_CHECKING:
    from jinja2 import Environment


def make(matter: Matter, sheet: Sheet, order: Order, picture: Path | None, now: datetime) -> bytes:
    """The PDF. Takes a while, and a thread; `picture` is a file, and left out where it can't be read."""
    # Fonts and PDF take time and memory that only this needs.
    from fedicause.campaigning import typeset  # noqa: PLC0415

    language = order.language if order.language in words.LANGUAGES else words.SOURCE
    press = typeset.Press(
        language=language,
        title=_line(matter.title(language)),
        author=_line(matter.organisation),
        now=now,
        picture=picture,
    )
    names = [each.name for each in sheet.listed]
    text = (
        _environment()
        .get_template("paper/handover.txt")
        .render(
            ui=language,
            matter=matter,
            title=matter.title(language),
            counted=matter.counted,
            countries=_countries(language, matter),
            thresholds=matter.thresholds is not None,
            error=_percent(matter.counted["people"]["error"]),
            sheet=sheet,
            order=order,
            now=now,
            letters_missing=any(press.lacks(name) for name in names),
        )
    )
    press.print(text.splitlines())
    if order.names:
        press.print_list(
            [
                (f"{each.number}", each.name, each.place, words.country(language, each.country), each.day)
                for each in sheet.listed
            ]
        )
    return press.finished()


def _countries(language: str, matter: Matter) -> Sequence[dict[str, object]]:
    """What a table of countries says; with thresholds, those that have one come in the order of the race."""
    counted: dict[str, int] = matter.counted["countries"]
    rows: list[dict[str, object]] = []
    if matter.thresholds is not None:
        rows += [
            {
                "name": words.country(language, each.country),
                "signatures": each.signatures,
                "threshold": each.threshold,
            }
            for each in goals.progress(matter.thresholds, counted)
        ]
        counted = {
            code: number for code, number in counted.items() if code not in matter.thresholds.by_country
        }
    ordered = sorted(counted.items(), key=lambda item: (item[0] == tallies.UNKNOWN, -item[1], item[0]))
    return rows + [
        {
            "name": words.gettext(language, "Other countries, or unknown")
            if code == tallies.UNKNOWN
            else words.country(language, code),
            "signatures": number,
            "threshold": None,
        }
        for code, number in ordered
    ]


def _percent(error: float | None) -> float:
    """Rounded up to a tenth: an error is never made smaller."""
    return 0.0 if error is None else -(-error * 1000 // 1) / 10


@cache
def _environment() -> "Environment":
    from fedicause import templating  # noqa: PLC0415 - with the rest of it

    # This becomes no HTML, but lines of plain text.
    environment = templating.environment(autoescape=False)
    environment.filters.update(line=_line)
    return environment


def _line(text: str) -> str:
    """What somebody wrote, as a part of one line: without tabs, which part cells, and without controls."""
    kept = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    return " ".join(kept.split())

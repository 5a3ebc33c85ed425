"""How the command line shows things: as a table for people, or as JSON for programs."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from federation import content, vocabulary

Command = TypeVar("Command", bound=Callable[..., Any])

as_json = click.option("--json", "in_json", is_flag=True, help="Print JSON.")


def document(value: Any) -> None:
    """Prints JSON; times are told as they travel."""

    def told(each: Any) -> str:
        if isinstance(each, datetime):
            return vocabulary.timestamp(each)
        raise TypeError(type(each).__name__)

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=told))


def listing(rows: Sequence[dict[str, Any]], columns: dict[str, str], *, in_json: bool, nothing: str) -> None:
    """Prints rows: in JSON whole, else the columns (field: heading), or `nothing` where there are none."""
    if in_json:
        document(rows)
    elif rows:
        table([[row[field] for field in columns] for row in rows], list(columns.values()))
    else:
        click.echo(nothing)


def table(rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> None:
    """Prints aligned columns, numbers to the right."""
    shown = [[cell(value) for value in row] for row in rows]
    widths = [max(width(line[i]) for line in [list(headings), *shown]) for i in range(len(headings))]
    right = [all(isinstance(row[i], int | None) for row in rows) for i in range(len(headings))]
    for number, line in enumerate([list(headings), *shown]):
        text = "  ".join(
            " " * (widths[i] - width(each)) + each if right[i] else each + " " * (widths[i] - width(each))
            for i, each in enumerate(line)
        ).rstrip()
        click.secho(text, bold=number == 0)


def cell(value: Any) -> str:
    """A value in a table: no number where there is none, days without hours."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    return one_line(str(value), 60)


def one_line(text: str, longest: int) -> str:
    """Text for a terminal: without what would move its cursor, and no longer than this."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def words(html: str, longest: int) -> str:
    """The beginning of a text in HTML, for a terminal."""
    return one_line(content.plain(html), longest)


def width(text: str) -> int:
    """How many columns of a terminal it takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )

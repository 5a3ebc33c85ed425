"""Draws charts as SVG: areas that grow over time, and bars; for pages by classes, for files by colours."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from fedicause import words

INKS: Final = ("#c93f1f", "#2f2bd0", "#8a4fe0", "#0f7a58", "#3a1150")
"""As site.css has them on light ground."""
_INK, _SOFT, _LINE, _DONE = "#24103a", "#5d4f70", "#e2d9ec", "#0f7a58"
_FONT: Final = "system-ui,'Segoe UI',Verdana,'DejaVu Sans',sans-serif"
_LONG: Final = 200
"""Days from which on months are named, and not days."""


class Layer(Struct, frozen=True):
    """What one part had on each day; `ink` is one of INKS."""

    name: str
    ink: int
    values: tuple[int, ...]


class Bar(Struct, frozen=True):
    """A length with its name; `mark` is a number to be reached, `is_done` once it was."""

    name: str
    value: int
    ink: int = 1
    mark: int | None = None
    is_done: bool = False


class Frame(Struct, frozen=True):
    """The size of a drawing in its own units, and the size of its letters."""

    width: int
    height: int
    letter: int
    ticks: int
    """At most so many dates below it."""


WIDE: Final = Frame(760, 380, 14, 6)
NARROW: Final = Frame(360, 300, 13, 3)
FILE: Final = Frame(1200, 620, 20, 8)


def areas(
    days: Sequence[date],
    layers: Sequence[Layer],
    *,
    goal: int | None,
    language: str,
    frame: Frame,
    said: str,
    is_file: bool = False,
) -> str:
    """Layers on top of each other over at least two days. `said` is for who can't see them.

    The goal is a line where there is room for it: far away, it would flatten everything.
    """
    totals = [sum(layer.values[at] for layer in layers) for at in range(len(days))]
    most = max(*totals, 1)
    shows_goal = goal is not None and goal <= 1.6 * most
    step = _step(max(most, goal if shows_goal and goal else 0))
    top = step * math.ceil(max(most, goal if shows_goal and goal else 0) / step)
    left = frame.letter * (0.62 * len(words.number(language, top)) + 0.9)
    right, up, down = frame.letter * 0.6, frame.letter * 1.4, frame.letter * 2.2
    across, high = frame.width - left - right, frame.height - up - down
    span = max((days[-1] - days[0]).days, 1)

    def x(at: int) -> float:
        return left + across * (days[at] - days[0]).days / span

    def y(value: float) -> float:
        return up + high * (1 - value / top)

    parts = []
    for number in range(0, top + 1, step):
        parts.append(_line(left, y(number), frame.width - right, y(number), is_file=is_file))
        parts.append(_text(left - frame.letter * 0.5, y(number) + frame.letter * 0.35, "end", frame.letter,
                           words.number(language, number), is_file=is_file))  # fmt: skip
    below = [0] * len(days)
    for layer in layers:
        above = [under + value for under, value in zip(below, layer.values, strict=True)]
        forward = [f"{x(at):.1f} {y(value):.1f}" for at, value in enumerate(above)]
        back = [f"{x(at):.1f} {y(value):.1f}" for at, value in reversed(list(enumerate(below)))]
        paint = (
            f'fill="{INKS[layer.ink]}" stroke="#fff" stroke-width="1"'
            if is_file
            else f'class="area ink-{layer.ink}"'
        )
        parts.append(f'<path {paint} d="M{"L".join(forward + back)}Z"/>')
        below = above
    if shows_goal and goal is not None:
        paint = f'stroke="{_DONE}" stroke-width="2"' if is_file else 'class="goal-line"'
        along = f"M{left:.1f} {y(goal):.1f}H{frame.width - right:.1f}"
        parts.append(f'<path {paint} stroke-dasharray="6 5" fill="none" d="{along}"/>')
    for at, anchor in _ticks(days, frame.ticks):
        parts.append(_text(x(at), frame.height - frame.letter * 0.6, anchor, frame.letter,
                           _date(days[at], language, span), is_file=is_file))  # fmt: skip
    if is_file:
        parts += _legend(layers, left + frame.letter, up + frame.letter, frame.letter)
    return _picture("".join(parts), frame, said, is_file=is_file)


def bars(rows: Sequence[Bar], *, language: str, said: str, width: int = 1200) -> str:
    """Lying bars with their names and numbers, for a file."""
    letter, line = 20, 46
    names = min(max((len(row.name) for row in rows), default=1) * letter * 0.56, width * 0.4)
    numbers = letter * (0.62 * max((len(_told(row, language)) for row in rows), default=1) + 1.2)
    most = max((max(row.value, row.mark or 0) for row in rows), default=1) or 1
    across = width - names - numbers - letter
    parts = []
    for at, row in enumerate(rows):
        up = at * line + 12
        most_letters = int(names / (letter * 0.5))
        name = row.name if len(row.name) <= most_letters else f"{row.name[: most_letters - 1]}…"
        parts.append(_text(names, up + line * 0.5, "end", letter, name, is_file=True, ink=_INK))
        length = across * row.value / most
        ink = _DONE if row.is_done else INKS[row.ink]
        place = f'x="{names + letter:.1f}" y="{up + 4}" width="{length:.1f}" height="{line - 20}"'
        parts.append(f'<rect {place} rx="3" fill="{ink}"/>')
        if row.mark is not None:
            there = names + letter + across * row.mark / most
            parts.append(f'<path stroke="{_INK}" stroke-width="2.5" d="M{there:.1f} {up}v{line - 12}"/>')
        parts.append(
            _text(width - 4, up + line * 0.5, "end", letter, _told(row, language), is_file=True, ink=_INK)
        )
    return _picture("".join(parts), Frame(width, len(rows) * line + 24, letter, 0), said, is_file=True)


def _legend(layers: Sequence[Layer], x: float, y: float, size: int) -> list[str]:
    """Where the beginning of most campaigns leaves room; the uppermost layer first."""
    parts = []
    for place, layer in enumerate(reversed(layers)):
        down = y + place * size * 1.5
        square = f'x="{x:.1f}" y="{down - size * 0.8:.1f}" width="{size * 0.8:.1f}" height="{size * 0.8:.1f}"'
        parts.append(f'<rect {square} fill="{INKS[layer.ink]}"/>')
        parts.append(_text(x + size * 1.3, down, "start", size, layer.name[:60], is_file=True, ink=_INK))
    return parts


def _told(row: Bar, language: str) -> str:
    value = words.number(language, row.value)
    return value if row.mark is None else f"{value} / {words.number(language, row.mark)}"


def _picture(inside: str, frame: Frame, said: str, *, is_file: bool) -> str:
    head = f'viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{escape(said)}"'
    if is_file:
        ground = f'<path fill="#fff" d="M0 0h{frame.width}v{frame.height}H0z"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{frame.width}" height="{frame.height}" {head} '
            f'font-family="{_FONT}"><title>{escape(said)}</title>{ground}{inside}</svg>'
        )
    name = "plot-narrow" if frame.width < 500 else "plot-wide"
    return Markup(f'<svg class="plot {name}" {head}><title>{escape(said)}</title>{inside}</svg>')  # noqa: S704


def _line(x: float, y: float, to: float, down: float, *, is_file: bool) -> str:
    paint = f'stroke="{_LINE}"' if is_file else 'class="grid"'
    return f'<path {paint} d="M{x:.1f} {y:.1f}L{to:.1f} {down:.1f}"/>'


def _text(x: float, y: float, anchor: str, size: int, text: str, *, is_file: bool, ink: str = _SOFT) -> str:
    paint = f' fill="{ink}"' if is_file else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}"{paint}>{escape(text)}</text>'


def _step(most: int) -> int:
    """Between the lines of a scale: 1, 2 or 5 times a power of ten, for three to six of them."""
    scale = 1
    while True:
        for first in (1, 2, 5):
            if most <= 5 * first * scale:
                return first * scale
        scale *= 10


def _ticks(days: Sequence[date], most: int) -> list[tuple[int, str]]:
    """Which days are named, and how their names are set: those at the ends stay inside."""
    number = min(most, len(days))
    places = sorted({round(at * (len(days) - 1) / max(number - 1, 1)) for at in range(number)})
    anchors = {places[0]: "start", places[-1]: "end"}
    return [(at, anchors.get(at, "middle")) for at in places]


def _date(day: date, language: str, span: int) -> str:
    from babel.dates import format_skeleton  # noqa: PLC0415 - once something is drawn

    skeleton = "yMMM" if span > _LONG else "MMMd"
    return format_skeleton(skeleton, day, locale=words.locale(language))

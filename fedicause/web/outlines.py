"""Paths of our own SVG drawings as polygons, for pictures that are made of pixels."""

import math
import re
from collections.abc import Iterator
from typing import Final

Point = tuple[float, float]

_TOKEN: Final = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)")
# How many numbers a command takes (SVG 2, 9.3); repeated sets repeat the command.
_NUMBERS: Final = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "A": 7, "Z": 0}
_STEPS: Final = 48


def polygons(path: str) -> list[list[Point]]:
    """The outline of each part of a path's `d`; arcs must be of circles."""
    found: list[list[Point]] = []
    at = start = (0.0, 0.0)
    for command, numbers in _commands(path):
        kind, is_relative = command.upper(), command.islower()
        ends = _points(kind, numbers, at) if is_relative else _points(kind, numbers, (0.0, 0.0))
        match kind:
            case "M":
                at = start = ends[-1]
                found.append([at])
            case "Z":
                at = start
            case "H":
                at = (ends[-1][0], at[1])
                found[-1].append(at)
            case "V":
                at = (at[0], ends[-1][1])
                found[-1].append(at)
            case "Q":
                found[-1].extend(_curve(at, *ends))
                at = ends[-1]
            case "A":
                found[-1].extend(_arc(at, ends[-1], numbers[0], large=numbers[3] > 0, sweep=numbers[4] > 0))
                at = ends[-1]
            case _:
                at = ends[-1]
                found[-1].append(at)
    return found


def _commands(path: str) -> Iterator[tuple[str, list[float]]]:
    """Each command with its numbers: a repeated set comes as a command of its own."""
    command = ""
    numbers: list[float] = []
    for token in _TOKEN.findall(path):
        if token.isalpha():
            command, numbers = token, []
            if not _NUMBERS[command.upper()]:
                yield command, []
            continue
        numbers.append(float(token))
        if len(numbers) == _NUMBERS[command.upper()]:
            yield command, numbers
            numbers = []


def _points(kind: str, numbers: list[float], origin: Point) -> list[Point]:
    """The points that a command names: of an arc the end alone."""
    x, y = origin
    match kind:
        case "H":
            return [(x + numbers[0], 0.0)]
        case "V":
            return [(0.0, y + numbers[0])]
        case "A":
            return [(x + numbers[5], y + numbers[6])]
    return [(x + across, y + down) for across, down in zip(numbers[::2], numbers[1::2], strict=True)]


def _curve(start: Point, control: Point, end: Point) -> list[Point]:
    found = []
    for step in range(1, _STEPS + 1):
        part = step / _STEPS
        weights = ((1 - part) ** 2, 2 * part * (1 - part), part**2)
        found.append(
            (
                sum(weight * point[0] for weight, point in zip(weights, (start, control, end), strict=True)),
                sum(weight * point[1] for weight, point in zip(weights, (start, control, end), strict=True)),
            )
        )
    return found


def _arc(start: Point, end: Point, radius: float, *, large: bool, sweep: bool) -> list[Point]:
    """From one point to the other on a circle (SVG 2, B.2.4, with both radii the same)."""
    half = math.dist(start, end) / 2
    radius = max(radius, half)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    away = math.sqrt(max(radius**2 - half**2, 0)) / (2 * half) * (1 if large == sweep else -1)
    centre = (middle[0] + away * (end[1] - start[1]), middle[1] - away * (end[0] - start[0]))
    first = math.atan2(start[1] - centre[1], start[0] - centre[0])
    turn = (math.atan2(end[1] - centre[1], end[0] - centre[0]) - first) % (2 * math.pi)
    if not sweep:
        turn -= 2 * math.pi
    return [
        (
            centre[0] + radius * math.cos(first + turn * step / _STEPS),
            centre[1] + radius * math.sin(first + turn * step / _STEPS),
        )
        for step in range(1, _STEPS + 1)
    ]

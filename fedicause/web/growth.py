"""How support grew, day by day, from what was kept of each day and what is counted now."""

import bisect
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from msgspec import Struct

from fedicause.web.plots import Layer
from storage.history import Point

OTHERS: Final = ""
"""The name of a layer that stands for several organisations."""
ENDORSEMENTS: Final = "☆"
_NAMED: Final = 3
_DRAWN: Final = 240
_TABLE_ROWS: Final = 40


class Row(Struct, frozen=True):
    """A day in the table: what there was at its end, and how much more than in the row before."""

    day: date
    total: int
    gained: int


class Growth(Struct, frozen=True):
    """Days and what each part had then. `best` is the day on which the most came, with how many."""

    days: tuple[date, ...]
    layers: tuple[Layer, ...]
    rows: tuple[Row, ...]
    best: tuple[date, int] | None
    last_week: int

    @property
    def is_drawn(self) -> bool:
        return len(self.days) > 1 and any(any(layer.values) for layer in self.layers)


def read(points: Sequence[Point], counted: Mapping[str, Any], today: date) -> Growth:
    """From the days that were kept, the first one first, and the support document of now."""
    known: dict[date, tuple[int, Mapping[str, int]]] = {
        point.day.date(): (point.endorsements, json.loads(point.hosts)) for point in points
    }
    now = {host["host"]: host["signatures"] for host in counted["hosts"]}
    known = {day: value for day, value in known.items() if day < today}
    known[today] = (counted["endorsements"], now)
    every = _filled(known)
    totals = [endorsements + sum(hosts.values()) for endorsements, hosts in every.values()]
    days = list(every)
    gains = [after - before for before, after in itertools.pairwise(totals)]
    best = max(range(len(gains)), key=lambda at: gains[at], default=None)
    kept = _thinned(len(days), _DRAWN)
    return Growth(
        days=tuple(days[at] for at in kept),
        layers=_layers([every[days[at]] for at in kept], counted),
        rows=_rows(days, totals),
        best=(days[best + 1], gains[best]) if best is not None and gains[best] > 0 else None,
        last_week=totals[-1] - totals[max(len(totals) - 8, 0)] if len(totals) > 1 else totals[-1],
    )


def _filled(
    known: Mapping[date, tuple[int, Mapping[str, int]]],
) -> dict[date, tuple[int, Mapping[str, int]]]:
    """Every day: on one that was not kept nothing had changed, as far as we know."""
    days = sorted(known)
    found = {}
    for number in range((days[-1] - days[0]).days + 1):
        day = days[0] + timedelta(days=number)
        found[day] = known[days[bisect.bisect_right(days, day) - 1]]
    return found


def _layers(kept: Sequence[tuple[int, Mapping[str, int]]], counted: Mapping[str, Any]) -> tuple[Layer, ...]:
    """Endorsements, the largest organisations, and all others as one; a few have the inks of their places."""
    named = [host for host in counted["hosts"] if host["state"] != "excluded"]
    if len(counted["hosts"]) > _NAMED + 1:
        named = sorted(named, key=lambda host: -host["signatures"])[:_NAMED]
    layers = []
    if any(endorsements for endorsements, _ in kept):
        layers.append(Layer(ENDORSEMENTS, 0, tuple(endorsements for endorsements, _ in kept)))
    authorities = {host["host"] for host in named}
    for place, host in enumerate(named):
        values = tuple(hosts.get(host["host"], 0) for _, hosts in kept)
        if any(values):
            layers.append(Layer(host["organisation"], 1 + place, values))
    others = tuple(
        sum(number for authority, number in hosts.items() if authority not in authorities)
        for _, hosts in kept
    )
    if any(others):
        layers.append(Layer(OTHERS, 4, others))
    return tuple(layers)


def _rows(days: Sequence[date], totals: Sequence[int]) -> tuple[Row, ...]:
    """The newest first: each day, each week or each month, so that it is no long list."""
    step = next((step for step in (1, 7, 30) if len(days) <= step * _TABLE_ROWS), 90)
    places = list(range(len(days) - 1, -1, -step))
    return tuple(
        Row(
            days[at], totals[at], totals[at] - (totals[places[number + 1]] if number + 1 < len(places) else 0)
        )
        for number, at in enumerate(places)
    )


def _thinned(number: int, most: int) -> list[int]:
    """Places of at most so many, evenly; the first and the last are among them."""
    if number <= most:
        return list(range(number))
    return sorted({round(at * (number - 1) / (most - 1)) for at in range(most)})

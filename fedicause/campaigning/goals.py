"""How far a campaign is: the next step towards its goal, and how far each country is to its threshold."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

HERE: Final = Path(__file__).parent / "thresholds"
_FIRST_STEPS: Final = (10, 25, 50)
# The Commission's tables write Greece as EL; ISO 3166-1 and our counts as GR.
_ISO: Final = {"EL": "GR"}


class _Rule(NamedTuple):
    """What a table asks for beside its thresholds: so many countries, and so many people in all."""

    needed_countries: int
    goal: int


# The European Citizens' Initiative: Regulation (EU) 2019/788, article 3.
_RULES: Final = {"eci": _Rule(needed_countries=7, goal=1_000_000)}
TABLES: Final = tuple(_RULES)


class Unknown(LookupError):
    """There is no such table, or it says nothing about this date; the text says which."""


class Thresholds(Struct, frozen=True):
    """What a campaign must reach: the goal in all, and the threshold in so many countries.

    `by_country` are signatures by ISO 3166-1 alpha-2 code.
    """

    needed_countries: int
    goal: int
    by_country: Mapping[str, int]


class CountryProgress(Struct, frozen=True):
    """How far one country is; `share` of its threshold is between 0 and 1, and 1 only where it is reached."""

    country: str
    signatures: int
    threshold: int
    share: float
    reached: bool


def next_step(total: int, goal: int | None) -> int:
    """The number to reach next, above `total`: 10, 25, 50, 100, 250, …, and the goal before what lies beyond.

    Once the goal is reached the steps go on.
    """
    step = next(step for step in _steps() if step > total)
    return min(step, goal) if goal is not None and total < goal else step


def _steps() -> Iterator[int]:
    scale = 1
    while True:
        for first in _FIRST_STEPS:
            yield first * scale
        scale *= 10


def country(code: str) -> str:
    """The ISO 3166-1 alpha-2 code of a country that may be written as the European Union does."""
    return _ISO.get(code.upper(), code.upper())


def thresholds(table: str, registered: date) -> Thresholds:
    """What a table asks of a campaign that was registered on this day; raises Unknown."""
    if table not in _RULES:
        raise Unknown(f"there is no table of thresholds `{table}`; there is {', '.join(TABLES)}")
    for period in _periods(table):
        if period.first <= registered <= period.last:
            rule = _RULES[table]
            return Thresholds(rule.needed_countries, rule.goal, period.by_country)
    first = min(period.first for period in _periods(table))
    raise Unknown(f"the thresholds `{table}` are known for registrations from {first:%-d %B %Y} on")


def of_campaign(table: str | None, registered_at: datetime | None) -> Thresholds | None:
    """The same from a campaign's columns; None where it has no thresholds, or none that are known here."""
    if table is None or registered_at is None:
        return None
    try:
        return thresholds(table, registered_at.date())
    except Unknown:
        return None


def progress(thresholds: Thresholds, countries: Mapping[str, int]) -> list[CountryProgress]:
    """Every country that has a threshold, the one that is furthest first; others are left out.

    `countries` are signatures by ISO 3166-1 alpha-2 code.
    """
    found = [
        CountryProgress(
            country=code,
            signatures=countries.get(code, 0),
            threshold=threshold,
            share=min(1.0, countries.get(code, 0) / threshold),
            reached=countries.get(code, 0) >= threshold,
        )
        for code, threshold in thresholds.by_country.items()
    ]
    return sorted(found, key=lambda each: (-each.signatures / each.threshold, each.country))


class _Period(NamedTuple):
    first: date
    last: date
    by_country: Mapping[str, int]


@cache
def _periods(table: str) -> tuple[_Period, ...]:
    """The periods of a table's file; one without an end goes on."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    with (HERE / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            period = found.setdefault((row["registered_from"], row["registered_until"]), {})
            period[country(row["country"])] = int(row["threshold"])
    return tuple(
        _Period(date.fromisoformat(first), date.fromisoformat(last) if last else date.max, by_country)
        for (first, last), by_country in found.items()
    )

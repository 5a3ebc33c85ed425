"""The people who sign on the organisations' pages: where, in which wave, from which country."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Final

from fedicause.demo.programme import Role

PER_WAVE: Final = 3.0
"""Signatures on one page in a wave, for every person on the fediverse; fewer as the news wears off."""
LATER: Final = 0.25
WAVES_OF_NEWS: Final = 40
# Who has signed on one page and signs on another as well: the sum counts them twice, the estimate once.
AGAIN: Final = 0.12
# Beside the countries that have a threshold, in parts of all these.
ELSEWHERE: Final = {"CH": 0.015, "GB": 0.03, "NO": 0.008, "US": 0.012, "RS": 0.006}


class Signers:
    """Decides who signs next: the same people in the same order for the same seed.

    `thresholds` by country tell how large each is; `people` are those on the fediverse.
    """

    def __init__(
        self, roles: Sequence[Role], thresholds: Mapping[str, int], *, people: int, seed: int
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # a play, which guards nothing
        self._people = people
        self._waves = 0
        self._countries: list[str] = []
        self._signed: list[set[int]] = [set() for _ in roles]
        self._spread = [_spread(thresholds, role.keen) for role in roles]

    @property
    def people(self) -> int:
        """How many different people have signed."""
        return len(self._countries)

    def wave(self) -> list[dict[str, str]]:
        """The next ones of each page: countries by mail address."""
        pace = LATER + (1 - LATER) * math.exp(-self._waves / WAVES_OF_NEWS)
        self._waves += 1
        return [
            dict(self._one(place) for _ in range(self._number(pace))) for place in range(len(self._signed))
        ]

    def _number(self, pace: float) -> int:
        return round(self._people * PER_WAVE * pace * self._chance.uniform(0.5, 1.5))

    def _one(self, place: int) -> tuple[str, str]:
        signed = self._signed[place]
        person = self._chance.randrange(len(self._countries)) if self._countries else 0
        if not self._countries or person in signed or self._chance.random() >= AGAIN:
            person = len(self._countries)
            spread = self._spread[place]
            self._countries.append(self._chance.choices([*spread], [*spread.values()])[0])
        signed.add(person)
        return f"person-{person}@people.invalid", self._countries[person]


def _spread(thresholds: Mapping[str, int], keen: Mapping[str, float]) -> dict[str, float]:
    """How often each country comes up."""
    total = sum(thresholds.values())
    parts = {country: number / total for country, number in thresholds.items()} | ELSEWHERE
    return {country: part * keen.get(country, 1) for country, part in parts.items()}

"""Where a campaign stands, part by part: what each organisation collected, and how that adds up."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from fedicause.campaigning import goals
from fedicause.campaigning.goals import CountryProgress, Thresholds

SCALE: Final = 1000
"""The width of a bar, in its own units."""
OTHER: Final = "ZZ"
ENDORSEMENTS: Final = "endorsements"
# So many colours tell parts apart; then they come again.
_INKS: Final = 5
_OPEN_ROWS: Final = 7


class Segment(Struct, frozen=True):
    """A piece of a bar of SCALE units, and which ink it has."""

    start: int
    length: int
    ink: int


class Part(Struct, frozen=True):
    """One line of the sum: an organisation's signatures, or (state `endorsements`) the origin's endorsements.

    `state` else is `origin`, `partner`, `stale` or `excluded`. `key` is the authority of its host. `age` is
    how old a stale count is, in whole hours. `bar` begins where the part before it ended.
    """

    key: str
    organisation: str
    url: str
    number: int
    state: str
    is_here: bool
    age: timedelta | None
    bar: Segment


class People(Struct, frozen=True):
    """How many different people there are behind a total; `error` in per cent, both ways."""

    low: int
    high: int
    estimate: int | None
    error: float | None


class Elsewhere(Struct, frozen=True):
    """A count that was handed in; `country` None stands for all of them."""

    source: str
    count: int
    country: str | None
    counted_on: date


class Country(Struct, frozen=True):
    """The signatures of one country; `length` of SCALE, of the country that has the most."""

    code: str
    signatures: int
    length: int


class Race(Struct, frozen=True):
    """How far each country is to its threshold; `first` are those that are always shown, best first."""

    needed: int
    reached: int
    first: Sequence[CountryProgress]
    others: Sequence[CountryProgress]


class Standing(Struct, frozen=True):
    """The whole picture. `organisations` are who counts; `forged_roster`: the origin signed two."""

    parts: Sequence[Part]
    people: People
    elsewhere: Sequence[Elsewhere]
    countries: Sequence[Country]
    race: Race | None
    organisations: int
    forged_roster: bool

    @property
    def partner_names(self) -> str:
        """The organisations beside the one whose campaign it is, as they are read in a line."""
        others = [part for part in self.parts if part.state in {"partner", "stale"}]
        return ", ".join(part.organisation for part in others)

    @property
    def adds_up(self) -> bool:
        """Whether there is a sum to show at all, and not one number alone."""
        return len(self.parts) > 1 or self.forged_roster

    @property
    def has_details(self) -> bool:
        """Whether there is more to say than the total."""
        return self.adds_up or bool(self.elsewhere or self.race or self.countries)

    @property
    def shape(self) -> str:
        """What must be the same for numbers alone to have changed; a script compares it."""
        return " ".join(f"{part.key}:{part.state}" for part in self.parts)

    def segments(self, target: int) -> list[Segment]:
        """The pieces of the bar on the way to a number."""
        most = max(target, sum(part.number for part in self.parts), 1)
        return _segments([(part.number, part.bar.ink) for part in self.parts], most)


def read(
    document: Mapping[str, Any],
    *,
    here: str,
    now: datetime,
    thresholds: Thresholds | None = None,
    forged_roster: bool = False,
) -> Standing:
    """The support document (`/api/campaigns/{slug}/support`) as a page shows it; `here` is our authority."""
    people = document["people"]
    hosts = document["hosts"]
    return Standing(
        parts=_parts(document, here, now),
        people=People(people["low"], people["high"], people["estimate"], _percent(people["error"])),
        elsewhere=[
            Elsewhere(row["source"], row["count"], row["country"], date.fromisoformat(row["date"]))
            for row in document["elsewhere"]
        ],
        countries=_countries(document["countries"]),
        race=_race(thresholds, document["countries"]) if thresholds else None,
        organisations=sum(host["state"] != "excluded" for host in hosts),
        forged_roster=forged_roster,
    )


def _parts(document: Mapping[str, Any], here: str, now: datetime) -> list[Part]:
    hosts = document["hosts"]
    endorsements = [document["endorsements"]] if document["endorsements"] else []
    numbers = endorsements + [host["signatures"] for host in hosts]
    # The stars have an ink of their own, the organisations the others.
    inks = [0] * len(endorsements) + [1 + place % (_INKS - 1) for place in range(len(hosts))]
    bars = _segments(list(zip(numbers, inks, strict=True)), max(sum(numbers), 1))
    parts = []
    if endorsements:
        origin = hosts[0]
        parts.append(
            Part(
                key=ENDORSEMENTS,
                organisation=origin["organisation"],
                url=origin["url"],
                number=endorsements[0],
                state=ENDORSEMENTS,
                is_here=origin["host"] == here,
                age=None,
                bar=bars[0],
            )
        )
    for host, bar in zip(hosts, bars[len(endorsements) :], strict=True):
        is_stale = host["state"] == "stale" and host["updated"]
        parts.append(
            Part(
                key=host["host"],
                organisation=host["organisation"],
                url=host["url"],
                number=host["signatures"],
                state=host["state"],
                is_here=host["host"] == here,
                age=_hours(now - datetime.fromisoformat(host["updated"])) if is_stale else None,
                bar=bar,
            )
        )
    # Nobody signed here yet: the stars alone are no sum.
    if len(hosts) == 1 and endorsements and not document["signatures"]:
        return parts[:1]
    return parts


def _segments(parts: Sequence[tuple[int, int]], most: int) -> list[Segment]:
    """Bars end to end; each is rounded where it begins and ends, so that none drifts."""
    found, before = [], 0
    for number, ink in parts:
        start, end = (SCALE * edge // most for edge in (before, before + number))
        found.append(Segment(start, end - start, ink))
        before += number
    return found


def _countries(signatures: Mapping[str, int]) -> list[Country]:
    """The most first, and what has no country of its own last."""
    ordered = sorted(signatures.items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
    most = max(signatures.values(), default=1)
    return [Country(code, number, SCALE * number // max(most, 1)) for code, number in ordered]


def _race(thresholds: Thresholds, countries: Mapping[str, int]) -> Race:
    ordered = goals.progress(thresholds, countries)
    return Race(
        needed=thresholds.needed_countries,
        reached=sum(country.reached for country in ordered),
        first=ordered[:_OPEN_ROWS],
        others=ordered[_OPEN_ROWS:],
    )


def _percent(error: float | None) -> float | None:
    """Rounded up to a tenth: an error is never made smaller."""
    return None if error is None else -(-error * 1000 // 1) / 10


def _hours(age: timedelta) -> timedelta:
    return timedelta(hours=max(1, age // timedelta(hours=1)))

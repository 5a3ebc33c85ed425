"""Steps, goals, and how far each country is."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedicause.campaigning import goals

TOTALS = st.integers(0, 10**10)
GOALS = st.none() | st.integers(1, 8 * 10**9)


@given(TOTALS, GOALS)
def test_the_next_step_is_above_the_total(total: int, goal: int | None) -> None:
    assert goals.next_step(total, goal) > total


@given(TOTALS, TOTALS, GOALS)
def test_the_next_step_never_goes_back_while_support_grows(one: int, other: int, goal: int | None) -> None:
    less, more = sorted((one, other))
    assert goals.next_step(less, goal) <= goals.next_step(more, goal)


@given(st.data(), st.integers(1, 8 * 10**9))
def test_the_next_step_is_no_more_than_the_goal_before_it_is_reached(data: st.DataObject, goal: int) -> None:
    total = data.draw(st.integers(0, goal - 1))
    assert goals.next_step(total, goal) <= goal


@given(TOTALS)
def test_a_step_without_a_goal_is_round_and_near(total: int) -> None:
    step = goals.next_step(total, None)
    assert str(step).rstrip("0") in {"1", "25", "5"}
    assert step <= max(10, total * 2.5)


@pytest.mark.parametrize(
    ("total", "goal", "step"),
    [
        (0, None, 10),
        (9, None, 10),
        (10, None, 25),
        (99, None, 100),
        (100, None, 250),
        (2_500, None, 5_000),
        (4_999, 1_000_000, 5_000),
        (600_000, 1_000_000, 1_000_000),
        (900, 950, 950),
        (950, 950, 1_000),
        (999_999, 1_000_000, 1_000_000),
        (1_000_000, 1_000_000, 2_500_000),
        (3, 7, 7),
        (7, 7, 10),
    ],
)
def test_steps_go_up_by_round_numbers_and_to_the_goal(total: int, goal: int | None, step: int) -> None:
    assert goals.next_step(total, goal) == step


@pytest.mark.parametrize(("day", "seats"), [(date(2020, 2, 1), 705), (date(2024, 7, 16), 720)])
def test_the_thresholds_of_the_initiative_are_seats_in_parliament_times_their_number(
    day: date, seats: int
) -> None:
    found = goals.thresholds("eci", day)
    assert (found.needed_countries, found.goal, len(found.by_country)) == (7, 1_000_000, 27)
    assert all(threshold % seats == 0 for threshold in found.by_country.values())
    assert sum(found.by_country.values()) == seats * seats


@pytest.mark.parametrize(
    ("day", "germany"),
    [
        (date(2020, 2, 1), 67_680),
        (date(2024, 7, 15), 67_680),
        (date(2024, 7, 16), 69_120),
        (date(2031, 1, 1), 69_120),
    ],
)
def test_the_day_of_registration_decides_which_thresholds_hold(day: date, germany: int) -> None:
    assert goals.thresholds("eci", day).by_country["DE"] == germany


def test_greece_is_counted_under_its_iso_code() -> None:
    found = goals.thresholds("eci", date(2024, 9, 1)).by_country
    assert found["GR"] == 15_120
    assert "EL" not in found
    assert (goals.country("el"), goals.country("it")) == ("GR", "IT")


def test_a_table_or_a_day_that_is_not_known_is_named() -> None:
    with pytest.raises(goals.Unknown, match="no table of thresholds `moon`; there is eci"):
        goals.thresholds("moon", date(2024, 9, 1))
    with pytest.raises(goals.Unknown, match="from 1 February 2020 on"):
        goals.thresholds("eci", date(2020, 1, 31))


def test_a_campaign_without_thresholds_or_with_those_of_another_world_has_none() -> None:
    registered_at = datetime(2024, 9, 1, tzinfo=UTC)
    assert goals.of_campaign("eci", registered_at) == goals.thresholds("eci", date(2024, 9, 1))
    assert goals.of_campaign(None, None) is None
    assert goals.of_campaign("../../secret", registered_at) is None
    assert goals.of_campaign("eci", datetime(1999, 9, 1, tzinfo=UTC)) is None


THREE = goals.Thresholds(2, 10_000, {"DE": 100, "IT": 50, "MT": 10})


def test_the_country_that_is_furthest_comes_first() -> None:
    found = goals.progress(THREE, {"DE": 50, "IT": 75, "FR": 900, "ZZ": 12})
    assert [(each.country, each.signatures, each.share, each.reached) for each in found] == [
        ("IT", 75, 1.0, True),
        ("DE", 50, 0.5, False),
        ("MT", 0, 0.0, False),
    ]


@given(st.dictionaries(st.sampled_from(["DE", "IT", "MT", "FR", "ZZ"]), st.integers(0, 10**15)))
def test_a_share_is_whole_where_the_threshold_is_reached_and_nowhere_else(countries: dict[str, int]) -> None:
    found = goals.progress(THREE, countries)
    assert {each.country for each in found} == set(THREE.by_country)
    for each in found:
        assert 0 <= each.share <= 1
        assert each.reached == (each.share == 1) == (each.signatures >= each.threshold)

"""What an answer means for a delivery, and silence for a host."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from federation.answers import Answer
from fedicause.fediverse import judge
from fedicause.fediverse.judge import Result
from storage.claims import Claimed
from storage.outcomes import End, Retry

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = timedelta(seconds=30)


def claimed(*, attempts: int = 0, age: timedelta = timedelta()) -> Claimed:
    return Claimed(
        id=1,
        activity_id=1,
        inbox="https://carol.test/inbox",
        host="carol.test",
        replaces=None,
        attempts=attempts,
        created_at=NOW - age,
        lease_until=NOW + timedelta(seconds=60),
    )


def verdict(
    status: int | None,
    *,
    after: float | None = None,
    ahead: float | None = None,
    chance: float = 0.5,
    **row: Any,
) -> Any:
    result = Result(claimed(**row))
    if status is None:
        result.error = "no answer"
    else:
        result.answer = Answer(status, after, "cavage", ahead)
    return judge.delivery(result, now=NOW, first_retry=FIRST, chance=lambda: chance)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_a_delivery(status: int) -> None:
    assert verdict(status) is None


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_ends_the_inbox(status: int) -> None:
    ended = verdict(status)
    assert isinstance(ended, End)
    assert ended.is_inbox


@pytest.mark.parametrize("status", [400, 402, 405, 406, 409, 411, 413, 415, 418, 422, 451])
def test_a_refusal_is_final(status: int) -> None:
    ended = verdict(status)
    assert isinstance(ended, End)
    assert not ended.is_inbox


@pytest.mark.parametrize("status", [301, 302, 401, 403])
def test_what_may_be_a_stale_cache_is_tried_for_less_than_an_hour(status: int) -> None:
    assert isinstance(verdict(status, attempts=judge.FEW_ATTEMPTS - 2), Retry)
    assert isinstance(verdict(status, attempts=judge.FEW_ATTEMPTS - 1), End)
    pauses = [judge.pause_before(number, FIRST, lambda: 1.0) for number in range(1, judge.FEW_ATTEMPTS)]
    assert sum(pauses, timedelta()) < timedelta(hours=1)


@pytest.mark.parametrize("ahead", [-1800.0, 301.0])
def test_where_the_clocks_disagree_signatures_are_refused_until_somebody_sets_one(ahead: float) -> None:
    assert isinstance(verdict(401, ahead=ahead, attempts=40, age=timedelta(days=6.9)), Retry)
    assert isinstance(verdict(401, ahead=ahead, attempts=40, age=timedelta(days=7)), End)
    assert isinstance(verdict(401, ahead=ahead / 10, attempts=judge.FEW_ATTEMPTS), End)
    assert isinstance(verdict(403, ahead=ahead, attempts=judge.FEW_ATTEMPTS), End)


@pytest.mark.parametrize("status", [408, 421, 425, 429, 500, 502, 503, 504, 507, 520, None])
def test_what_may_pass_is_tried_again_for_a_week(status: int | None) -> None:
    late = timedelta(days=6.9)
    assert isinstance(verdict(status, attempts=3), Retry)
    assert isinstance(verdict(status, attempts=40, age=late), End if status == 500 else Retry)
    assert isinstance(verdict(status, attempts=40, age=timedelta(days=7)), End)


def test_what_was_not_tried_counts_as_no_attempt() -> None:
    handed_back = judge.delivery(Result(claimed(attempts=2)), now=NOW, first_retry=FIRST)
    assert isinstance(handed_back, Retry)
    assert (handed_back.attempts, handed_back.next_at) == (2, NOW)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 30), (1, 60), (2, 120), (8, 7680), (9, 14400), (500, 14400)]
)
def test_pauses_double_up_to_some_hours_give_or_take_a_half(attempts: int, seconds: float) -> None:
    for chance in (0.0, 0.5, 1.0):
        again = verdict(503, attempts=attempts, chance=chance)
        assert again.next_at - NOW == timedelta(seconds=seconds) * (0.5 + chance)


def test_the_longer_of_pause_and_retry_after_counts() -> None:
    assert verdict(503, after=3600).next_at == NOW + timedelta(hours=1)
    assert verdict(503, after=1).next_at == NOW + FIRST


def test_a_host_is_paused_after_some_failures_in_a_row_and_then_for_longer_and_longer() -> None:
    one = Result(claimed(), error="no answer")
    assert judge.host("carol.test", [one], before=0, now=NOW, first_pause=FIRST).paused_until is None
    # Eight that failed together are no eight pauses.
    fallen = judge.host("carol.test", [one] * 8, before=0, now=NOW, first_pause=FIRST)
    assert (fallen.failures, fallen.paused_until) == (judge.FAILING_AT, NOW + FIRST)
    pauses = []
    for before in range(judge.FAILING_AT, judge.FAILING_AT + 9):
        still = judge.host("carol.test", [one], before=before, now=NOW, first_pause=FIRST)
        assert still.paused_until is not None
        pauses.append((still.paused_until - NOW).total_seconds())
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]

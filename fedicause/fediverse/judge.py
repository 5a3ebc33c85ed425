"""What becomes of a delivery after an attempt, and of a host that does not answer."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from federation.answers import Answer
from storage.claims import Claimed
from storage.hosts import Failure
from storage.outcomes import End, Retry

FAILING_AT: Final = 5
"""Failures in a row after which a host is paused, and tried by one delivery at a time."""
LONGEST_PAUSE: Final = timedelta(hours=1)
LONGEST_RETRY: Final = timedelta(hours=4)
GIVEN_UP_AFTER: Final = timedelta(days=7)
# A server that is down for a week says 502 or nothing. One that says 500 for a day chokes on this activity,
# and everything behind it in the same inbox would wait for the week to end.
CHOKED_AFTER: Final = timedelta(days=1)
# For answers that may change when a cached key or a broken proxy does, within the hour.
FEW_ATTEMPTS: Final = 6
# The strictest servers take signatures of five minutes.
CLOCKS_APART: Final = 300.0
"""Seconds from which a 401 is about the clocks, and passes when somebody sets the wrong one."""

_COME_AGAIN: Final = frozenset({401, 403, 408, 421, 425, 429})


class Result(Struct):
    """What came of one attempt: an answer, or why there is none. Neither: it was not tried."""

    claimed: Claimed
    answer: Answer | None = None
    error: str | None = None
    is_forbidden: bool = False
    why: str = "garbled"

    @property
    def is_sent(self) -> bool:
        return self.answer is not None and 200 <= self.answer.status < 300

    @property
    def is_untried(self) -> bool:
        return self.answer is None and self.error is None

    @property
    def is_failure_of_host(self) -> bool:
        """Whether the server is down, rather than unwilling."""
        if self.answer is None:
            return self.error is not None and not self.is_forbidden
        return self.answer.status >= 500

    @property
    def is_unwilling(self) -> bool:
        """Whether the server does not want it as things stand, though it may soon."""
        if self.answer is None:
            return self.is_forbidden
        if self.answer.status == 401:
            return abs(self.answer.ahead or 0.0) < CLOCKS_APART
        return self.answer.status < 400 or self.answer.status == 403


def delivery(
    result: Result, *, now: datetime, first_retry: timedelta, chance: Callable[[], float] = random.random
) -> Retry | End | None:
    """What becomes of a row; None where it was delivered. `chance` gives numbers from 0 to 1."""
    claimed, answer = result.claimed, result.answer
    if result.is_sent:
        return None
    if result.is_untried:
        return Retry(claimed, claimed.attempts, now, None, None)
    attempts, age = claimed.attempts + 1, now - claimed.created_at
    status = answer.status if answer else None
    error = f"answered {status}" if status else result.error or ""
    if status in (404, 410):
        return End(claimed, attempts, status, error, is_inbox=True)
    is_final = status is not None and 400 <= status < 500 and status not in _COME_AGAIN
    if (
        is_final
        or (result.is_unwilling and attempts >= FEW_ATTEMPTS)
        or (status == 500 and age >= CHOKED_AFTER)
        or age >= GIVEN_UP_AFTER
    ):
        return End(claimed, attempts, status, error)
    pause = pause_before(attempts, first_retry, chance)
    if answer and answer.retry_after is not None:
        pause = max(pause, timedelta(seconds=answer.retry_after))
    return Retry(claimed, attempts, now + pause, status, error)


def pause_before(
    attempts: int, first_retry: timedelta, chance: Callable[[], float] = random.random
) -> timedelta:
    """The pause after so many attempts: doubling, give or take a half so that no two queues march in step."""
    usual: timedelta = min(first_retry * 2 ** min(attempts - 1, 20), LONGEST_RETRY)
    return usual * (0.5 + chance())


def host(
    name: str, fallen: Sequence[Result], *, before: int, now: datetime, first_pause: timedelta
) -> Failure:
    """What a host has come to after these failures, having failed `before` times in a row already."""
    # Those that were under way together when it fell are one failure beyond the first pause, not many.
    failures = max(min(before + len(fallen), FAILING_AT), before + 1)
    paused_until = None
    if failures >= FAILING_AT:
        paused_until = now + min(first_pause * 2 ** min(failures - FAILING_AT, 20), LONGEST_PAUSE)
    answer = fallen[-1].answer
    error = f"answered {answer.status}" if answer else fallen[-1].error or ""
    return Failure(name, failures, paused_until, error, str(answer.status) if answer else fallen[-1].why)

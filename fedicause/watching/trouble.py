"""What is in the way, for whoever looks after the instance, and which of it needs somebody."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from msgspec import Struct

from fedicause.instance import Instance
from fedicause.watching.state import State
from storage import failures
from storage.failures import GivenUp, Lost, Silent

LATELY: Final = timedelta(days=7)
OVERDUE: Final = timedelta(minutes=10)
LETTERS_OVERDUE: Final = timedelta(minutes=30)
WEBHOOKS_OVERDUE: Final = timedelta(hours=1)
BACKUP_EVERY: Final = timedelta(days=2)
SMALL_DISK: Final = 2 * 1024**3
LEAST_DISK: Final = 0.05
# Fewer servers may well be down at a time.
MANY_HOSTS: Final = 5
LISTED: Final = 50

Wrong = Literal["no_worker", "letters", "no_mail", "network", "disk", "no_backup", "old_backup", "webhooks"]


class Slow(Struct, frozen=True):
    """A request that took long; `number` is what the log knows it by."""

    at: datetime
    method: str
    route: str
    status: int
    seconds: float
    number: str


class Trouble(Struct, frozen=True):
    """`hosts` are those for which most waits, of `failing` that did not answer last; `wrong` what to do."""

    hosts: Sequence[Silent]
    failing: int
    given_up: Sequence[GivenUp]
    letters: Sequence[Lost]
    slow: Sequence[Slow]
    wrong: Sequence[Wrong]


async def read(instance: Instance, state: State) -> Trouble:
    """What there is of late."""
    since = state.now - LATELY
    async with instance.database.reading() as session:
        hosts = await failures.silent(session, now=state.now, limit=LISTED)
        failing, unreached = await failures.failing(session)
        given_up = await failures.given_up(session, since=since, limit=LISTED)
        letters = await failures.letters(session, since=since, limit=LISTED)
    wrong = _queues(instance, state, letters)
    if failing >= MANY_HOSTS and unreached == failing:
        wrong.append("network")
    wrong += _machine(state)
    return Trouble(hosts, failing, given_up, letters, _slow(state), wrong)


def _queues(instance: Instance, state: State, letters: Sequence[Lost]) -> list[Wrong]:
    def is_late(name: str, by: timedelta) -> bool:
        first = state.queues[name].next_at
        return first is not None and state.now - first > by

    wrong: list[Wrong] = []
    is_worked = any(each.is_alive and each.role != "web" for each in state.processes)
    if not is_worked and any(is_late(name, OVERDUE) for name in state.queues):
        wrong.append("no_worker")
    refused = [each for each in letters if each.outcome is None]
    oldest = state.queues["letters"].since
    if refused and oldest is not None and state.now - oldest > LETTERS_OVERDUE:
        wrong.append("letters")
    if instance.settings.smtp is None and not instance.settings.dev:
        wrong.append("no_mail")
    told = state.queues["webhooks"].since
    if told is not None and state.now - told > WEBHOOKS_OVERDUE:
        wrong.append("webhooks")
    return wrong


def _machine(state: State) -> list[Wrong]:
    wrong: list[Wrong] = []
    if state.disk_free < SMALL_DISK or state.disk_free < LEAST_DISK * state.disk_total:
        wrong.append("disk")
    if state.backup_at is None:
        wrong.append("no_backup")
    elif state.now - state.backup_at > BACKUP_EVERY:
        wrong.append("old_backup")
    return wrong


def _slow(state: State) -> list[Slow]:
    found = [
        _slow_one(each)
        for process in state.processes
        for each in process.report.get("slow", ())
        if isinstance(each, Mapping)
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)[:LISTED]


def _slow_one(told: Mapping[str, Any]) -> Slow:
    at = datetime.fromtimestamp(told["at"] / 1000, UTC)
    return Slow(
        at, told["method"], told["route"], int(told["status"]), float(told["seconds"]), told["request"]
    )

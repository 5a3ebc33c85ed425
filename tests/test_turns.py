"""Work that is for all is done by one of several processes, and by another one when that is gone."""

from datetime import timedelta

import pytest

from fedicause import turns
from fedicause.instance import Instance
from fedicause.turns import Turn
from tests.clock import Clock

EVERY = timedelta(minutes=10)

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


def processes(done: list[str], *, is_clocked: bool) -> tuple[Turn, Turn]:
    """The same work as two processes know it; each says that it was the one."""

    def turn(name: str) -> Turn:
        async def step() -> None:
            done.append(name)

        return Turn("compare", step, EVERY, is_clocked)

    return turn("one"), turn("other")


async def test_a_turn_is_kept_until_its_holder_stops_or_is_gone(instance: Instance, clock: Clock) -> None:
    done: list[str] = []
    one, other = processes(done, is_clocked=False)
    for _ in range(3):
        await turns.take(instance, one)
        await turns.take(instance, other)
        clock.advance(45)
    assert done == ["one"] * 3
    # When nothing is heard of the one for a minute, the other takes over and is not disturbed
    clock.advance(60)
    await turns.take(instance, other)
    await turns.take(instance, one)
    # And when that one stops, the turn is free at once
    await turns.give_back(instance, other)
    await turns.take(instance, one)
    assert done == ["one"] * 3 + ["other", "one"]


async def test_what_goes_by_the_clock_is_done_once_for_all(instance: Instance, clock: Clock) -> None:
    done: list[str] = []
    one, other = processes(done, is_clocked=True)
    for _ in range(4):
        await turns.take(instance, other)
        await turns.take(instance, one)
        clock.advance(EVERY.total_seconds() / 2)
    assert done == ["other"] * 2

"""A crowd is let in little by little, and everything else gets its turn in between."""

import asyncio
from itertools import pairwise

from fedicause.sluice import Sluice

AT_ONCE = 8


async def _pass(sluice: Sluice, passed: list[int], number: int) -> None:
    turn = sluice.enter()
    if turn is not None:
        await turn
    passed.append(number)


async def test_who_comes_alone_waits_for_nothing() -> None:
    sluice = Sluice(AT_ONCE)
    for _ in range(3):
        assert [sluice.enter() for _ in range(AT_ONCE)] == [None] * AT_ONCE
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_crowd_goes_through_in_its_order_and_others_get_their_turn() -> None:
    sluice, passed = Sluice(AT_ONCE), list[int]()
    crowd = [asyncio.create_task(_pass(sluice, passed, number)) for number in range(100)]
    seen = [0]
    while len(passed) < len(crowd):
        await asyncio.sleep(0)
        seen.append(len(passed))
    assert passed == list(range(100))
    assert max(after - before for before, after in pairwise(seen)) == AT_ONCE


async def test_who_leaves_takes_nobodys_place() -> None:
    sluice, passed = Sluice(AT_ONCE), list[int]()
    crowd = [asyncio.create_task(_pass(sluice, passed, number)) for number in range(60)]
    await asyncio.sleep(0)
    for each in crowd[AT_ONCE:50]:
        each.cancel()
    await asyncio.wait(crowd)
    assert passed == [*range(AT_ONCE), *range(50, 60)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sluice.enter() is None, "and it is open again"

"""`python -m bench soak`: everything at once for some minutes, then the books are compared."""

import argparse
import asyncio
import random
import sys
import time
from typing import Final

import uvloop

from bench.soak import audit, caller, site
from bench.soak.audit import Finding
from bench.soak.caller import Caller
from bench.soak.faults import Faults
from bench.soak.peers import Peers, Post
from bench.soak.people import People
from bench.soak.visitors import Visitors
from fedicause import seal

SETTLED_WITHIN: Final = 340.0
"""Seconds after the last fault: leases of those who died last one minute, those of letters five."""
PEOPLE: Final = 200
"""So few that all of them are soon known: what memory grows by after that is not their keys."""
LISTENERS: Final = 80
PEERS: Final = 4


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args(arguments)
    print(f"{given.minutes:g} minutes on {given.database}, --seed {given.seed}", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_soak(given.minutes * 60, given.database, random.Random(given.seed)))
    for each in found:
        print(f"{'' if each.is_right else '!!':3}{each.what:48} {each.value}")
    wrong = sum(not each.is_right for each in found)
    print("Nothing lost, nothing twice." if not wrong else f"{wrong} of these are wrong.")
    sys.exit(1 if wrong else 0)


async def _soak(seconds: float, dialect: str, chance: random.Random) -> list[Finding]:
    peers, post = Peers(PEERS), Post()
    await peers.start()
    await post.start()
    try:
        async with (
            site.opened(dialect, chance, lambda: post.url) as opened,
            caller.session() as session,
        ):
            return await _live(opened, Caller(opened.url, session), (peers, post), seconds, chance)
    finally:
        await peers.stop()
        await post.stop()


async def _live(
    opened: site.Site, calls: Caller, elsewhere: tuple[Peers, Post], seconds: float, chance: random.Random
) -> list[Finding]:
    peers, post = elsewhere
    people = People(calls, peers, chance, PEOPLE, LISTENERS)
    visitors = Visitors(opened, calls, post, seal.load(opened.data / "secret"), chance)
    faults = Faults(opened, peers, post, chance)
    watchers = [
        *(asyncio.create_task(opened.supervise(each)) for each in opened.processes),
        asyncio.create_task(opened.watch_memory()),
    ]
    try:
        await _until_up(calls)
        await people.listen()
        until = time.monotonic() + seconds
        load = [asyncio.create_task(people.live()), asyncio.create_task(visitors.live())]
        await faults.strike(until)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        people.is_over = visitors.is_over = True
        await asyncio.gather(*load)
        print("; ".join(f"{name}: {number}" for name, number in sorted(faults.happened.items())), flush=True)
        await _settle(opened, visitors)
        found = await audit.findings(opened, people, visitors, faults)
        statuses = await opened.stop()
        found.append(Finding("how the processes ended", f"{statuses}", set(statuses) == {0}))
        if not all(each.is_right for each in found):
            site.keep(opened.data)
            print(f"its logs are in {opened.data}", flush=True)
        return found
    finally:
        await opened.stop()
        for watcher in watchers:
            watcher.cancel()


async def _until_up(calls: Caller) -> None:
    deadline = time.monotonic() + 60
    while (await calls.call("start", "GET", "/readyz"))[0] != 200:
        assert time.monotonic() < deadline, "the instance does not start"
        await asyncio.sleep(0.2)
    calls.answers.clear()
    calls.failures.clear()


async def _settle(opened: site.Site, visitors: Visitors) -> None:
    began = time.monotonic()
    await visitors.settle()
    while time.monotonic() - began < SETTLED_WITHIN:
        if (await audit.look(opened)).is_settled:
            break
        await asyncio.sleep(0.5)
    print(f"settled after {time.monotonic() - began:.0f} s", flush=True)
    await asyncio.sleep(2.5)

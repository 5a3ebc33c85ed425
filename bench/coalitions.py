"""What coalitions cost: merging many partners, estimating people, and reading support however many signed."""

import asyncio
import os
import secrets
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from bench import instance
from federation import hyperloglog, keys, proofs, sketches, tallies
from federation.rosters import Roster
from federation.tallies import Tally
from fedicause import support
from fedicause.coalition.book import Book
from fedicause.urls import Urls
from storage import coalitions, signatures
from storage.coalition_models import Coalition
from storage.database import Database
from storage.models import Campaign

PARTNERS = 200
SIGNERS_EACH = 20_000
OVERLAP = 0.25
FEW, MANY = 1_000, 1_000_000
AT_ONCE = 20_000
READS = 200

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
CAMPAIGN = "https://a.example/actors/forest"


def merging() -> float:
    """Milliseconds to take up, add up and estimate what 200 verified partners say, from nothing."""
    told = [_tally(number) for number in range(PARTNERS)]
    roster = Roster(
        "https://a.example/campaigns/forest/partners",
        CAMPAIGN,
        1,
        tuple(tally.author for tally in told),
        NOW,
        "z",
        {},
    )
    sketched = [sketches.grown(None, (os.urandom(32) for _ in range(SIGNERS_EACH))) for _ in range(20)]
    # As they are kept when they come.
    kept = [hyperloglog.normal(value) for value in sketched]
    values = [kept[number % len(kept)] for number in range(PARTNERS)]
    sketches.estimate(values[:2])
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        book = Book(roster)
        for tally in told:
            book.hear(tally)
        total = sum(tally.signatures for tally in book.counted().values())
        sketches.estimate(values)
        taken.append((time.perf_counter() - began) * 1000)
        assert total == PARTNERS * SIGNERS_EACH
    return statistics.median(taken)


def estimation() -> float:
    """By how many percent the estimate is off: five partners of 20,000, a quarter of them shared."""
    shared = [os.urandom(32) for _ in range(int(SIGNERS_EACH * OVERLAP))]
    values, people = [], {*shared}
    for _ in range(5):
        own = [os.urandom(32) for _ in range(SIGNERS_EACH - len(shared))]
        people.update(own)
        values.append(sketches.grown(None, [*shared, *own]))
    return abs(sketches.estimate(values).people / len(people) - 1) * 100


def reading() -> tuple[float, float]:
    """Microseconds to read the support of a campaign with few signatures, and with many."""
    with instance.bench() as bench:
        bench.run("sign", "call0", "--count", str(FEW))
        few = asyncio.run(_read(bench.data))
        asyncio.run(sign(bench.data, MANY - FEW))
        many = asyncio.run(_read(bench.data))
    return few, many


async def _read(data: Path) -> float:
    database = Database(f"sqlite:///{data / 'fedicause.db'}")
    urls, taken = Urls("http://127.0.0.1"), []
    try:
        for _ in range(READS):
            async with database.reading() as session:
                campaign = (await session.scalars(select(Campaign))).one()
                began = time.perf_counter()
                found = await support.of_campaign(session, urls, campaign, NOW)
                taken.append((time.perf_counter() - began) * 1e6)
        assert found["signatures"] >= FEW
    finally:
        await database.close()
    return statistics.median(taken)


async def sign(data: Path, number: int) -> None:
    """Adds confirmed signatures to the only campaign, past the form."""
    database = Database(f"sqlite:///{data / 'fedicause.db'}")
    try:
        for _ in range(0, number, AT_ONCE):
            async with database.writing() as session:
                coalition = (await session.scalars(select(Coalition))).one()
                given = {os.urandom(32): secrets.choice(("DE", "FR", "IT")) for _ in range(AT_ONCE)}
                await signatures.add(session, coalition.id, given, serial=coalition.serial, now=NOW)
                serial = coalition.serial + len(given)
                moved = {"DE": AT_ONCE - 2, "FR": 1, "IT": 1}
                await signatures.move(session, coalition.id, moved, serial=serial, now=NOW)
        async with database.reading() as session:
            assert (await coalitions.every(session))[0].signatures >= MANY - AT_ONCE
    finally:
        await database.close()


def _tally(number: int) -> Tally:
    author = f"https://p{number}.example/actors/ally"
    unsigned = tallies.build(
        id=f"https://p{number}.example/campaigns/forest@a.example/tally",
        author=author,
        campaign=CAMPAIGN,
        epoch=1,
        version=1,
        signatures=SIGNERS_EACH,
        endorsements=0,
        countries={"DE": SIGNERS_EACH // 2, "FR": SIGNERS_EACH // 2},
        updated=NOW,
    )
    key = keys.SigningKey(f"{author}#ed25519-key", keys.generate_ed25519())
    return tallies.read(proofs.sign(unsigned, key, NOW), now=NOW)

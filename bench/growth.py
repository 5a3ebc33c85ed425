"""A campaign with a thousand endorsements and one with a million: what must cost the same with either."""

import asyncio
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select, text

from bench import instance, load, signing
from bench.crowd import Crowd
from bench.instance import Bench
from fedicause import support
from fedicause.urls import Urls
from storage import counts, local_actors
from storage.database import Database
from storage.models import Campaign

FEW: Final = 1_000
MANY: Final = 1_000_000
HOSTS: Final = 500
ROUNDS: Final = 6
A_ROUND: Final = 500
READS: Final = 100
_NUMBERS: Final = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{}) SELECT i FROM n)",
    "postgresql": "generate_series(1, {}) AS n(i)",
}


@dataclass(frozen=True)
class Grown:
    """The same with few endorsements and with many: microseconds each."""

    inbox: tuple[float, float]
    page: tuple[float, float]
    support: tuple[float, float]


def measure(databases: tuple[str, str] = ("", "")) -> Grown:
    """Two instances side by side, asked in turns, so that what else the machine does strikes both alike."""
    with ExitStack() as stack:
        both = [stack.enter_context(instance.bench(database=each)) for each in databases]
        crowd = Crowd(ROUNDS * A_ROUND, [f"http://social{each}.example" for each in range(20)])
        for bench, number in zip(both, (FEW, MANY), strict=True):
            asyncio.run(fill(bench, number))
            bench.know(crowd)
        inbox = _inbox(both, crowd)
        few, many = asyncio.run(signing.render_each(*map(signing.settings_of, both)))
        return Grown(inbox, (few, many), asyncio.run(_support(both)))


async def fill(bench: Bench, number: int) -> None:
    """Endorsements of so many people elsewhere, as rows: what the inbox would have made of their Likes."""
    database = Database(bench.database_url)
    people, hosts = (_NUMBERS[database.dialect].format(each) for each in (number, HOSTS))
    yes, no = ("1", "0") if database.dialect == "sqlite" else ("true", "false")
    async with database.writing() as session:
        subject = await local_actors.by_name(session, "call0")
        assert subject is not None
        for statement in (
            f"""INSERT INTO hosts (id, name, first_seen_at, failures)
                SELECT 1000 + i, 'h' || i || '.example', 0, 0 FROM {hosts}""",  # noqa: S608
            f"""INSERT INTO actors (id, uri, host_id, type, handle, name, inbox, first_seen_at, fetched_at)
                SELECT 100000 + i, 'https://h' || (1 + i % {HOSTS}) || '.example/users/' || i,
                       1001 + i % {HOSTS}, 'Person', 'u' || i, '',
                       'https://h' || (1 + i % {HOSTS}) || '.example/inbox', 0, 0 FROM {people}""",  # noqa: S608
            f"""INSERT INTO registers (subject_id, kind, actor_id, present, held, signed_at, activity_uri)
                SELECT {subject.id}, 'endorsement', 100000 + i, {yes}, {no}, 1, 'https://h.example/' || i
                FROM {people}""",  # noqa: S608
        ):
            await session.execute(text(statement))
        await counts.move(session, {subject.id: {"endorsements": number}}, datetime.now(UTC))
    async with database.writing() as session:
        if database.dialect == "postgresql":
            # Past the rows that were given their keys above.
            await session.execute(text("SELECT setval('hosts_id_seq', 10000)"))
            await session.execute(text(f"SELECT setval('actors_id_seq', {100_000 + 2 * number})"))
        await session.execute(text("ANALYZE"))
    await database.close()


def _inbox(both: list[Bench], crowd: Crowd) -> tuple[float, float]:
    taken: list[list[float]] = [[], []]
    with ExitStack() as stack:
        for bench in both:
            stack.enter_context(bench.serving("--no-work"))
        for round in range(ROUNDS):
            people = range(round * A_ROUND, (round + 1) * A_ROUND)
            for bench, times in zip(both, taken, strict=True):
                likes = crowd.likes(bench.url, "call0", people)
                times.append(1e6 / load.send(bench.port, likes, connections=128).expect("202").rate)
    # The first round finds everything cold.
    few, many = (statistics.median(times[1:]) for times in taken)
    return few, many


async def _support(both: list[Bench]) -> tuple[float, float]:
    urls, taken = Urls("http://127.0.0.1"), [[0.0][:0], [0.0][:0]]
    databases = [Database(bench.database_url) for bench in both]
    for _ in range(READS):
        for database, times in zip(databases, taken, strict=True):
            async with database.reading() as session:
                campaign = (await session.scalars(select(Campaign))).one()
                began = time.perf_counter()
                found = await support.of_campaign(session, urls, campaign, datetime.now(UTC))
                times.append((time.perf_counter() - began) * 1e6)
            assert found["endorsements"] >= FEW
    for database in databases:
        await database.close()
    few, many = map(statistics.median, taken)
    return few, many

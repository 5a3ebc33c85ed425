"""One, two and four processes on one PostgreSQL: what more of them bring, beside what the machine can do.

Where the database, the load and the other servers share two cores with them, a curve that is flat from two on
is what can be expected.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import select

from bench import audience, instance, limits, load, postgres, signing
from bench.crowd import Crowd
from bench.elsewhere import Elsewhere
from bench.instance import Bench
from storage.database import Database
from storage.models import Counts, LocalActor
from tests.postgres import Cluster

NUMBERS: Final = (1, 2, 4)
PEOPLE: Final = 1000
CALLS: Final = 3
FORMS: Final = 1000
READS: Final = 8000
INBOXES: Final = 1000
DEAD: Final = 100
CONNECTIONS: Final = 128
WITHIN: Final = 120.0

Made = TypeVar("Made")


def inbox(cluster: Cluster) -> Iterator[tuple[int, float, float]]:
    """Durable signed Likes in a second of people whose keys are known, by the number of processes.

    All of one campaign at a time. Beside each the verifications that one core can do just then.
    """
    for number in NUMBERS:
        warm = [f"warm{each}" for each in range(number)]
        hot = [f"hot{each}" for each in range(CALLS)]
        with _bench(cluster, [*warm, *hot]) as bench:
            crowd = Crowd(PEOPLE, [f"http://social{each}.example" for each in range(20)])
            bench.know(crowd)
            with bench.processes(serving=number) as ports:
                for slug, port in zip(warm, ports, strict=True):
                    load.send(port, crowd.likes(bench.url, slug, range(PEOPLE))).expect("202")
                requests = [like for slug in hot for like in crowd.likes(bench.url, slug, range(PEOPLE))]
                result = load.send(ports, requests, connections=CONNECTIONS).expect("202")
            assert asyncio.run(_endorsements(bench, hot)) == {PEOPLE}
        yield number, result.rate, limits.verifications(0.5)


async def _endorsements(bench: Bench, slugs: list[str]) -> set[int]:
    database = Database(bench.database_url)
    async with database.reading() as session:
        counted = select(Counts.endorsements).join(LocalActor, LocalActor.id == Counts.subject_id)
        found = set(await session.scalars(counted.where(LocalActor.name.in_(slugs))))
    await database.close()
    return found


def forms(cluster: Cluster) -> Iterator[tuple[int, float, float]]:
    """Forms taken in a second, each a pending signature and its letter; beside them durable commits."""

    def measure(bench: Bench, ports: list[int]) -> float:
        sent = asyncio.run(signing.forms_of(bench, signing.settings_of(bench), range(FORMS)))
        return load.send(ports, sent, connections=CONNECTIONS).expect("303").rate

    for number in NUMBERS:
        yield number, _serving(cluster, number, measure), postgres.commits(cluster, 0.5)


def reading(cluster: Cluster, path: str, accept: str) -> Iterator[tuple[int, float, float]]:
    """Answers in a second; beside them those of one process of aiohttp that does nothing."""

    def measure(bench: Bench, ports: list[int]) -> float:
        asked = load.get(bench.port, path, accept)
        load.send(ports, [asked] * 400).expect("200")
        return load.send(ports, [asked] * READS).expect("200").rate

    for number in NUMBERS:
        bare = limits.aiohttp_requests(instance.free_port(), READS)
        yield number, _serving(cluster, number, measure), bare


def delivery(cluster: Cluster) -> Iterator[tuple[int, float, float]]:
    """Deliveries in a second, every tenth inbox dead; beside them signing and a bare POST."""
    for number in NUMBERS:
        elsewhere = Elsewhere(servers=20)
        dead = [f"http://127.0.0.1:{instance.free_port()}" for _ in range(10)]
        with _bench(cluster, ["call0"]) as bench, elsewhere.serving():
            alive = INBOXES - DEAD
            audience.follow(bench, "call0", Crowd(alive, elsewhere.origins), Crowd(DEAD, dead))
            with bench.processes(working=number):
                time.sleep(4)  # until they wait for work
                rate = drained(bench, elsewhere, alive)
        bare = limits.aiohttp_requests(instance.free_port(), READS)
        yield number, rate, 1 / (1 / limits.signatures(0.5) + 1 / bare)


def drained(bench: Bench, elsewhere: Elsewhere, alive: int) -> float:
    """Posts news; how many deliveries a second there were from the first to the last of so many."""
    (bench.data / "news.md").write_text("---\ntitle: News from the hill\n---\nThe oaks stand.\n")
    elsewhere.heard.value = 0
    posting = bench.begin("campaign", "update", "call0", str(bench.data / "news.md"))
    deadline = time.monotonic() + WITHIN
    while elsewhere.heard.value == 0 and time.monotonic() < deadline:
        time.sleep(0.001)
    began = time.perf_counter()
    while elsewhere.heard.value < alive and time.monotonic() < deadline:
        time.sleep(0.001)
    taken = time.perf_counter() - began
    assert posting.wait(60) == 0
    assert elsewhere.heard.value >= alive, f"{elsewhere.heard.value} of {alive} inboxes heard it"
    return alive / taken


def _serving(cluster: Cluster, number: int, measure: Callable[[Bench, list[int]], Made]) -> Made:
    with _bench(cluster, ["call0"]) as bench, bench.processes(serving=number) as ports:
        return measure(bench, ports)


@contextmanager
def _bench(cluster: Cluster, slugs: list[str]) -> Iterator[Bench]:
    name = cluster.create()
    try:
        with instance.bench(slugs, database=cluster.url(name)) as bench:
            yield bench
    finally:
        cluster.drop(name)

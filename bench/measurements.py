"""What is measured, one function each: what came out beside the limit that it is held against."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bench import (
    audience,
    coalitions,
    growth,
    instance,
    limits,
    load,
    postgres,
    processes,
    signing,
)
from bench.crowd import Crowd
from bench.elsewhere import Elsewhere

COLD = 1500
WARM_PEOPLE = 1000
WARM_CALLS = 6
ROUNDS = 3
INBOXES = 5000
DEAD = 500
MANY = 100_000
SETTLED = 6
"""Seconds after which each round of the worker has begun."""


@dataclass(frozen=True)
class Line:
    """One row of the table. `ratio` is to `limit`; `wanted` is what was promised of it, if anything was."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    limit: str = ""
    wanted: str = ""


@dataclass(frozen=True)
class Limits:
    verifications: float
    signatures: float
    idle: float

    def lines(self) -> list[Line]:
        return [
            Line("RSA-2048 verifications, one core", self.verifications, "/s"),
            Line("RSA-2048 signatures, one core", self.signatures, "/s"),
            Line("aiohttp doing nothing", self.idle, "/s"),
        ]


def measure_limits() -> Limits:
    return Limits(limits.verifications(), limits.signatures(), limits.aiohttp_requests(instance.free_port()))


def support(bench: instance.Bench, slug: str) -> int:
    with urllib.request.urlopen(f"{bench.address}/api/campaigns/{slug}/support") as answer:  # noqa: S310
        total: int = json.load(answer)["endorsements"]
        return total


def warm_likes(found: Limits) -> list[Line]:
    """Durable signed Likes of people whose keys are known: one Like each for every campaign.

    Other machines share the cores: of several rounds, each beside its own limit, the middle one is told.
    """
    slugs = [f"call{number}" for number in range(1 + ROUNDS * WARM_CALLS)]
    with instance.bench(slugs, dev=False) as bench:
        crowd = Crowd(WARM_PEOPLE, [f"http://social{number}.example" for number in range(20)])
        bench.know(crowd)
        people = range(WARM_PEOPLE)
        with bench.serving():
            load.send(bench.port, crowd.likes(bench.url, slugs[0], people)).expect("202")
            rounds = []
            for start in range(1, len(slugs), WARM_CALLS):
                part = slugs[start : start + WARM_CALLS]
                requests = [like for slug in part for like in crowd.likes(bench.url, slug, people)]
                before = limits.verifications()
                result = load.send(bench.port, requests, connections=256).expect("202")
                rounds.append((result.rate / ((before + limits.verifications()) / 2), result.rate))
            assert {support(bench, slug) for slug in slugs} == {WARM_PEOPLE}
    ratio, rate = sorted(rounds)[len(rounds) // 2]
    return [Line("durable signed Likes, warm keys", rate, "/s", ratio, "RSA verifications", "≥ 0.12")]


def cold_likes(found: Limits) -> list[Line]:
    """Durable signed Likes of people never seen before: each costs a signed fetch of their actor."""
    elsewhere = Elsewhere(servers=10)
    crowd = Crowd(COLD, elsewhere.origins)
    with instance.bench() as bench, elsewhere.serving(crowd):
        requests = crowd.likes(bench.url, "call0", range(COLD))
        with bench.serving():
            result = load.send(bench.port, requests, connections=64).expect("202")
            deadline = time.monotonic() + 60
            while support(bench, "call0") < COLD and time.monotonic() < deadline:
                time.sleep(0.1)
            assert support(bench, "call0") == COLD, "some are not counted after a minute"
    return [
        Line(
            "durable signed Likes, cold keys",
            result.rate,
            "/s",
            result.rate / found.signatures,
            "RSA signatures",
        )
    ]


def reading(found: Limits) -> list[Line]:
    """The campaign page and its count, as browsers ask for them."""
    lines = []
    with instance.bench() as bench, bench.serving():
        for what, path, accept in (
            ("campaign page", "/campaigns/call0", "text/html"),
            ("count JSON", "/api/campaigns/call0/support", "application/json"),
            ("directory", "/", "text/html"),
        ):
            asked = load.get(bench.port, path, accept)
            load.send(bench.port, [asked] * 500).expect("200")
            result = load.send(bench.port, [asked] * 20_000).expect("200")
            wanted = "" if what == "directory" else "≥ 0.30"
            lines.append(Line(what, result.rate, "/s", result.rate / found.idle, "aiohttp", wanted))
    return lines


def deliveries(found: Limits) -> list[Line]:
    """An update to 5,000 inboxes of which every tenth is dead: until the living have it."""
    elsewhere = Elsewhere(servers=20)
    dead = [f"http://127.0.0.1:{instance.free_port()}" for _ in range(20)]
    with instance.bench() as bench, elsewhere.serving():
        alive = INBOXES - DEAD
        audience.follow(bench, "call0", Crowd(alive, elsewhere.origins), Crowd(DEAD, dead))
        with bench.serving():
            time.sleep(3)
            rate = processes.drained(bench, elsewhere, alive)
    bare = 1 / (1 / found.signatures + 1 / found.idle)
    return [
        Line(
            f"deliveries to {INBOXES:,} inboxes, {DEAD} dead",
            rate,
            "/s",
            rate / bare,
            "signing + bare POST",
            "≥ 0.50",
        )
    ]


def many_processes(found: Limits) -> Iterator[Line]:
    """One, two and four processes on one PostgreSQL."""
    with postgres.running() as cluster:
        yield Line("durable commits on PostgreSQL, one row each", postgres.commits(cluster), "/s")
        page = (cluster, "/campaigns/call0", "text/html")
        count = (cluster, "/api/campaigns/call0/support", "application/json")
        for what, measured, limit in (
            ("Likes", processes.inbox(cluster), "RSA verifications"),
            ("forms", processes.forms(cluster), "commits"),
            ("pages", processes.reading(*page), "aiohttp"),
            ("counts", processes.reading(*count), "aiohttp"),
            ("deliveries", processes.delivery(cluster), "signing + bare POST"),
        ):
            for number, rate, beside in measured:
                many = "process" if number == 1 else "processes"
                yield Line(f"{what}, {number} {many}", rate, "/s", rate / beside, limit)


def grown(found: Limits) -> list[Line]:
    """The same things of a campaign with few endorsements and of one with many."""
    return _growth("SQLite", growth.measure())


def grown_beside_others(found: Limits) -> list[Line]:
    """The same on PostgreSQL."""
    with postgres.running() as cluster:
        few, many = (cluster.url(cluster.create()) for _ in range(2))
        return _growth("PostgreSQL", growth.measure((few, many)))


def _growth(database: str, measured: growth.Grown) -> list[Line]:
    lines = []
    for what, (few, many) in (
        ("a Like", measured.inbox),
        ("the page, rendered", measured.page),
        ("support, read", measured.support),
    ):
        lines.append(Line(f"{what}, of 1,000 endorsements ({database})", few, " µs"))
        lines.append(Line(f"{what}, of 1,000,000 ({database})", many, " µs", many / few, "of 1,000", "< 1.2"))
    return lines


def memory(found: Limits) -> list[Line]:
    """The server's memory when nothing happens, and after many endorsements."""
    crowd = Crowd(MANY, [f"http://social{number}.example" for number in range(50)], algorithm="ed25519")
    with instance.bench(dev=False) as bench:
        bench.know(crowd)
        with bench.serving():
            time.sleep(SETTLED)
            idle = bench.memory()
            requests = crowd.likes(bench.url, "call0", range(MANY))
            load.send(bench.port, requests, connections=128).expect("202")
            assert support(bench, "call0") == MANY
            after = bench.memory()
    return [
        Line("memory, idle", idle, " MB", wanted="< 90"),
        Line(f"memory after {MANY:,} endorsements", after, " MB"),
    ]


def coalition(found: Limits) -> list[Line]:
    """Many partners merged, people estimated, support read with few and with many signatures."""
    few, many = coalitions.reading()
    return [
        Line(
            f"merging {coalitions.PARTNERS} tallies and sketches", coalitions.merging(), " ms", wanted="< 50"
        ),
        Line("estimate of 5 x 20,000, a quarter shared, off", coalitions.estimation(), " %", wanted="< 3"),
        Line("support of 1,000 signatures read", few, " µs"),
        Line("support of 1,000,000 signatures read", many, " µs", many / few, "of 1,000", "< 1.2"),
    ]


def signatures(found: Limits) -> list[Line]:
    """People who sign by the form and confirm, and the page of a campaign with few and with many of them."""
    commits = signing.commits()
    taken, confirmed = signing.signing()
    few, many = signing.pages()
    return [
        Line("durable commits, one row each", commits, "/s"),
        Line("signatures by the form, and letters", taken, "/s", taken / commits, "commits", "≥ 300/s"),
        Line("confirmations", confirmed, "/s", confirmed / commits, "commits", "≥ 300/s"),
        Line("page of 1,000 signatures rendered", few, " µs"),
        Line("page of 1,000,000 signatures rendered", many, " µs", many / few, "of 1,000", "< 1.2"),
    ]


ALL: dict[str, Callable[[Limits], Iterable[Line]]] = {
    "coalition": coalition,
    "signing": signatures,
    "inbox": warm_likes,
    "cold": cold_likes,
    "reading": reading,
    "delivery": deliveries,
    "memory": memory,
    "processes": many_processes,
    "growth": grown,
    "growth-postgresql": grown_beside_others,
}

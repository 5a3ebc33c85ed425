"""What is measured, one function each: what came out beside the limit that it is held against."""

import json
import sqlite3
import time
import urllib.request
from dataclasses import dataclass
from itertools import count

from bench import coalitions, instance, limits, load, signing
from bench.crowd import Crowd
from bench.elsewhere import Elsewhere

COLD = 1500
WARM_PEOPLE = 1000
WARM_CALLS = 12
INBOXES = 1000
DEAD = 100
DELIVERED_WITHIN = 120.0
MANY = 100_000


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
    with urllib.request.urlopen(f"{bench.url}/api/campaigns/{slug}/support") as answer:  # noqa: S310
        total: int = json.load(answer)["endorsements"]
        return total


def warm_likes(found: Limits) -> list[Line]:
    """Durable signed Likes of people whose keys are known: one Like each for every campaign."""
    slugs = [f"call{number}" for number in range(WARM_CALLS)]
    with instance.bench(slugs) as bench:
        crowd = Crowd(WARM_PEOPLE, [f"http://social{number}.example" for number in range(20)])
        bench.know(crowd)
        people = range(WARM_PEOPLE)
        with bench.serving():
            load.send(bench.port, crowd.likes(bench.port, slugs[0], people)).expect("202")
            requests = [like for slug in slugs[1:] for like in crowd.likes(bench.port, slug, people)]
            result = load.send(bench.port, requests, connections=256).expect("202")
            assert {support(bench, slug) for slug in slugs} == {WARM_PEOPLE}
    beside = limits.verifications()
    return [
        Line(
            "durable signed Likes, warm keys",
            result.rate,
            "/s",
            result.rate / ((found.verifications + beside) / 2),
            "RSA verifications",
            "≥ 0.12",
        )
    ]


def cold_likes(found: Limits) -> list[Line]:
    """Durable signed Likes of people never seen before: each costs a signed fetch of their actor."""
    elsewhere = Elsewhere(servers=10)
    crowd = Crowd(COLD, elsewhere.origins)
    with instance.bench() as bench, elsewhere.serving(crowd):
        requests = crowd.likes(bench.port, "call0", range(COLD))
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
    """An update to 1,000 inboxes of which every tenth is dead: until the living have it."""
    elsewhere, dead = Elsewhere(servers=20), f"http://127.0.0.1:{instance.free_port()}"
    with instance.bench() as bench, elsewhere.serving():
        _follow(bench, elsewhere.origins, dead)
        (bench.data / "news.md").write_text("---\ntitle: News from the hill\n---\nThe oaks stand.\n")
        with bench.serving():
            time.sleep(3)
            elsewhere.heard.value = 0
            bench.run("campaign", "update", "call0", str(bench.data / "news.md"))
            seconds = _until(elsewhere, INBOXES - DEAD)
    rate = (INBOXES - DEAD) / seconds
    bare = 1 / (1 / found.signatures + 1 / found.idle)
    return [
        Line(f"deliveries to {INBOXES} inboxes, {DEAD} dead", rate, "/s", rate / bare, "signing + bare POST")
    ]


def _until(elsewhere: Elsewhere, wanted: int) -> float:
    """Seconds from the first delivery to the last one wanted."""
    deadline = time.monotonic() + DELIVERED_WITHIN
    while elsewhere.heard.value == 0 and time.monotonic() < deadline:
        time.sleep(0.001)
    began = time.perf_counter()
    while elsewhere.heard.value < wanted and time.monotonic() < deadline:
        time.sleep(0.001)
    assert elsewhere.heard.value >= wanted, f"{elsewhere.heard.value} inboxes heard it"
    return time.perf_counter() - began


def _follow(bench: instance.Bench, alive: list[str], dead: str) -> None:
    """Followers with an inbox each, the last ones on a host where nothing listens."""
    database = sqlite3.connect(bench.data / "fedicause.db")
    subject = database.execute("SELECT id FROM local_actors WHERE name = 'call0'").fetchone()[0]
    hosts = {}
    for number, origin in enumerate([*alive, dead]):
        hosts[origin] = 1000 + number
        database.execute(
            "INSERT INTO hosts (id, name, first_seen_at, failures) VALUES (?, ?, 0, 0)",
            (hosts[origin], origin.split("/")[2]),
        )
    for number, person in zip(range(INBOXES), count(1000), strict=False):
        origin = dead if number >= INBOXES - DEAD else alive[number % len(alive)]
        uri = f"{origin}/users/u{person}"
        database.execute(
            "INSERT INTO actors (id, uri, host_id, type, handle, name, inbox, first_seen_at, fetched_at)"
            " VALUES (?, ?, ?, 'Person', 'u', 'u', ?, 0, 0)",
            (person, uri, hosts[origin], f"{uri}/inbox"),
        )
        database.execute(
            "INSERT INTO registers (subject_id, kind, actor_id, present, held, signed_at)"
            " VALUES (?, 'subscription', ?, 1, 0, 0)",
            (subject, person),
        )
    database.commit()
    database.close()


def memory(found: Limits) -> list[Line]:
    """The server's memory when nothing happens, and after many endorsements."""
    crowd = Crowd(MANY, [f"http://social{number}.example" for number in range(50)], algorithm="ed25519")
    with instance.bench() as bench:
        bench.know(crowd)
        with bench.serving():
            time.sleep(2)
            idle = bench.memory()
            requests = crowd.likes(bench.port, "call0", range(MANY))
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


ALL = {
    "coalition": coalition,
    "signing": signatures,
    "inbox": warm_likes,
    "cold": cold_likes,
    "reading": reading,
    "delivery": deliveries,
    "memory": memory,
}

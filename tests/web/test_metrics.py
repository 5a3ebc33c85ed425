"""The numbers for Prometheus, as its own parser reads them; and who may see them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families as parse

from fedicause.instance import Instance
from fedicause.watching import exposition, reporting
from fedicause.watching.exposition import Family
from fedicause.watching.meter import Meter
from storage.models import Campaign
from tests import forms
from tests.clock import Clock
from tests.conftest import Client, application
from tests.door import Door
from tests.fediverse import Fediverse
from tests.web.test_delivery import say

TOKEN = "a token of sixteen characters or more"
SECRET = "somebodys-token-that-opens-their-page-12345"
Numbers = dict[tuple[str, ...], float]


async def numbers(client: Client, **headers: str) -> Numbers:
    """Every sample: its name with the values of its labels, the process left out."""
    async with client.get("/metrics", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    found: Numbers = {}
    seen: set[tuple[object, ...]] = set()
    for family in parse(text):
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        for sample in family.samples:
            exactly = (sample.name, *sample.labels.items())
            assert exactly not in seen
            seen.add(exactly)
            labels = {name: value for name, value in sample.labels.items() if name not in {"process", "role"}}
            key = (sample.name.removeprefix("fedicause_"), *labels.values())
            found[key] = sample.value
    return found


async def test_what_happened_is_in_the_numbers(
    client: Client, instance: Instance, fediverse: Fediverse, campaign: Campaign, clock: Clock
) -> None:
    bob = await (await fediverse.server()).person("bob")
    liked = await bob.like("https://ours.test/campaigns/forest")
    assert liked.status == 202
    await forms.post(client, "/inbox", {"not": "json"})
    async with client.post("/inbox", json={"type": "Like"}) as answer:
        assert answer.status == 400
    await forms.get(client, f"/me/{SECRET}")
    await forms.get(client, "/nothing/of/the/kind")
    await say(instance, "call", ["https://elsewhere.test/inbox", "https://gone.test/inbox"])
    clock.advance(90)
    found = await numbers(client)
    assert found["inbox_total", "taken"] == 1
    assert found["inbox_total", "malformed"] == found["inbox_total", "media_type"] == 1
    assert found["requests_total", "POST", "/actors/{name}/inbox", "202"] == 1
    assert found["requests_total", "GET", "/me/{token}", "404"] == 1
    assert found["requests_total", "", "an unknown address", "404"] == 1
    assert found["request_seconds_count", "POST", "/inbox"] == 2
    assert found["request_seconds_bucket", "POST", "/inbox", "+Inf"] == 2
    assert found["group_commit_size_count", "inbox"] == 2
    assert found["queue_waiting", "deliveries"] == 2
    assert found["queue_oldest_seconds", "deliveries"] >= 90
    assert found["endorsements", "forest"] == 1
    assert found["signatures", "forest"] == 0
    assert found["disk_free_bytes",] > 1e6
    assert found["database_bytes",] > 10_000
    assert found["resident_memory_bytes",] > 10e6
    assert found["up",] == 1
    assert SECRET not in str(found)


async def test_every_process_is_in_the_numbers_of_each(
    client: Client, instance: Instance, clock: Clock
) -> None:
    """A worker has no address of its own: it says in a row what it counts."""
    worker = replace(instance, meter=Meter())
    worker.meter.role, worker.meter.name = "work", "elsewhere:7"
    worker.meter.count("deliveries", "sent", 7)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(reporting.run(worker, stop))
        async with asyncio.timeout(5):
            while ("deliveries_total", "sent") not in (found := await numbers(client)):
                clock.advance(1)
        assert found["deliveries_total", "sent"] == 7
        stop.set()
    clock.advance(2)
    assert ("deliveries_total", "sent") not in await numbers(client)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        # As Caddy, nginx and others ask on behalf of the world.
        ({"X-Forwarded-For": "203.0.113.7"}, 403),
        ({"Forwarded": "for=203.0.113.7"}, 403),
        ({"Via": "1.1 proxy"}, 403),
        ({"Host": "ours.test"}, 403),
        ({"Host": "rebound.example:8000"}, 403),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
async def test_only_this_machine_reads_them(client: Client, headers: dict[str, str], status: int) -> None:
    async with client.get("/metrics", headers=headers) as answer:
        assert answer.status == status
        assert ("fedicause_build_info" in await answer.text()) == (status == 200)


@pytest.fixture
async def with_token(instance: Instance) -> AsyncIterator[Client]:
    given = replace(instance, settings=replace(instance.settings, metrics_token=TOKEN))
    async with TestClient(Door(application(given))) as opened:
        yield opened


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_with_a_token_whoever_shows_it_reads_them(with_token: Client) -> None:
    proxied = {"X-Forwarded-For": "203.0.113.7", "Host": "ours.test"}
    for shown, status in {
        "": 401,
        TOKEN: 401,
        f"Bearer {TOKEN[:-1]}": 401,
        f"Basic {TOKEN}": 401,
        "Bearer é": 401,
        f"Bearer {TOKEN}": 200,
    }.items():
        for headers in ({}, proxied):
            async with with_token.get("/metrics", headers={**headers, "Authorization": shown}) as answer:
                assert answer.status == status, shown


def test_labels_and_help_are_escaped() -> None:
    said = 'a "quoted" \\ word\nand another'
    family = Family("odd", "gauge", "Over\ntwo \\ lines.").add(1.5, of=said).add(2, of="")
    timed = Family("took", "histogram", "T.").add_histogram((0.5, 1), (1, 2, 3), 4.25, of="x")
    odd, took = parse(exposition.render([family, timed, Family("unused", "counter", "Nothing.")]))
    assert odd.documentation == "Over\ntwo \\ lines."
    assert [(each.labels["of"], each.value) for each in odd.samples] == [(said, 1.5), ("", 2)]
    assert [(each.name, each.labels.get("le"), each.value) for each in took.samples] == [
        ("took_bucket", "0.5", 1),
        ("took_bucket", "1", 3),
        ("took_bucket", "+Inf", 6),
        ("took_sum", None, 4.25),
        ("took_count", None, 6),
    ]

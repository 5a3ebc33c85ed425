"""How other servers come to show the right counts: silent Updates, to those that read them, now and then."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from fedicause import rounds
from fedicause.instance import Instance
from fedicause.web import keys
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse, Server
from tests.web.test_delivery import until, working

NOTE = "https://ours.test/campaigns/forest"

pytestmark = pytest.mark.usefixtures("campaign", "client")


def updates(server: Server) -> list[dict[str, Any]]:
    return [each["object"] for each in server.received if each["type"] == "Update"]


async def tell(instance: Instance) -> None:
    """One round of the worker's, and the deliveries that it queued."""
    await rounds.tell_progress(instance)
    async with working(instance):
        await asyncio.sleep(0.3)


async def test_mastodon_hears_the_counts_and_nobody_is_notified(
    instance: Instance, fediverse: Fediverse
) -> None:
    mastodon = await fediverse.server("mastodon.test", "mastodon")
    bob, carol = await mastodon.person("bob"), await mastodon.person("carol")
    await bob.like(NOTE)
    await carol.like(NOTE)
    await carol.announce(NOTE)
    await tell(instance)
    [note] = updates(mastodon)
    assert note["id"] == NOTE
    assert "updated" not in note
    assert (note["likes"]["totalItems"], note["shares"]["totalItems"]) == (2, 1)
    assert "200 years old" in note["content"]


async def test_servers_that_do_not_read_counts_are_left_in_peace(
    instance: Instance, fediverse: Fediverse
) -> None:
    takahe = await fediverse.server("takahe.test", "takahe")
    await (await takahe.person("bob")).like(NOTE)
    for _ in range(3):
        await tell(instance)
        fediverse.clock.advance(601)
    assert updates(takahe) == []
    # What it runs is asked once a day.
    assert takahe.fetches("/.well-known/nodeinfo") == 1


async def test_counts_are_told_at_most_once_in_ten_minutes(
    instance: Instance, fediverse: Fediverse, clock: Clock
) -> None:
    mastodon = await fediverse.server("mastodon.test", "mastodon")
    people = [await mastodon.person(name) for name in ("bob", "carol", "dave", "erin")]
    for person in people[:3]:
        await person.like(NOTE)
        await tell(instance)
    assert [note["likes"]["totalItems"] for note in updates(mastodon)] == [1]
    clock.advance(600)
    await tell(instance)
    assert [note["likes"]["totalItems"] for note in updates(mastodon)] == [1, 3]
    # Nothing new, nothing told.
    clock.advance(3600)
    await tell(instance)
    assert len(updates(mastodon)) == 2
    await people[3].like(NOTE)
    await tell(instance)
    assert [note["likes"]["totalItems"] for note in updates(mastodon)] == [1, 3, 4]


async def test_counts_that_were_not_delivered_are_replaced_by_newer_ones(
    instance: Instance, fediverse: Fediverse, clock: Clock
) -> None:
    mastodon = await fediverse.server("mastodon.test", "mastodon")
    bob, carol = await mastodon.person("bob"), await mastodon.person("carol")
    await bob.like(NOTE)
    mastodon.inbox_status = 503
    await tell(instance)
    tried = len(updates(mastodon))
    assert tried
    mastodon.inbox_status = 202
    await carol.like(NOTE)
    clock.advance(timedelta(minutes=20).total_seconds())
    await tell(instance)
    assert [note["likes"]["totalItems"] for note in updates(mastodon)[tried:]] == [2]


async def test_the_running_worker_tells_counts_by_itself(
    instance: Instance, fediverse: Fediverse, client: Client
) -> None:
    assert client.app is not None
    assert client.app[keys.INSTANCE] is instance
    mastodon = await fediverse.server("mastodon.test", "mastodon")
    bob = await mastodon.person("bob")
    async with working(instance):
        await bob.like(NOTE)
        await until(lambda: updates(mastodon))

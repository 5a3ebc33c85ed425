"""What nobody told us is found when we look again: boosts, replies and accounts that are gone."""

from datetime import timedelta

import pytest

from fedicause import rounds
from fedicause.fediverse import recheck
from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER
from storage import hosts, seen, testimonies
from storage.models import Campaign
from tests import signing
from tests.conftest import Client
from tests.fediverse import Fediverse, Server
from tests.web import counting
from tests.web.counting import NOTE

pytestmark = pytest.mark.usefixtures("campaign")


async def look(client: Client, instance: Instance, fediverse: Fediverse, days: int) -> None:
    """Somewhat later, a round of looking again."""
    assert client.app is not None
    fediverse.clock.advance(timedelta(days=days).total_seconds())
    await recheck.look_round(instance, client.app[RECEIVER])


async def runs(instance: Instance, server: Server, software: str) -> None:
    async with instance.database.writing() as session:
        await hosts.put_software(session, {server.host: software}, instance.now())


async def test_a_boost_that_mastodon_no_longer_has_is_withdrawn(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test", "mastodon")
    bob = await server.person("bob")
    await bob.announce(NOTE)
    await runs(instance, server, "mastodon")
    boost = signing.target(bob.said[-1]["id"])
    server.documents[boost] = {"@context": "https://www.w3.org/ns/activitystreams", **bob.said[-1]}
    await look(client, instance, fediverse, days=2)
    assert (await counting.support(client, fediverse))["shares"] == 1
    del server.documents[boost]
    await look(client, instance, fediverse, days=2)
    assert (await counting.support(client, fediverse))["shares"] == 0
    assert await counting.are_right(instance)


async def test_a_boost_stays_where_boosts_were_never_served(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test", "fedify")
    await (await server.person("bob")).announce(NOTE)
    await runs(instance, server, "somethingnew")
    await look(client, instance, fediverse, days=2)
    assert (await counting.support(client, fediverse))["shares"] == 1


async def test_nothing_is_asked_again_on_the_same_day(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test", "mastodon")
    bob = await server.person("bob")
    await bob.announce(NOTE)
    await bob.reply(NOTE)
    await look(client, instance, fediverse, days=2)
    asked = server.fetches()
    await look(client, instance, fediverse, days=0)
    assert server.fetches() == asked


async def test_a_reply_that_its_server_no_longer_has_is_forgotten(
    client: Client, instance: Instance, fediverse: Fediverse, campaign: Campaign
) -> None:
    server = await fediverse.server("elsewhere.test", "snac")
    bob = await server.person("bob")
    await bob.reply(NOTE)
    await look(client, instance, fediverse, days=2)
    async with instance.database.reading() as session:
        [reply] = await testimonies.waiting(session)
    del server.documents[signing.target(bob.said[-1]["object"]["id"])]
    await look(client, instance, fediverse, days=2)
    async with instance.database.reading() as session:
        assert await testimonies.waiting(session) == []
    assert reply.campaign == campaign.slug


async def test_a_server_that_is_down_takes_nothing_back(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test", "mastodon")
    bob = await server.person("bob")
    await bob.announce(NOTE)
    await bob.like(NOTE)
    await runs(instance, server, "mastodon")
    server.status = 503
    await look(client, instance, fediverse, days=40)
    found = await counting.support(client, fediverse)
    assert (found["shares"], found["endorsements"]) == (1, 1)


async def test_an_account_that_ended_unheard_has_withdrawn(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    server = await fediverse.server("elsewhere.test", "gotosocial")
    bob, carol = await server.person("bob"), await server.person("carol")
    await bob.like(NOTE)
    await carol.like(NOTE)
    server.gone.add(signing.target(bob.uri))
    await look(client, instance, fediverse, days=31)
    assert await counting.endorsements(client, fediverse) == 1


async def test_what_has_expired_is_swept_up_and_nothing_else(
    client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test")).person("bob")
    await bob.like(NOTE)
    replayed = bob.server.world.clock.now()
    await rounds.sweep_up(instance)
    async with instance.database.writing() as session:
        assert await seen.add(session, ["0" * 64], replayed + timedelta(hours=1)) == set()
        assert await seen.add(session, ["0" * 64], replayed + timedelta(hours=1)) == {"0" * 64}
    fediverse.clock.advance(timedelta(hours=2).total_seconds())
    await rounds.sweep_up(instance)
    async with instance.database.writing() as session:
        assert await seen.add(session, ["0" * 64], replayed + timedelta(hours=1)) == set()
    assert await counting.endorsements(client, fediverse) == 1

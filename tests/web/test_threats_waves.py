"""A wave of new actors waits for a moderator, who lets it count or sweeps it out; blocked hosts are mute."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from fedicause import app, moderate, rounds
from fedicause.instance import Instance
from storage.models import Campaign
from tests import databases, ours
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting

WAVE = 4
HOSTS = 50
ACTORS = 6


@pytest.fixture
async def instance(
    initialised_url: str, templates: databases.Templates, tmp_path: Path, clock: Clock, fediverse: Fediverse
) -> AsyncIterator[Instance]:
    """The usual instance, where a thousandth of the usual is a wave."""
    usual = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    assert usual.wave == 5000
    settings = replace(usual, wave=WAVE)
    async with app.open_instance(settings, now=clock.now, **fediverse.doors) as opened:
        yield opened


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("elsewhere.test")).person("bob")


async def crowd(fediverse: Fediverse, host: str, number: int) -> list[Person]:
    server = await fediverse.server(host)
    return [await server.person(f"bot{n}", algorithm="ed25519") for n in range(number)]


async def all_like(people: list[Person]) -> None:
    for start in range(0, len(people), 25):
        answers = await asyncio.gather(*(each.like(counting.NOTE) for each in people[start : start + 25]))
        assert {answer.status for answer in answers} == {202}


async def test_a_wave_from_many_hosts_is_held_swept_out_and_recounted(
    bob: Person, client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    fediverse.pace = 0.0
    assert (await bob.like(counting.NOTE)).status == 202
    bots: list[Person] = []
    for number in range(HOSTS):
        bots += await crowd(fediverse, f"s{number}.spam.test", ACTORS)
    await all_like(bots)
    assert await counting.endorsements(client, fediverse) == 1 + HOSTS * WAVE
    assert await counting.held(instance, campaign) == HOSTS * (ACTORS - WAVE)
    async with instance.database.writing() as session:
        swept = await moderate.purge(session, "spam.test", now=instance.now())
        await moderate.block(session, "spam.test", "bought accounts", now=instance.now())
    assert swept == HOSTS * ACTORS
    assert await counting.endorsements(client, fediverse) == 1
    assert await counting.held(instance, campaign) == 0
    assert await counting.are_right(instance)
    fediverse.clock.advance(6)
    assert (await bots[0].like(counting.NOTE)).status == 403
    assert await counting.endorsements(client, fediverse) == 1


async def test_what_is_held_counts_when_a_moderator_lets_it(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    people = await crowd(fediverse, "festival.test", ACTORS)
    await all_like(people)
    # Saying it again, or taking it back and saying it again, is no way around.
    for each in people:
        assert (await each.undo()).status == 202
    assert await counting.endorsements(client, fediverse) == 0
    await all_like(people)
    assert await counting.endorsements(client, fediverse) == WAVE
    assert await counting.held(instance, campaign) == ACTORS - WAVE
    async with instance.database.writing() as session:
        await moderate.release(session, "festival.test", now=instance.now())
    assert await counting.endorsements(client, fediverse) == ACTORS
    assert await counting.held(instance, campaign) == 0
    assert await counting.are_right(instance)
    for each in people:
        assert (await each.undo()).status == 202
    assert await counting.endorsements(client, fediverse) == 0


async def test_the_next_hour_is_another_one(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    people = await crowd(fediverse, "festival.test", 2 * WAVE)
    await all_like(people[: WAVE + 1])
    assert await counting.endorsements(client, fediverse) == WAVE
    fediverse.clock.advance(3600)
    await all_like(people[WAVE + 1 : WAVE + 3])
    await rounds.sweep_up(instance)
    await all_like(people[WAVE + 3 :])
    assert await counting.endorsements(client, fediverse) == WAVE + len(people[WAVE + 1 :])


async def test_moving_does_not_make_a_held_endorsement_count(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    people = await crowd(fediverse, "spam.test", WAVE + 1)
    for each in people:
        assert (await each.like(counting.NOTE)).status == 202
    new = await (await fediverse.server("haven.test")).person("bot")
    new.more = {"alsoKnownAs": [people[-1].uri]}
    new.publish()
    assert (await people[-1].move(new.uri, near=counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == WAVE
    assert await counting.are_right(instance)


async def test_a_blocked_host_and_its_subdomains_are_not_heard(
    bob: Person, client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    below = await (await fediverse.server("deep.below.elsewhere.test")).person("eve")
    other = await (await fediverse.server("notelsewhere.test")).person("carol")
    assert (await bob.announce(counting.NOTE)).status == 202
    async with instance.database.writing() as session:
        await moderate.block(session, "elsewhere.test", "spam", now=instance.now())
    fediverse.clock.advance(6)
    assert (await bob.like(counting.NOTE)).status == 403
    assert (await below.like(counting.NOTE)).status == 403
    assert below.server.asked == []
    assert (await other.like(counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == 1
    async with instance.database.writing() as session:
        await moderate.unblock(session, "elsewhere.test")
    fediverse.clock.advance(6)
    assert (await bob.like(counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == 2


async def test_one_blocked_actor_does_not_silence_the_neighbours(
    bob: Person, client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    carol = await bob.server.person("carol")
    async with instance.database.writing() as session:
        await moderate.block(session, bob.uri, "insults", now=instance.now())
    fediverse.clock.advance(6)
    assert (await bob.like(counting.NOTE)).status == 403
    assert (await carol.like(counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == 1

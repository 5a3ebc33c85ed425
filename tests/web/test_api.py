"""The public API."""

import pytest

from fedicause.instance import Instance
from storage.coalition_models import ForeignCampaign
from storage.models import Campaign
from tests.clock import Clock
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import alliances, writing

SUPPORT = "/api/campaigns/forest/support"


async def test_the_support_has_the_documented_shape(client: Client, campaign: Campaign) -> None:
    async with client.get(SUPPORT) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        support = await response.json()
    assert {
        "total",
        "endorsements",
        "signatures",
        "shares",
        "people",
        "hosts",
        "countries",
        "goal",
        "updated",
    } <= set(support)
    assert support["people"] == {"low": 0, "high": 0, "estimate": None, "error": None}
    assert (support["goal"], support["next"]) == (1000, 10)
    assert support["elsewhere"] == []
    assert support["hosts"][0]["state"] == "origin"
    assert support["hosts"][0]["organisation"] == "Friends of the Old Forest"


async def test_the_count_moves_with_endorsements_shares_and_withdrawals(
    client: Client, fediverse: Fediverse, clock: Clock, campaign: Campaign
) -> None:
    bob = await (await fediverse.server()).person("bob")
    note = "https://ours.test/campaigns/forest"

    async def counted() -> tuple[int, int]:
        clock.advance(2)
        async with client.get(SUPPORT) as response:
            support = await response.json()
        return support["total"], support["shares"]

    await bob.announce(note)
    await bob.like(note)
    assert await counted() == (1, 1)
    await bob.undo()
    assert await counted() == (0, 1)


async def test_an_unchanged_count_has_no_body(client: Client, campaign: Campaign) -> None:
    async with client.get(SUPPORT) as response:
        etag = response.headers["ETag"]
        assert "max-age=1" in response.headers["Cache-Control"]
    async with client.get(SUPPORT, headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_campaign_is_described_in_all_its_languages(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.translation(instance, "forest", "it", "Salviamo la foresta", "Ha 200 anni.")
    await writing.news(instance, "forest", "The council listens", "It does.")
    async with client.get("/api/campaigns/forest") as response:
        described = await response.json()
    assert described["url"] == "https://ours.test/campaigns/forest"
    assert described["actor"] == "https://ours.test/actors/forest"
    assert described["handle"] == "@forest@ours.test"
    assert described["kind"] == "petition"
    assert described["state"] == "open"
    assert described["texts"]["it"]["title"] == "Salviamo la foresta"
    assert described["organisation"]["handle"] == "@org@ours.test"
    assert described["updates"][0]["url"] == "https://ours.test/campaigns/forest/updates/1"
    assert described["support"]["total"] == 0


async def test_the_listing_has_what_everybody_may_see(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.campaign(instance, "secret", public=False)
    await writing.campaign(instance, "river")
    await writing.win(instance, "forest", "It stays.")
    async with client.get("/api/campaigns") as response:
        listed = (await response.json())["campaigns"]
    assert [(each["slug"], each["state"], each["outcome"]) for each in listed] == [
        ("river", "open", None),
        ("forest", "closed", "It stays."),
    ]
    assert listed[0]["support"]["total"] == 0


async def test_what_is_not_there_is_said_in_json(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.delete(instance, "forest")
    for path, status in (
        ("/api/campaigns/forest", 410),
        (SUPPORT, 410),
        ("/api/campaigns/nothing/support", 404),
    ):
        async with client.get(path) as response:
            assert response.status == status
            assert "error" in await response.json()
            assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_campaign_of_another_instance_is_described_as_its_origin_does(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    river = await _river(instance)
    async with client.get("/api/campaigns") as response:
        own, other = (await response.json())["campaigns"]
    assert (own["slug"], own["origin"], own["organisation"]["name"]) == (
        "forest",
        "ours.test",
        "Friends of the Old Forest",
    )
    assert (other["slug"], other["origin"]) == ("clean-river", "ally.test")
    assert other["organisation"] == {"name": "Alpine Allies", "actor": alliances.ALLY}
    assert other["url"] == river.note_uri
    assert other["page"] == "https://ours.test/campaigns/clean-river@ally.test"
    assert other["support"]["hosts"][0]["state"] == "origin"
    async with client.get("/api/campaigns/clean-river@ally.test") as response:
        described = await response.json()
    assert set(own) - {"support"} <= set(described)
    assert described["texts"]["it"]["title"] == "Acqua pulita"
    assert described["support"] == other["support"]


@pytest.mark.usefixtures("campaign")
async def test_the_support_of_another_instances_campaign_is_added_up_here(
    client: Client, instance: Instance
) -> None:
    river = await _river(instance)
    now = instance.now()
    async with instance.database.writing() as session:
        coalition = await alliances.coalition(session, river.actor_uri, foreign_id=river.id)
        await alliances.member(session, coalition, alliances.ALLY, "Alpine Allies", now=now, place=0)
        await alliances.member(session, coalition, alliances.OURS, "Friends", now=now)
        await alliances.collected(
            session, coalition, alliances.ALLY, {"IT": 40, "ZZ": 2}, now=now, endorsements=8
        )
        await alliances.collected_here(session, coalition, {"IT": 15, "DE": 3})
    async with client.get("/api/campaigns/Clean-River@Ally.test/support") as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        support = await response.json()
    assert (support["total"], support["endorsements"], support["signatures"]) == (68, 8, 60)
    assert [(host["host"], host["signatures"], host["state"]) for host in support["hosts"]] == [
        ("ally.test", 42, "origin"),
        ("ours.test", 18, "partner"),
    ]
    assert support["countries"] == {"IT": 55, "ZZ": 5}
    assert support["hosts"][1]["url"] == "https://ours.test/campaigns/clean-river@ally.test"


async def test_what_nobody_is_followed_for_is_not_in_the_listing(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await _river(instance, follow=False)
    async with client.get("/api/campaigns") as response:
        assert [each["slug"] for each in (await response.json())["campaigns"]] == ["forest"]
    for path in ("", "/support"):
        async with client.get(f"/api/campaigns/clean-river@ally.test{path}") as response:
            assert response.status == 404
            assert "error" in await response.json()


async def _river(instance: Instance, *, follow: bool = True) -> ForeignCampaign:
    async with instance.database.writing() as session:
        if follow:
            await alliances.follow(session, alliances.ALLY, "Alpine Allies", now=instance.now())
        return await alliances.foreign(
            session,
            alliances.ALLY,
            "Alpine Allies",
            "clean-river",
            {"en": ("Clean water", "<p>The river is ours.</p>"), "it": ("Acqua pulita", "<p>Il fiume.</p>")},
            now=instance.now(),
        )

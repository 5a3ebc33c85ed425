"""Following organisations and campaigns of other instances: who is asked, and what comes of it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from federation.answers import RemoteError
from federation.vocabulary import Malformed
from fedicause import moderate
from fedicause.cli import main
from fedicause.coalition import follow, notice
from storage import coalitions as coalition_rows
from storage import counts, followings, foreign, local_actors, members
from storage.coalition_models import Sighting
from storage.followings import Followed
from tests import coalitions
from tests.coalitions import Home, Instances
from tests.web import writing


async def listed(home: Home) -> list[str]:
    """The slugs that the directory shows of others."""
    return [each.campaign.slug for each in await home.look(foreign.listed)]


async def followed(home: Home) -> list[Followed]:
    return await home.look(followings.listed)


async def ask(home: Home, text: str) -> None:
    """Follows whoever this stands for, and hears the answer."""
    await coalitions.follow(home, await follow.find(home.instance, text))


async def leave(home: Home, uri: str) -> list[str]:
    return await home.change(
        lambda session: follow.unfollow(session, urls=home.urls, actor_uri=uri, now=home.clock.now())
    )


async def followers(home: Home) -> int:
    """How many follow the organisation."""
    _, actor = await home.look(local_actors.organisation)
    return (await home.look(lambda session: counts.of(session, actor.id))).subscriptions


async def test_an_organisation_is_found_by_handle_and_by_every_address_of_its(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        for text in (org.handle, org.handle[1:], org.actor, org.url, f"{org.url}/", f" {org.handle} "):
            assert (await follow.find(ally.instance, text)).uri == org.actor
        for text in (f"@forest@{org.host}", org.urls.actor("forest"), org.urls.note("forest")):
            assert (await follow.find(ally.instance, text)).uri == org.urls.actor("forest")
        assert await follow.address_of(ally.instance, org.urls.note("forest")) == org.urls.note("forest")
        assert await follow.address_of(ally.instance, f"@forest@{org.host}") == org.urls.actor("forest")


async def test_what_can_not_be_followed_is_said(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        with pytest.raises(Malformed, match="not a handle"):
            await follow.find(ally.instance, "the friends")
        with pytest.raises(Malformed, match="on this server"):
            await follow.find(org.instance, org.handle)
        with pytest.raises(RemoteError):
            await follow.find(ally.instance, f"@nobody@{org.host}")


async def test_following_an_organisation_fills_the_directory(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await writing.campaign(org.instance, "river", topic="Rivers")
        await writing.news(org.instance, "river", "News", "We have met the council.")
        await writing.campaign(org.instance, "draft", public=False)
        await ask(ally, org.handle)
        [before] = await followed(ally)
        await coalitions.settle(ally, org)
        await ally.look_around()
        [after] = await followed(ally)
        assert sorted(await listed(ally)) == ["forest", "river"]
        assert await followers(org) == 1
        assert [each.name for each in await ally.look(foreign.topics)] == ["Environment", "Rivers"]
        by_topic = await ally.look(lambda session: foreign.listed(session, topic="rivers"))
        assert [each.text("de", "en").title for each in by_topic] == ["River"]
    assert (before.state, before.answered_at, before.shown) == ("requested", None, org.handle)
    assert (after.state, after.name, after.campaigns) == ("accepted", "Friends of the Old Forest", 2)
    assert after.answered_at is not None


async def test_a_new_campaign_of_a_followed_organisation_arrives_by_itself(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await ask(ally, org.handle)
        await coalitions.settle(ally, org)
        await ally.look_around()
        await writing.campaign(org.instance, "meadow")
        await org.deliver()
        await ally.look_around()
        assert await listed(ally) == ["meadow", "forest"]
        await river.look_around()
        assert await listed(river) == []


async def test_an_announcement_that_was_lost_is_made_up_for_within_a_day(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org.handle)
        await coalitions.settle(ally, org)
        await ally.look_around()
        await ally.leave()
        await writing.campaign(org.instance, "meadow")
        await org.deliver()
        await ally.begin()
        ally.clock.advance(86_400)
        await ally.look_around()
        assert await listed(ally) == ["meadow", "forest"]


async def test_unfollowing_takes_everything_away(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org.handle)
        await coalitions.settle(ally, org)
        await ally.look_around()
        ally.clock.advance(60)
        await leave(ally, org.actor)
        assert (await listed(ally), await followed(ally)) == ([], [])
        await coalitions.settle(ally, org)
        assert await followers(org) == 0
        before = len(org.asked)
        ally.clock.advance(86_401)
        await ally.look_around()
        assert len(org.asked) == before
        with pytest.raises(follow.NotFollowed):
            await leave(ally, org.actor)


async def test_a_campaign_that_we_are_a_partner_of_stays(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await writing.campaign(org.instance, "river")
        await ask(ally, org.handle)
        await coalitions.settle(ally, org)
        await ally.look_around()
        await join(ally, org.urls.note("forest"))
        await leave(ally, org.actor)
        assert await listed(ally) == ["forest"]


async def join(home: Home, uri: str) -> None:
    """Our organisation is a partner of the campaign."""

    async def work(session: Any) -> None:
        campaign = await foreign.by_note(session, uri)
        assert campaign is not None
        coalition = await coalition_rows.by_uri(session, campaign.actor_uri) or await coalition_rows.add(
            session, campaign_uri=campaign.actor_uri, foreign_id=campaign.id
        )
        await members.put(
            session,
            coalition_id=coalition.id,
            actor_uri=home.actor,
            host=home.host,
            state="accepted",
            now=home.clock.now(),
        )

    await home.change(work)


async def test_one_campaign_can_be_followed_without_the_others(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await writing.campaign(org.instance, "river")
        await ask(ally, org.urls.note("forest"))
        await coalitions.settle(ally, org)
        await ally.look_around()
        assert await listed(ally) == ["forest"]
        [one] = await followed(ally)
        assert (one.type, one.state, one.campaigns) == ("Group", "accepted", 1)
        ally.clock.advance(86_400)
        await ally.look_around()
        assert await listed(ally) == ["forest"]


async def test_asking_again_is_answered_again(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org.handle)
        await coalitions.settle(ally, org)
        await ask(ally, org.handle)
        [waiting] = await followed(ally)
        assert waiting.state == "accepted"
        await coalitions.settle(ally, org)
        [again] = await followed(ally)
        assert (again.state, await followers(org)) == ("accepted", 1)
        assert ally.received().count("Accept") == 2


async def test_only_who_was_asked_answers(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org.handle)
        [(asked, _)] = [await ally.look(lambda session: followings.of(session, org.actor))]  # type: ignore[misc]

        async def answer(sender: str, uri: str, *, yes: bool) -> bool:
            return await ally.change(
                lambda session: follow.answered(
                    session, sender=sender, follow_uri=uri, is_accepted=yes, now=ally.clock.now()
                )
            )

        assert not await answer(org.urls.actor("forest"), asked.activity_uri, yes=True)
        assert not await answer(org.actor, "https://elsewhere.test/1", yes=True)
        assert (await followed(ally))[0].state == "requested"
        assert await answer(org.actor, asked.activity_uri, yes=True)
        assert (await followed(ally))[0].state == "accepted"
        await ally.look_around()
        assert await listed(ally) == ["forest"]
        assert await answer(org.actor, asked.activity_uri, yes=False)
        assert (await followed(ally))[0].state == "refused"
        assert await listed(ally) == []


async def test_what_others_share_is_looked_at_only_if_they_are_followed_and_it_is_theirs(
    instances: Instances,
) -> None:
    async with instances(3) as (org, ally, river):

        async def share(sender: str, note: str) -> bool:
            return await ally.change(
                lambda session: notice.noticed(
                    session, sender=sender, type="Announce", object_id=note, now=ally.clock.now()
                )
            )

        assert not await share(org.actor, org.urls.note("forest"))
        await ask(ally, org.handle)
        await ask(ally, river.handle)
        await ally.look_around()
        # River shares the call of its partner: whoever wants that follows the Friends.
        assert not await share(river.actor, org.urls.note("forest"))
        assert await share(org.actor, org.urls.note("meadow"))
        assert await share(org.actor, org.urls.note("meadow"))
        assert await ally.look(lambda session: session.scalar(select(func.count(Sighting.note_uri)))) == 1
        await ally.look_around()
        assert await ally.look(lambda session: session.scalar(select(func.count(Sighting.note_uri)))) == 0


async def test_an_organisation_that_is_down_is_read_when_it_is_back(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org.handle)
        await org.leave()
        await ally.look_around()
        assert await listed(ally) == []
        await org.begin()
        ally.clock.advance(61)
        await ally.look_around()
        assert await listed(ally) == ["forest"]


async def test_a_blocked_organisation_leaves_the_directory(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org.handle)
        await coalitions.settle(ally, org)
        await ally.look_around()
        await ally.change(lambda session: moderate.block(session, org.host, "", now=ally.clock.now()))
        assert await listed(ally) == []


async def run(home: Home, *words: str) -> Result:
    """A command of ours beside the running server."""
    return await asyncio.to_thread(CliRunner().invoke, main, words, env=home.environment)


async def test_an_admin_follows_by_the_command_line(instances: Instances) -> None:
    async with instances(2, clock=coalitions.Running(datetime.now(UTC))) as (org, ally):
        asked = await run(ally, "partner", "follow", org.handle)
        assert asked.exit_code == 0, asked.output
        assert f"Friends of the Old Forest ({org.handle}) is asked." in asked.stdout
        await coalitions.settle(ally, org)
        await ally.look_around()
        shown = await run(ally, "partner", "following", "--json")
        [row] = json.loads(shown.stdout)
        assert row["handle"] == org.handle
        assert (row["type"], row["state"], row["campaigns"]) == ("organisation", "accepted", 1)
        assert org.handle in (await run(ally, "partner", "following")).stdout
        left = await run(ally, "partner", "unfollow", f"{org.url}/")
        assert left.stdout == f"{org.handle} is no longer followed.\n"
        assert "Nobody is followed yet" in (await run(ally, "partner", "following")).stdout
        assert await listed(ally) == []


async def test_the_command_line_says_why_not(instances: Instances) -> None:
    async with instances(2, clock=coalitions.Running(datetime.now(UTC))) as (org, ally):
        for words, sentence in (
            (("follow", "nobody"), "not a handle"),
            (("follow", f"@nobody@{org.host}"), "can't be found"),
            (("follow", ally.handle), "is on this server"),
            (("unfollow", org.handle), "is not followed"),
        ):
            result = await run(ally, "partner", *words)
            assert result.exit_code in (1, 2)
            assert result.stderr.startswith("fedicause: ")
            assert sentence in result.stderr
            assert result.stderr.count("\n") == 1

"""Campaigns of another instance, looked at and kept: between real instances, and from servers that lie."""

from pathlib import Path

import pytest
from PIL import Image

from federation import vocabulary
from federation.answers import Gone, RemoteError
from federation.vocabulary import Malformed
from fedicause import publish
from fedicause.campaigning import conclude, manuscript, pictures
from fedicause.coalition import follow, mirror
from storage import blocks, campaigns, foreign
from storage.coalition_models import ForeignCampaign
from tests import coalitions, process
from tests.clock import Clock
from tests.coalitions import Home, Instances
from tests.web import writing


async def known(home: Home, uri: str) -> ForeignCampaign | None:
    """What is kept of the campaign whose Note has this id."""
    return await home.look(lambda session: foreign.by_note(session, uri))


async def keep(home: Home, uri: str) -> ForeignCampaign:
    """Looks at a campaign and keeps it, as whoever joins it does; followed, so that it is looked at again."""
    copy = await mirror.look(home.instance, uri)
    await coalitions.follow(home, copy.organisation)
    return await home.change(lambda session: mirror.store(session, home.instance, copy, home.clock.now()))


async def words(home: Home, campaign: ForeignCampaign) -> dict[str, tuple[str, str]]:
    """Title and HTML by language."""
    texts = await home.look(lambda session: foreign.texts(session, campaign.id))
    return {language: (text.title, text.html) for language, text in texts.items()}


async def edit(home: Home, slug: str, front: str, text: str = "We ask for this.") -> None:
    """Alice changes her campaign, and everybody is told."""
    written = manuscript.parse(f"---\n{front}\n---\n{text}\n", Path("new.md"))
    await home.change(
        lambda session: publish.edit(
            session, urls=home.urls, slug=slug, manuscript=written, now=home.clock.now()
        )
    )
    await home.deliver()


async def test_a_copy_says_what_its_origin_says(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await writing.translation(org.instance, "forest", "de", "Der *alte* Wald", "Er ist **alt** & gut.")
        copy = await mirror.look(ally.instance, org.urls.note("forest"))
        texts = await org.look(lambda session: campaigns.texts(session, 1))
        note = await org.get("/campaigns/forest")
    assert copy.texts == {each: (text.title, text.html) for each, text in texts.items()}
    assert len(copy.texts) == 2
    assert (copy.actor_uri, copy.note_uri) == (org.urls.actor("forest"), org.urls.note("forest"))
    assert (copy.slug, copy.origin, copy.inbox) == ("forest", org.host, f"{copy.actor_uri}/inbox")
    assert (copy.organisation_uri, copy.organisation_name) == (org.actor, "Friends of the Old Forest")
    assert (copy.kind, copy.topic, copy.goal, copy.language) == ("petition", "Environment", 1000, "en")
    assert (copy.state, copy.shares, copy.picture, copy.thresholds) == ("published", 0, None, None)
    assert copy.published_at == vocabulary.time_of(note["published"])
    assert copy.organisation.type == "Organization"
    assert copy.campaign.type == "Group"


async def test_what_only_the_api_says_is_taken_from_there(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await writing.campaign(
            org.instance,
            "river",
            kind="open-letter",
            topic="Clean water / rivers",
            goal=5000,
            ends="2027-03-01",
            thresholds="eci",
            registered="2024-09-01",
        )
        copy = await mirror.look(ally.instance, org.urls.note("river"))
    assert (copy.kind, copy.topic, copy.goal) == ("open-letter", "Clean water / rivers", 5000)
    assert copy.ends_at is not None
    assert copy.ends_at.date().isoformat() == "2027-03-01"
    assert copy.registered_at is not None
    assert (copy.thresholds, copy.registered_at.date().isoformat()) == ("eci", "2024-09-01")


async def test_the_actor_and_the_news_lead_to_the_same_call(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await writing.news(org.instance, "forest", "We have met the council", "They listened.")
        by_note = await mirror.look(ally.instance, org.urls.note("forest"))
        by_actor = await mirror.look(ally.instance, org.urls.actor("forest"))
        by_news = await mirror.look(ally.instance, org.urls.update("forest", 1))
    assert by_note == by_actor == by_news


async def test_what_is_no_campaign_of_another_instance_is_refused(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        with pytest.raises(Malformed, match="on this server"):
            await mirror.look(org.instance, org.urls.note("forest"))
        with pytest.raises(Malformed, match="no campaign"):
            await mirror.look(ally.instance, org.actor)
        with pytest.raises(RemoteError):
            await mirror.look(ally.instance, org.urls.note("nothing"))


async def test_the_picture_is_drawn_anew_and_fetched_once(instances: Instances, tmp_path: Path) -> None:
    Image.new("RGB", (800, 400), "green").save(tmp_path / "oak.png", pnginfo=None)
    async with instances(2) as (org, ally):
        media = ally.instance.settings.media
        await illustrate(org, tmp_path / "oak.png")
        row = await keep(ally, org.urls.note("forest"))
        assert row.picture is not None
        assert row.picture_source is not None
        with Image.open(media / row.picture) as kept:
            assert (kept.size, kept.info.get("exif")) == ((800, 400), None)
        assert (row.picture_type, row.picture_width, row.picture_height) == ("image/jpeg", 800, 400)
        assert row.picture_alt == "An oak"
        path = row.picture_source.removeprefix(org.url)
        ally.clock.advance(86_400)
        await ally.look_around()
        assert org.fetches(path) == 1

        # One that is lost here is fetched again.
        (media / row.picture).unlink()
        ally.clock.advance(86_400)
        await ally.look_around()
        assert org.fetches(path) == 2
        assert (media / row.picture).exists()

        # Another picture takes the place of the first, which nobody shows any more.
        Image.new("RGB", (300, 300), "blue").save(tmp_path / "sky.png")
        await illustrate(org, tmp_path / "sky.png")
        ally.clock.advance(86_400)
        await ally.look_around()
        changed = await known(ally, org.urls.note("forest"))
    assert changed is not None
    assert changed.picture_width == 300
    assert [path.name for path in media.iterdir()] == [changed.picture]


async def illustrate(home: Home, path: Path) -> None:
    picture = pictures.store(path, home.instance.settings.media)
    written = manuscript.parse("---\npicture_alt: An oak\n---\nWe ask for this.\n", Path("new.md"))
    await home.change(
        lambda session: publish.edit(
            session,
            urls=home.urls,
            slug="forest",
            manuscript=written,
            picture=picture,
            now=home.clock.now(),
        )
    )


async def test_an_edit_at_the_origin_shows_at_the_host(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        row = await keep(ally, org.urls.note("forest"))
        await coalitions.settle(org, ally)
        ally.clock.advance(60)
        await ally.look_around()
        ally.clock.advance(60)
        await writing.translation(org.instance, "forest", "fr", "La vieille forêt", "Elle est vieille.")
        await edit(org, "forest", "title: Keep the old forest\ngoal: 20000", "It must **stay**.")
        await ally.look_around()
        changed = await known(ally, org.urls.note("forest"))
        texts = await words(ally, row)
    assert changed is not None
    assert changed.id == row.id
    assert (changed.goal, changed.edited_at is not None) == (20000, True)
    assert texts["en"] == ("Keep the old forest", "<p>It must <strong>stay</strong>.</p>\n")
    assert texts["fr"][0] == "La vieille forêt"


async def test_the_workers_do_all_of_it_by_themselves(instances: Instances) -> None:
    async with instances(2, working=True) as (org, ally):
        await coalitions.follow(ally, await follow.find(ally.instance, org.handle))
        await process.eventually(lambda: ally.look(foreign.listed), within=30)
        await edit(org, "forest", "title: Keep the old forest")

        async def is_edited() -> bool:
            [shown] = await ally.look(foreign.listed)
            return shown.text().title == "Keep the old forest"

        await process.eventually(is_edited, within=30)


async def test_many_updates_cost_one_look(instances: Instances, clock: Clock) -> None:
    async with instances(2, clock=clock) as (org, ally):
        await keep(ally, org.urls.note("forest"))
        await coalitions.settle(org, ally)
        ally.clock.advance(60)
        await ally.look_around()
        before = org.fetches("/campaigns/forest")
        for number in range(5):
            await edit(org, "forest", f"goal: {number + 2000}")
            await ally.look_around()
        assert org.fetches("/campaigns/forest") == before
        ally.clock.advance(10)
        await ally.look_around()
        assert org.fetches("/campaigns/forest") == before + 1
        changed = await known(ally, org.urls.note("forest"))
    assert changed is not None
    assert changed.goal == 2004


async def test_a_campaign_closes_at_its_hosts(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await keep(ally, org.urls.note("forest"))
        await coalitions.settle(org, ally)
        ally.clock.advance(60)
        await writing.end(org.instance, "forest")
        await org.deliver()
        await ally.look_around()
        closed = await known(ally, org.urls.note("forest"))
    assert closed is not None
    assert closed.state == "closed"
    assert closed.closed_at is not None


async def test_a_deleted_campaign_is_gone_from_its_hosts(instances: Instances, tmp_path: Path) -> None:
    Image.new("RGB", (80, 40), "green").save(tmp_path / "oak.png")
    async with instances(2) as (org, ally):
        await illustrate(org, tmp_path / "oak.png")
        row = await keep(ally, org.urls.note("forest"))
        await coalitions.settle(org, ally)
        ally.clock.advance(60)
        await writing.delete(org.instance, "forest")
        await org.deliver()
        told = await known(ally, org.urls.note("forest"))
        await ally.look_around()
        gone = await known(ally, org.urls.note("forest"))
        assert await words(ally, row) == {}
        assert not list(ally.instance.settings.media.iterdir())
        with pytest.raises(Gone):
            await mirror.look(ally.instance, org.urls.note("forest"))
    assert told is not None
    assert gone is not None
    assert (told.state, gone.state, gone.picture) == ("deleted", "deleted", None)


async def test_it_closes_on_its_day_though_the_origin_is_down(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await edit(org, "forest", "ends: 2026-11-22")
        await keep(ally, org.urls.note("forest"))
        await org.leave()
        ally.clock.advance(86_400 * 2)
        await ally.look_around()
        closed = await known(ally, org.urls.note("forest"))
    assert closed is not None
    assert (closed.state, closed.closed_at) == ("closed", closed.ends_at)


async def test_an_origin_that_is_down_keeps_its_copy_and_is_asked_ever_more_seldom(
    instances: Instances,
) -> None:
    async with instances(2) as (org, ally):
        row = await keep(ally, org.urls.note("forest"))
        await org.leave()
        pauses = []
        for _ in range(13):
            ally.clock.advance(86_401)
            await ally.look_around()
            found = await known(ally, org.urls.note("forest"))
            assert found is not None
            pauses.append(round((found.refresh_at - ally.clock.now()).total_seconds(), -1))
            assert found.state == "published"
        assert await words(ally, row)
        await org.begin()
        ally.clock.advance(86_401)
        await ally.look_around()
        back = await known(ally, org.urls.note("forest"))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (60, 86_400)
    assert back is not None
    assert back.failures == 0


async def test_a_blocked_origin_is_not_asked_and_not_listed(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await keep(ally, org.urls.note("forest"))
        assert len(await ally.look(foreign.listed)) == 1
        await ally.change(lambda session: blocks.add(session, org.actor, "spam", ally.clock.now()))
        before = len(org.asked)
        ally.clock.advance(86_401)
        await ally.look_around()
        assert len(org.asked) == before
        assert await ally.look(foreign.listed) == []


async def test_a_campaign_that_opens_again_opens_at_its_hosts(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await keep(ally, org.urls.note("forest"))
        await coalitions.settle(org, ally)
        states = []
        for is_end in (True, False):
            ally.clock.advance(60)
            if is_end:
                await writing.end(org.instance, "forest")
            else:
                await org.change(
                    lambda session: conclude.reopen(
                        session, urls=org.urls, slug="forest", now=org.clock.now()
                    )
                )
            await org.deliver()
            await ally.look_around()
            there = await known(ally, org.urls.note("forest"))
            assert there is not None
            states.append((there.state, there.closed_at is None))
    assert states == [("closed", False), ("published", True)]

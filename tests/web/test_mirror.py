"""Campaigns of another instance, looked at and kept: between real instances, and from servers that lie."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from federation import content, vocabulary
from federation.answers import Gone, RemoteError
from federation.vocabulary import Malformed
from fedicause import manuscript, mirror, pictures, publish
from storage import blocks, campaigns, foreign
from storage.coalition_models import ForeignCampaign
from tests import coalitions, signing
from tests.clock import Clock
from tests.coalitions import Home, Instances
from tests.fediverse import Fediverse, Server
from tests.people import Person
from tests.web import writing

PUBLIC = vocabulary.PUBLIC


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


# From here on the origin is a server that Mallory wrote.


@pytest.fixture
async def mallory(clock: Clock) -> AsyncIterator[Server]:
    world = Fediverse(clock, dev=True)
    yield await world.server()
    await world.close()


def describe(person: Person, **more: Any) -> None:
    """Serves the actor with what is said of it otherwise."""
    person.server.documents[signing.target(person.uri)] = person.document | more


async def stage(server: Server, *, slug: str = "forest", **note: Any) -> Person:
    """A campaign with an organisation behind it, on a server that need not be of our kind."""
    organisation = await server.person("org", type="Organization")
    campaign = await server.person(slug, type="Group", attributedTo=organisation.uri)
    describe(campaign, name="Save the forest")
    server.documents[f"/{slug}"] = {
        "id": f"{server.base}/{slug}",
        "type": "Note",
        "attributedTo": campaign.uri,
        "to": [PUBLIC],
        "content": "<p>Please.</p>",
        "published": "2026-11-01T12:00:00Z",
    } | note
    return campaign


async def test_a_campaign_of_other_software_is_read_as_far_as_it_goes(
    instances: Instances, mallory: Server
) -> None:
    await stage(mallory, tag=[{"type": "Hashtag", "name": "#Forests", "href": f"{mallory.base}/tags/x"}])
    async with instances(1) as (ally,):
        copy = await mirror.look(ally.instance, f"{mallory.base}/forest")
    assert copy.texts == {"en": ("Save the forest", "<p>Please.</p>")}
    assert (copy.kind, copy.topic, copy.goal, copy.state) == ("petition", "Forests", None, "published")


async def test_markup_of_strangers_is_cleaned(instances: Instances, mallory: Server) -> None:
    await stage(
        mallory,
        contentMap={
            "en": '<p><strong>Save &lt;b&gt; it</strong></p><script>x()</script><p onclick="x()">Please.</p>'
            '<a href="javascript:x()">here</a>',
            "<b>": "<p>No language</p>",
            "it": 7,
        },
        tag=[{"type": "Hashtag", "name": "<i>#Trees</i>\u202e"}],
        attachment=[{"type": "Image", "url": "file:///etc/passwd"}],
        shares={"totalItems": -7},
        published="2099-01-01T00:00:00Z",
    )
    async with instances(1) as (ally,):
        copy = await mirror.look(ally.instance, f"{mallory.base}/forest")
        assert copy.published_at <= ally.clock.now()
    assert copy.texts == {"en": ("Save <b> it", f'<p>Please.</p><a rel="{content.REL}">here</a>')}
    assert (copy.topic, copy.picture_source, copy.shares) == ("Trees", None, 0)


@pytest.mark.parametrize(
    "lie",
    [
        {"to": ["https://elsewhere.test/users/bob"]},
        {"content": ""},
        {"content": "<script>x()</script>"},
        {"attributedTo": None},
        {"type": "Question"},
    ],
)
async def test_a_note_that_is_no_public_call_is_refused(
    instances: Instances, mallory: Server, lie: dict[str, Any]
) -> None:
    await stage(mallory, **lie)
    async with instances(1) as (ally,):
        with pytest.raises(Malformed):
            await mirror.look(ally.instance, f"{mallory.base}/forest")


async def test_nobody_runs_a_campaign_in_the_name_of_somebody_elses_organisation(
    instances: Instances, mallory: Server
) -> None:
    async with instances(2, campaign=False) as (org, ally):
        campaign = await stage(mallory)
        describe(campaign, attributedTo=org.actor)
        with pytest.raises(Malformed, match="one server"):
            await mirror.look(ally.instance, f"{mallory.base}/forest")


async def test_nobody_takes_over_the_note_of_another_campaign(instances: Instances, mallory: Server) -> None:
    """Mallory's campaign claims forest's call: what the actor features must be its own."""
    async with instances(2) as (org, ally):
        campaign = await stage(mallory)
        featured = f"{mallory.base}/featured"
        describe(campaign, featured=featured)
        mallory.documents["/featured"] = {
            "id": featured,
            "type": "OrderedCollection",
            "orderedItems": [org.urls.note("forest")],
        }
        with pytest.raises(Malformed, match="one server"):
            await mirror.look(ally.instance, campaign.uri)


async def test_two_campaigns_of_one_name_at_one_origin_stay_apart(
    instances: Instances, mallory: Server
) -> None:
    await stage(mallory)
    async with instances(1) as (ally,):
        first = await keep(ally, f"{mallory.base}/forest")
        twin = await mallory.person("twin", type="Group", attributedTo=first.organisation_uri)
        describe(twin, preferredUsername="Forest")
        mallory.documents["/twin"] = mallory.documents["/forest"] | {  # type: ignore[operator]
            "id": f"{mallory.base}/twin",
            "attributedTo": twin.uri,
        }
        with pytest.raises(Malformed, match="same name"):
            await keep(ally, f"{mallory.base}/twin")


async def test_a_picture_that_is_none_is_left_out(instances: Instances, mallory: Server) -> None:
    await stage(mallory, attachment=[{"type": "Image", "url": f"{mallory.base}/oak.png", "name": "An oak"}])
    mallory.documents["/oak.png"] = {"id": "no picture"}
    async with instances(1) as (ally,):
        copy = await mirror.look(ally.instance, f"{mallory.base}/forest")
    assert (copy.picture, copy.picture_source, copy.picture_alt) == (None, None, None)

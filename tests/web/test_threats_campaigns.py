"""Campaigns from servers that are not of our kind, or lie: what of them is taken over."""

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from federation import content, vocabulary
from federation.vocabulary import Malformed
from fedicause.coalition import mirror
from tests import signing
from tests.clock import Clock
from tests.coalitions import Instances
from tests.fediverse import Fediverse, Server
from tests.people import Person

PUBLIC = vocabulary.PUBLIC


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
        first = await mirror.look(ally.instance, f"{mallory.base}/forest")
        await ally.change(lambda session: mirror.store(session, ally.instance, first, ally.clock.now()))
        twin = await mallory.person("twin", type="Group", attributedTo=first.organisation_uri)
        describe(twin, preferredUsername="Forest")
        mallory.documents["/twin"] = mallory.documents["/forest"] | {  # type: ignore[operator]
            "id": f"{mallory.base}/twin",
            "attributedTo": twin.uri,
        }
        second = await mirror.look(ally.instance, f"{mallory.base}/twin")
        with pytest.raises(Malformed, match="same name"):
            await ally.change(lambda session: mirror.store(session, ally.instance, second, ally.clock.now()))


async def test_a_picture_that_is_none_is_left_out(instances: Instances, mallory: Server) -> None:
    await stage(mallory, attachment=[{"type": "Image", "url": f"{mallory.base}/oak.png", "name": "An oak"}])
    mallory.documents["/oak.png"] = {"id": "no picture"}
    async with instances(1) as (ally,):
        copy = await mirror.look(ally.instance, f"{mallory.base}/forest")
    assert (copy.picture, copy.picture_source, copy.picture_alt) == (None, None, None)


async def test_a_picture_of_too_many_pixels_is_not_drawn(instances: Instances, mallory: Server) -> None:
    bomb = io.BytesIO()
    Image.new("1", (6000, 6000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 20_000

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=bomb.getvalue(), content_type="image/png")

    mallory.documents["/oak.png"] = answer
    await stage(mallory, attachment=[{"type": "Image", "url": f"{mallory.base}/oak.png"}])
    async with instances(1) as (ally,):
        copy = await mirror.look(ally.instance, f"{mallory.base}/forest")
        assert (copy.picture, mallory.fetches("/oak.png")) == (None, 1)
        assert not ally.instance.settings.media.exists()

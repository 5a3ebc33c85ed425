"""Everything that we say must be understood by active-boxes, whose vocabulary somebody else wrote."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from active_boxes import activitypub
from active_boxes.backend import Backend
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import publish
from fedicause.campaigning import manuscript
from fedicause.campaigning.manuscript import Manuscript
from fedicause.instance import Instance
from storage import models
from storage.models import Campaign
from tests.conftest import Client
from tests.federation import papers, talk
from tests.fediverse import Fediverse

# It knows neither Invite, nor that anything but a Follow is answered, nor documents that are not its own.
NOT_UNDERSTOOD = {"Invite", "fc:Tally", "fc:Sketch"}
ACTORS = {
    papers.CAMPAIGN: "Group",
    papers.ORG: "Organization",
    papers.ALLY: "Organization",
    "https://ours.test/actors/forest": "Group",
    "https://ours.test/actors/org": "Organization",
    "https://ours.test/actor": "Application",
}
EDITED = "---\ntitle: Save the old forest now\n---\nIt is to be felled **next week**."
NEWS = "---\ntitle: We met the mayor\nlanguage: en\n---\nShe listened."


class Lookup(Backend):
    """What active-boxes asks its application: here, who an actor is."""

    def fetch_iri_sync(self, iri: str, **_: Any) -> dict[str, Any]:
        return {"id": iri, "type": ACTORS[iri]}

    def base_url(self) -> str:
        return "https://elsewhere.test"

    def activity_url(self, obj_id: str) -> str:
        return f"{self.base_url()}/activities/{obj_id}"

    def note_url(self, obj_id: str) -> str:
        return f"{self.base_url()}/notes/{obj_id}"


@pytest.fixture(autouse=True)
def backend() -> None:
    activitypub.use_backend(Lookup())


def written(source: str) -> Manuscript:
    return manuscript.parse(source, Path("forest.md"))


@pytest.mark.usefixtures("client", "campaign")
async def test_active_boxes_understands_every_activity_that_we_send(
    instance: Instance, fediverse: Fediverse
) -> None:
    """The whole life of a campaign, with a follower who hears of all of it."""
    clock = fediverse.clock
    bob = await (await fediverse.server()).person("bob")
    assert (await bob.follow(instance.urls.actor("forest"))).status == 202
    slug, urls = "forest", instance.urls
    said: dict[str, Any] = {}
    for step in (
        lambda session: publish.edit(
            session, urls=urls, slug=slug, manuscript=written(EDITED), now=clock.now()
        ),
        lambda session: publish.update(
            session, urls=urls, slug=slug, manuscript=written(NEWS), now=clock.now()
        ),
        lambda session: publish.close(session, urls=urls, slug=slug, now=clock.now()),
        lambda session: publish.delete(session, urls=urls, slug=slug, now=clock.now()),
    ):
        clock.advance(60)
        # A deletion takes with it what was said before.
        async with instance.database.writing() as session:
            said |= await activities(session)
            await step(session)
            said |= await activities(session)
    assert {each["type"] for each in said.values()} == {"Accept", "Announce", "Create", "Delete", "Update"}
    for document in said.values():
        understood = activitypub.parse_activity(document)
        assert understood.id == document["id"]
        assert understood.ACTIVITY_TYPE.value == document["type"]


async def activities(session: AsyncSession) -> dict[str, Any]:
    rows = await session.execute(select(models.Activity.uri, models.Activity.document))
    return {uri: json.loads(document) for uri, document in rows}


async def test_active_boxes_understands_every_document_that_we_serve(
    client: Client, campaign: Campaign
) -> None:
    forest = f"/actors/{campaign.slug}"
    for path in (
        "/actor",
        "/actors/org",
        forest,
        f"{forest}/outbox",
        f"{forest}/followers",
        f"{forest}/featured",
        f"/campaigns/{campaign.slug}",
        f"/campaigns/{campaign.slug}/likes",
        f"/campaigns/{campaign.slug}/shares",
    ):
        async with client.get(path, headers={"Accept": "application/activity+json"}) as answer:
            assert answer.status == 200, path
            document = await answer.json(content_type="application/activity+json")
        understood = activitypub.parse_activity(document)
        assert understood.id == f"https://ours.test{path}"


SAID = talk.common() | talk.everything()


def understand(said: dict[str, Any]) -> None:
    """Parses the activity, and apart from it what is embedded: there it allows few types, and any by id."""
    for field in ("object", "result"):
        embedded = said.get(field)
        if isinstance(embedded, dict) and embedded["type"] != "Follow":
            said[field] = embedded["id"]
            if embedded["type"] not in NOT_UNDERSTOOD:
                assert activitypub.parse_activity(embedded).id == said[field]
    understood = activitypub.parse_activity(said)
    assert understood.id == said["id"]
    assert understood.ACTIVITY_TYPE.value == said["type"]


@pytest.mark.parametrize("what", [each for each in SAID if each != "Invite"])
def test_active_boxes_understands_what_instances_say_to_each_other(what: str) -> None:
    understand(copy.deepcopy(SAID[what]))


@pytest.mark.parametrize("name", sorted(NOT_UNDERSTOOD))
def test_what_active_boxes_does_not_know_it_still_does_not_know(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid ActivityType"):
        activitypub.ActivityType(name)


@pytest.mark.parametrize("document", [papers.newest(), papers.evidence(), papers.roster()])
def test_active_boxes_understands_the_collections_of_a_coalition(document: dict[str, Any]) -> None:
    understood = activitypub.parse_activity(copy.deepcopy(document))
    assert understood.ACTIVITY_TYPE.value == "Collection"
    assert understood.id == document["id"]

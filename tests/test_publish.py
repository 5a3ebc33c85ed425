"""What the organisation does with a campaign, and who is told what."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from federation import activities
from fedicause import publish, seal
from fedicause.campaigning import elsewhere, manuscript
from fedicause.campaigning.manuscript import Manuscript
from fedicause.fields import Unusable
from fedicause.seal import Seal
from fedicause.urls import Urls
from storage import campaigns, coalitions, local_actors, members, updates
from storage import elsewhere as entered
from storage.database import Database
from storage.models import Activity, Delivery
from storage.registers import Key
from tests import databases
from tests.clock import Clock
from tests.storage import rows

CALL = """---
title: Save the old forest
slug: forest
kind: petition
topic: Old forests
goal: 10,000
ends: 2027-03-31
---
The old forest is to be felled in **spring**.
"""


def written(source: str = CALL, **fields: str) -> Manuscript:
    """The file with some fields changed or added; an empty one is left out."""
    head, text = source.removeprefix("---\n").split("---\n", 1)
    lines = dict(line.split(": ", 1) for line in head.splitlines())
    lines |= fields
    head = "".join(f"{field}: {value}\n" for field, value in lines.items() if value)
    return manuscript.parse(f"---\n{head}---\n{text}", Path("call.md"))


FOREST = "https://ours.test/actors/forest"
INITIATIVE = {"thresholds": "ECI", "registered": "2024-09-01"}


@dataclass
class Office:
    """What Alice does, each time in a transaction of its own, and what lies in the queue after it."""

    database: Database
    seal: Seal
    clock: Clock
    urls: Urls = field(default_factory=lambda: Urls("https://ours.test"))

    async def new(self, source: Manuscript | None = None) -> None:
        async with self.database.writing() as session:
            await publish.create(
                session, seal=self.seal, manuscript=source or written(), now=self.clock.now()
            )

    async def do(self, verb: Any, **more: Any) -> Any:
        async with self.database.writing() as session:
            return await verb(session, urls=self.urls, slug="forest", now=self.clock.now(), **more)

    async def follow(self, *handles: str, name: str = "forest", kind: str = "subscription") -> None:
        async with self.database.writing() as session:
            actor = await local_actors.by_name(session, name)
            assert actor is not None
            for person in await rows.people(session, *handles, now=self.clock.now()):
                await rows.say(session, Key(actor.id, kind, person.id), now=self.clock.now())

    async def queued(self) -> list[tuple[str, dict[str, Any]]]:
        """What waits for delivery, in order: (host, activity)."""
        async with self.database.reading() as session:
            found = await session.execute(
                select(Delivery.host, Activity.document)
                .join(Activity, Activity.id == Delivery.activity_id)
                .where(Delivery.ended_at.is_(None))
                .order_by(Activity.id, Delivery.host)
            )
            return [(host, json.loads(document)) for host, document in found]

    async def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """The same, and the queue is empty afterwards."""
        found = await self.queued()
        async with self.database.writing() as session:
            for delivery in await session.scalars(select(Delivery)):
                await session.delete(delivery)
        return found

    async def said(self) -> list[tuple[str, bool]]:
        """All that our actors said, by type, and whether an outbox shows it."""
        async with self.database.reading() as session:
            found = await session.scalars(select(Activity).order_by(Activity.id))
            return [(each.type, each.listed) for each in found]


@pytest.fixture
async def office(initialised_url: str, templates: databases.Templates, clock: Clock) -> AsyncIterator[Office]:
    database = Database(initialised_url)
    yield Office(database, seal.load(templates.secret), clock)
    await database.close()


@pytest.fixture
async def published(office: Office) -> Office:
    """A published campaign that Bob follows, and an organisation that Carol follows."""
    await office.new()
    await office.follow("carol@c.example", name="org")
    await office.do(publish.publish)
    await office.follow("bob@b.example")
    await office.sent()
    office.clock.advance(60)
    return office


async def test_a_draft_is_told_to_nobody(office: Office) -> None:
    await office.follow("carol@c.example", name="org")
    await office.new()
    assert await office.said() == []


async def test_publishing_shares_the_call_with_the_organisations_followers(office: Office) -> None:
    await office.new()
    await office.follow("carol@c.example", "dave@c.example", "erin@e.example", name="org")
    await office.do(publish.publish)
    queued = await office.queued()
    assert [(host, activity["type"], activity["object"]) for host, activity in queued] == [
        ("c.example", "Announce", "https://ours.test/campaigns/forest"),
        ("e.example", "Announce", "https://ours.test/campaigns/forest"),
    ]
    assert await office.said() == [("Create", True), ("Announce", True)]


async def test_publishing_says_the_call_as_a_plain_note_of_the_campaign(office: Office) -> None:
    await office.new()
    await office.do(publish.publish)
    async with office.database.reading() as session:
        create = await session.scalar(select(Activity).where(Activity.type == "Create"))
    assert create is not None
    document = json.loads(create.document)
    note = document["object"]
    assert document["actor"] == note["attributedTo"] == "https://ours.test/actors/forest"
    assert (note["type"], note["id"]) == ("Note", "https://ours.test/campaigns/forest")
    assert "<strong>Save the old forest</strong>" in note["content"]
    assert "updated" not in note
    assert activities.read(document).own_object() is not None


async def test_a_campaign_is_published_once(published: Office) -> None:
    with pytest.raises(publish.AlreadyPublished, match="21 November 2026"):
        await published.do(publish.publish)


async def test_an_edit_is_told_to_whoever_may_have_the_call(published: Office) -> None:
    await published.follow("dave@d.example", kind="endorsement")
    await published.do(publish.edit, manuscript=written(CALL.replace("spring", "May")))
    queued = await published.queued()
    assert {host for host, _ in queued} == {"b.example", "c.example", "d.example"}
    note = next(a["object"] for _, a in queued if a["object"]["type"] == "Note")
    assert all(activity["type"] == "Update" for _, activity in queued)
    assert "<strong>May</strong>" in note["content"]
    assert note["updated"] > note["published"]


async def test_two_edits_in_one_second_are_two_edits_to_others(published: Office) -> None:
    seen = []
    for month in ("May", "June"):
        await published.do(publish.edit, manuscript=written(CALL.replace("spring", month)))
        sent = await published.sent()
        seen.append(next(a["object"]["updated"] for _, a in sent if a["object"]["type"] == "Note"))
    assert seen[0] < seen[1]


async def test_what_others_do_not_see_is_no_edit_to_them(published: Office) -> None:
    """Whoever shared a call is notified of its edits: not of a goal, or of what the form asks."""
    for more in (
        {"goal": "20000"},
        {"asks": "postcode"},
        {"privacy": "We keep them."},
        {"ends": "2027-05-01"},
    ):
        published.clock.advance(60)
        await published.do(publish.edit, manuscript=written(**more))
        sent = [a["object"] for host, a in await published.sent() if host == "b.example"]
        assert ["updated" in note for note in sent] == [False], more
    published.clock.advance(60)
    await published.do(publish.edit, manuscript=written(topic="Trees"))
    assert all("updated" in a["object"] for host, a in await published.sent() if host == "b.example")


async def test_a_newer_edit_takes_the_place_of_one_that_waits(published: Office) -> None:
    for month in ("May", "June"):
        await published.do(publish.edit, manuscript=written(CALL.replace("spring", month)))
    notes = [(h, a["object"]) for h, a in await published.queued() if a["object"]["type"] == "Note"]
    assert sorted(host for host, _ in notes) == ["b.example", "c.example"]
    assert all("June" in note["content"] for _, note in notes)


async def test_a_new_title_is_the_actors_new_name(published: Office) -> None:
    await published.do(publish.edit, manuscript=written(title="Keep the old forest"))
    told = [a["object"] for host, a in await published.sent() if host == "b.example"]
    assert [each["type"] for each in told] == ["Note", "Group"]
    assert told[1]["name"] == "Keep the old forest"
    await published.do(publish.edit, manuscript=written(title="Keep the old forest", goal="20000"))
    assert [a["object"]["type"] for h, a in await published.sent() if h == "b.example"] == ["Note"]


async def test_an_edit_keeps_what_its_file_leaves_out_and_takes_away_what_is_none(published: Office) -> None:
    await published.do(publish.edit, manuscript=written(title="", topic="", goal="", ends=""))
    async with published.database.reading() as session:
        kept = await publish.find(session, "forest")
        texts = await campaigns.texts(session, kept.id)
    assert (kept.goal, kept.topic, texts["en"].title) == (10_000, "Old forests", "Save the old forest")
    assert kept.ends_at is not None
    await published.do(publish.edit, manuscript=written(goal="none", ends="none"))
    async with published.database.reading() as session:
        kept = await publish.find(session, "forest")
    assert (kept.goal, kept.ends_at) == (None, None)


async def test_thresholds_are_kept_and_bring_their_goal_to_a_campaign_without_one(office: Office) -> None:
    await office.new(written(**INITIATIVE, goal=""))
    kept = await office.do(publish.edit, manuscript=written(goal="", topic="Trees"))
    assert (kept.thresholds, kept.registered_at) == ("eci", datetime(2024, 9, 1, tzinfo=UTC))
    assert (kept.topic, kept.goal) == ("Trees", 1_000_000)
    kept = await office.do(publish.edit, manuscript=written(goal="", thresholds="none"))
    assert (kept.thresholds, kept.registered_at, kept.goal) == (None, None, 1_000_000)


async def test_thresholds_leave_a_goal_as_it_is_set(office: Office) -> None:
    await office.new()
    kept = await office.do(publish.edit, manuscript=written(**INITIATIVE, goal=""))
    assert (kept.thresholds, kept.goal) == ("eci", 10_000)
    kept = await office.do(publish.edit, manuscript=written(**INITIATIVE, goal="20000"))
    assert kept.goal == 20_000
    kept = await office.do(publish.edit, manuscript=written(**INITIATIVE, goal="none"))
    assert (kept.thresholds, kept.goal) == ("eci", None)


async def test_a_registration_that_is_still_to_come_is_refused(office: Office) -> None:
    with pytest.raises(Unusable, match=r"call\.md: `registered` is still to come"):
        await office.new(written(thresholds="eci", registered="2206-09-01"))


async def test_an_edited_draft_is_no_edit_once_it_is_published(office: Office) -> None:
    await office.new()
    office.clock.advance(60)
    await office.do(publish.edit, manuscript=written(kind="pledge"))
    campaign = await office.do(publish.publish)
    assert (campaign.kind, campaign.edited_at) == ("pledge", None)
    assert [kind for kind, _ in await office.said()] == ["Create", "Announce"]


async def test_the_kind_of_a_published_campaign_stays(published: Office) -> None:
    with pytest.raises(Unusable, match=r"call\.md: `kind`"):
        await published.do(publish.edit, manuscript=written(kind="pledge"))


async def test_a_file_of_another_campaign_is_refused(published: Office) -> None:
    for verb in (publish.edit, publish.update, publish.translate):
        with pytest.raises(Unusable, match="`slug` is river"):
            await published.do(verb, manuscript=written(slug="river", language="fr"))


async def test_a_translation_makes_the_note_readable_in_both_languages(published: Office) -> None:
    french = written(language="fr", title="Sauvons la vieille forêt")
    await published.do(publish.translate, manuscript=french)
    note = next(a["object"] for host, a in await published.sent() if host == "b.example")
    assert set(note["contentMap"]) == {"en", "fr"}
    assert "Sauvons" in note["contentMap"]["fr"]
    assert note["content"] == note["contentMap"]["en"]


async def test_a_translation_is_changed_by_translating_again_or_by_an_edit(published: Office) -> None:
    for verb, title in ((publish.translate, "Un"), (publish.translate, "Deux"), (publish.edit, "Trois")):
        await published.do(verb, manuscript=written(language="fr", title=title))
        async with published.database.reading() as session:
            texts = await campaigns.texts(session, (await publish.find(session, "forest")).id)
        assert texts["fr"].title == title
        assert texts["en"].title == "Save the old forest"


async def test_a_translation_into_its_own_language_and_an_edit_of_none_are_refused(published: Office) -> None:
    with pytest.raises(publish.Untranslated, match="campaign edit"):
        await published.do(publish.translate, manuscript=written(language="en"))
    with pytest.raises(publish.Untranslated, match="campaign translate"):
        await published.do(publish.edit, manuscript=written(language="de"))


async def test_news_go_to_both_kinds_of_followers(published: Office) -> None:
    news = await published.do(publish.update, manuscript=written(title="The council listens"))
    told = [(host, a["type"], a["object"]) for host, a in await published.sent()]
    assert news.number == 1
    assert [(host, kind) for host, kind, _ in told] == [("b.example", "Create"), ("c.example", "Announce")]
    uri = "https://ours.test/campaigns/forest/updates/1"
    assert told[0][2]["id"] == told[1][2] == uri
    assert "inReplyTo" not in told[0][2]


async def test_a_draft_has_no_news_and_no_end(office: Office) -> None:
    await office.new()
    with pytest.raises(publish.NotPublished):
        await office.do(publish.update, manuscript=written())
    with pytest.raises(publish.NotPublished):
        await office.do(publish.close)


async def test_a_closed_campaign_is_told_without_notifying_anybody(published: Office) -> None:
    await published.do(publish.close)
    notes = [a["object"] for _, a in await published.sent() if a["object"]["type"] == "Note"]
    assert len(notes) == 2
    assert all("updated" not in note for note in notes)
    with pytest.raises(publish.Closed):
        await published.do(publish.close)


async def test_a_closed_campaign_is_told_by_its_call_and_by_its_actor(published: Office) -> None:
    await published.do(publish.close)
    told = [(a["type"], a["object"]["type"]) for host, a in await published.sent() if host == "b.example"]
    assert told == [("Update", "Note"), ("Update", "Group")]


async def test_what_changes_is_told_to_partners_that_do_not_follow(published: Office) -> None:
    async with published.database.writing() as session:
        campaign = await publish.find(session, "forest")
        coalition = await coalitions.add(session, campaign_uri=FOREST, campaign_id=campaign.id)
        for host, state in (("d.example", "accepted"), ("e.example", "refused")):
            await members.put(
                session,
                coalition_id=coalition.id,
                actor_uri=f"https://{host}/actors/ally",
                host=host,
                inbox=f"https://{host}/actors/ally/inbox",
                state=state,
                now=published.clock.now(),
            )
    for verb in (publish.close, publish.delete):
        await published.do(verb)
        assert {host for host, _ in await published.sent()} == {"b.example", "c.example", "d.example"}


async def test_a_campaign_ends_by_itself_when_its_time_has_come(published: Office) -> None:
    async with published.database.writing() as session:
        assert await publish.close_ended(session, urls=published.urls, now=published.clock.now()) == []
    published.clock.advance(200 * 24 * 3600)
    async with published.database.writing() as session:
        assert await publish.close_ended(session, urls=published.urls, now=published.clock.now()) == [
            "forest"
        ]
    async with published.database.reading() as session:
        assert (await publish.find(session, "forest")).state == "closed"


async def test_a_campaign_whose_end_is_over_is_neither_written_nor_published(office: Office) -> None:
    with pytest.raises(Unusable, match=r"call\.md: `ends` is over"):
        await office.new(written(ends="2026-11-01"))
    await office.new()
    office.clock.advance(200 * 24 * 3600)
    with pytest.raises(publish.Closed):
        await office.do(publish.publish)


async def test_a_deletion_reaches_whoever_may_have_a_copy(published: Office) -> None:
    await published.do(publish.update, manuscript=written(title="News"))
    await published.follow("dave@d.example", kind="share")
    await published.sent()
    await published.do(publish.delete)
    told = await published.queued()
    for host in ("b.example", "c.example", "d.example"):
        deleted = [a["object"] for each, a in told if each == host and a["type"] == "Delete"]
        assert [each["id"] if isinstance(each, dict) else each for each in deleted] == [
            "https://ours.test/campaigns/forest",
            "https://ours.test/campaigns/forest/updates/1",
            "https://ours.test/actors/forest",
        ]
        assert deleted[0]["type"] == "Tombstone"


async def test_what_was_not_sent_before_a_deletion_never_is(published: Office) -> None:
    await published.do(publish.update, manuscript=written(title="News"))
    await published.do(publish.edit, manuscript=written(title="Another title"))
    await published.do(publish.delete)
    assert {activity["type"] for _, activity in await published.queued()} == {"Delete"}
    assert not any(listed for _, listed in await published.said())


async def test_what_is_being_sent_while_its_campaign_is_deleted_leaves_the_outbox(published: Office) -> None:
    await published.do(publish.update, manuscript=written(title="News"))
    async with published.database.writing() as session:
        for delivery in await session.scalars(select(Delivery)):
            delivery.lease_until = published.clock.now() + timedelta(seconds=60)
    await published.do(publish.delete)
    kinds = [activity["type"] for _, activity in await published.queued()]
    assert kinds.count("Create") == kinds.count("Announce") == 1
    assert not any(listed for _, listed in await published.said())


async def test_nothing_of_a_deleted_campaign_is_kept_but_its_name(published: Office) -> None:
    await published.do(publish.update, manuscript=written(title="News"))
    async with published.database.writing() as session:
        await elsewhere.enter(
            session,
            slug="forest",
            source="Paper",
            count=5,
            country=None,
            counted_on=published.clock.now().date(),
            now=published.clock.now(),
        )
    await published.do(publish.delete)
    async with published.database.reading() as session:
        campaign = await campaigns.by_slug(session, "forest")
        actor = await local_actors.by_name(session, "forest")
        assert campaign is not None
        assert actor is not None
        assert (campaign.state, campaign.deleted_at) == ("deleted", published.clock.now())
        assert actor.deleted_at == published.clock.now()
        assert await campaigns.texts(session, campaign.id) == {}
        assert await updates.of_campaign(session, campaign.id) == []
        assert await entered.every(session, campaign.id) == []
        assert await campaigns.every(session) == []
    for verb in (publish.publish, publish.close, publish.delete):
        with pytest.raises(publish.Unknown, match="deleted on 21 November 2026"):
            await published.do(verb)
    with pytest.raises(publish.Taken):
        await published.new()


async def test_a_draft_is_deleted_without_a_word(office: Office) -> None:
    await office.new()
    await office.do(publish.delete)
    assert await office.said() == []


@pytest.mark.parametrize("slug", ["org", "forest"])
async def test_a_name_is_given_once(office: Office, slug: str) -> None:
    await office.new()
    with pytest.raises(publish.Taken):
        await office.new(written(slug=slug))


async def test_what_is_refused_leaves_nothing_behind(office: Office) -> None:
    for missing in ("title", "slug", "topic"):
        with pytest.raises(Unusable, match=f"call.md: the field `{missing}` is missing"):
            await office.new(written(**{missing: ""}))
    async with office.database.reading() as session:
        assert await campaigns.every(session) == []
        assert await local_actors.by_name(session, "forest") is None


async def test_an_unknown_campaign_is_said_to_be_one(office: Office) -> None:
    with pytest.raises(publish.Unknown, match="There is no campaign `forest`"):
        await office.do(publish.publish)

"""What is kept of campaigns, their texts, their news, and their counts."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import campaigns, counts, local_actors, updates, users
from storage.database import Database
from storage.models import Campaign, Counts
from storage.registers import Key
from tests.clock import Clock
from tests.storage import rows

NOW = Clock().now()


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    database = Database(database_url)
    async with database.writing() as opened:
        yield opened
    await database.close()


async def draft(
    session: AsyncSession, slug: str, *, topic: str = "Forests", state: str = "draft", at: datetime = NOW
) -> Campaign:
    """A campaign in this state, with a title in English."""
    actor = await local_actors.add(
        session,
        name=slug,
        kind="campaign",
        rsa_public="",
        rsa_sealed=b"",
        ed25519_public="",
        ed25519_sealed=b"",
        now=at,
    )
    campaign = await campaigns.add(
        session,
        actor_id=actor.id,
        slug=slug,
        kind="petition",
        topic=topic,
        language="en",
        goal=None,
        ends_at=None,
        now=at,
    )
    await write(session, campaign, "en", slug.title())
    if state != "draft":
        campaign.state, campaign.published_at = state, at
    return campaign


async def write(session: AsyncSession, campaign: Campaign, language: str, title: str) -> None:
    await campaigns.put_text(
        session,
        campaign_id=campaign.id,
        language=language,
        title=title,
        markdown="Text",
        html="<p>Text</p>",
        now=NOW,
    )


async def test_a_campaign_is_found_by_its_slug_however_it_is_typed(session: AsyncSession) -> None:
    made = await draft(session, "forest")
    found = await campaigns.by_slug(session, "Forest")
    assert found is made
    assert await campaigns.by_slug(session, "forests") is None
    assert await campaigns.by_actor(session, made.actor_id) is made


async def test_the_directory_shows_open_campaigns_then_closed_ones_and_no_other(
    session: AsyncSession,
) -> None:
    day = timedelta(days=1)
    await draft(session, "old", state="published", at=NOW)
    await draft(session, "over", state="closed", at=NOW + 3 * day)
    await draft(session, "new", state="published", at=NOW + day)
    await draft(session, "hidden")
    await draft(session, "gone", state="deleted")
    listed = await campaigns.published(session)
    assert [each.campaign.slug for each in listed] == ["new", "old", "over"]
    assert {each.campaign.slug for each in await campaigns.every(session)} == {"new", "old", "over", "hidden"}


async def test_a_listed_campaign_has_its_texts_and_counts(session: AsyncSession) -> None:
    made = await draft(session, "forest", state="published")
    await draft(session, "river", state="published")
    await write(session, made, "fr", "Forêt")
    await counts.move(session, {made.actor_id: {"endorsements": 3, "shares": 1}}, NOW)
    river, forest = await campaigns.published(session)
    assert forest.text("fr", "en").title == "Forêt"
    assert forest.text("de").title == "Forest"
    assert (forest.counts.endorsements, forest.counts.shares, forest.counts.held) == (3, 1, 0)
    assert river.counts.endorsements == 0


async def test_a_topic_written_in_two_ways_is_one_topic(session: AsyncSession) -> None:
    await draft(session, "one", topic="Old forests", state="published")
    await draft(session, "two", topic="old forests", state="closed")
    await draft(session, "three", topic="Rivers", state="published")
    await draft(session, "four", topic="Secrets")
    assert [(each.name.lower(), each.campaigns) for each in await campaigns.topics(session)] == [
        ("old forests", 2),
        ("rivers", 1),
    ]
    listed = await campaigns.published(session, topic="OLD FORESTS")
    assert {each.campaign.slug for each in listed} == {"one", "two"}


async def test_a_text_takes_the_place_of_the_one_in_its_language(session: AsyncSession) -> None:
    made = await draft(session, "forest")
    await write(session, made, "fr", "Premier")
    await write(session, made, "fr", "Second")
    texts = await campaigns.texts(session, made.id)
    assert {language: text.title for language, text in texts.items()} == {"en": "Forest", "fr": "Second"}


async def test_news_are_numbered_in_each_campaign_and_shown_newest_first(session: AsyncSession) -> None:
    forest, river = await draft(session, "forest"), await draft(session, "river")
    for campaign, title in ((forest, "a"), (river, "b"), (forest, "c")):
        await updates.add(
            session, campaign_id=campaign.id, language="en", title=title, markdown="", html="", now=NOW
        )
    news = await updates.of_campaign(session, forest.id)
    assert [(each.number, each.title) for each in news] == [(2, "c"), (1, "a")]
    found = await updates.by_number(session, river.id, 1)
    assert found is not None
    assert found.title == "b"


async def test_the_campaigns_whose_end_has_come_are_found(session: AsyncSession) -> None:
    made = await draft(session, "forest", state="published")
    made.ends_at = NOW + timedelta(hours=1)
    await session.flush()
    assert await campaigns.expired(session, now=NOW) == []
    assert await campaigns.expired(session, now=NOW + timedelta(hours=1)) == [made]


async def test_whoever_dealt_with_a_campaign_is_reached_by_one_inbox_per_server(
    session: AsyncSession,
) -> None:
    made = await draft(session, "forest", state="published")
    people = await rows.people(session, "bob@big.example", "carol@big.example", "dave@small.example", now=NOW)
    for person, kind, present in zip(
        people, ("endorsement", "share", "subscription"), (True, False, True), strict=True
    ):
        await rows.say(session, Key(made.actor_id, kind, person.id), present=present, now=NOW)
    assert sorted(await campaigns.reached_inboxes(session, campaign=made)) == [
        "https://big.example/inbox",
        "https://small.example/inbox",
    ]


async def test_counts_that_disagree_with_their_registers_are_found_and_set_right(
    session: AsyncSession,
) -> None:
    made = await draft(session, "forest", state="published")
    other = await draft(session, "river", state="published")
    bob, carol, dave = await rows.people(
        session, "bob@a.example", "carol@a.example", "dave@b.example", now=NOW
    )
    for person, kind, present, held in (
        (bob, "endorsement", True, False),
        (carol, "endorsement", True, True),
        (dave, "endorsement", False, False),
        (bob, "share", True, False),
        (dave, "subscription", True, False),
    ):
        await rows.say(session, Key(made.actor_id, kind, person.id), present=present, held=held, now=NOW)
    session.add(
        Counts(subject_id=other.actor_id, endorsements=7, shares=0, subscriptions=0, held=0, changed_at=NOW)
    )
    await session.flush()
    wrong = {each.name: each for each in await counts.recount(session) if not each.agrees}
    assert wrong["forest"].counted == (1, 1, 1, 1)
    assert wrong["river"].counted == (0, 0, 0, 0)
    await counts.replace(session, wrong.values(), now=NOW + timedelta(seconds=1))
    assert all(each.agrees for each in await counts.recount(session))
    right = await counts.of(session, made.actor_id)
    assert (right.endorsements, right.shares, right.subscriptions, right.held) == (1, 1, 1, 1)


async def test_a_mail_address_is_a_user_once(session: AsyncSession) -> None:
    await users.add(session, email="Alice@ours.test", role="owner", password_hash="", now=NOW)
    with pytest.raises(users.Taken):
        await users.add(session, email="alice@OURS.test", role="reader", password_hash="", now=NOW)
    assert [each.email for each in await users.every(session)] == ["alice@ours.test"]

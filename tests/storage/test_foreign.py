"""What is kept of the campaigns of other instances, when it is looked at again, and what of it is shown."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import (
    actors,
    blocks,
    campaigns,
    coalitions,
    followings,
    foreign,
    local_actors,
    members,
    revisits,
    sightings,
)
from storage.coalition_models import ForeignCampaign, Sighting
from storage.database import Database
from storage.foreign import Said
from tests.clock import Clock
from tests.storage import rows

NOW = Clock().now()
LEASE = NOW + timedelta(minutes=1)
TOMORROW = NOW + timedelta(days=1)
ORG = "https://friends.test/users/org"
TEXTS = {"en": ("Save the forest", "<p>Please.</p>")}
FOREST = Said(
    actor_uri="https://friends.test/actors/forest",
    note_uri="https://friends.test/campaigns/forest",
    slug="forest",
    origin="friends.test",
    inbox="https://friends.test/actors/forest/inbox",
    organisation_uri=ORG,
    organisation_name="Friends",
    kind="petition",
    topic="Forests",
    goal=None,
    language="en",
    state="published",
    shares=0,
    thresholds=None,
    registered_at=None,
    picture=None,
    picture_source=None,
    picture_alt=None,
    picture_type=None,
    picture_width=None,
    picture_height=None,
    published_at=NOW,
    edited_at=None,
    ends_at=None,
    closed_at=None,
)


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    database = Database(database_url)
    async with database.writing() as opened:
        yield opened
    await database.close()


def named(slug: str, **more: object) -> Said:
    base = "https://friends.test"
    changes = {"actor_uri": f"{base}/actors/{slug}", "note_uri": f"{base}/campaigns/{slug}", "slug": slug}
    return replace(FOREST, **(changes | more))  # type: ignore[arg-type]


async def put(session: AsyncSession, said: Said = FOREST, *, at: datetime = NOW) -> ForeignCampaign:
    return await foreign.put(session, said, TEXTS, now=at, refresh_at=at + timedelta(days=1))


async def follow(session: AsyncSession, handle: str = "org@friends.test") -> int:
    """Follows the organisation; its row key."""
    [known] = await rows.people(session, handle, now=NOW)
    await followings.ask(session, actor_id=known.id, activity_uri=f"https://ours.test/{handle}", now=NOW)
    return known.id


async def slugs(session: AsyncSession) -> list[str]:
    return [each.campaign.slug for each in await foreign.listed(session)]


async def due(session: AsyncSession, now: datetime) -> list[ForeignCampaign]:
    return await revisits.claim(session, now=now, lease_until=now + timedelta(minutes=1), limit=9)


async def test_what_an_origin_says_takes_the_place_of_what_it_said(session: AsyncSession) -> None:
    first = await put(session)
    await foreign.put(
        session,
        replace(FOREST, goal=500),
        {"de": ("Der Wald", "<p>Bitte.</p>")},
        now=TOMORROW,
        refresh_at=TOMORROW + timedelta(days=1),
    )
    found = await foreign.by_address(session, "Forest", "FRIENDS.test")
    assert found is not None
    assert (found.id, found.goal, found.fetched_at) == (first.id, 500, TOMORROW)
    texts = await foreign.texts(session, first.id)
    assert {language: text.title for language, text in texts.items()} == {"de": "Der Wald"}
    assert await foreign.by_id(session, first.id) is found
    assert await foreign.by_actor(session, FOREST.actor_uri) is found
    assert await foreign.by_note(session, FOREST.note_uri) is found


async def test_the_directory_shows_what_is_followed_and_what_we_are_a_partner_of(
    session: AsyncSession,
) -> None:
    await local_actors.add(
        session,
        name="ours.test",
        kind="instance",
        rsa_public="",
        rsa_sealed=b"",
        ed25519_public="",
        ed25519_sealed=b"",
        now=NOW,
    )
    for number, slug in enumerate(("forest", "river", "meadow", "stranger")):
        uri = ORG if slug == "forest" else f"https://{slug}.test/org"
        await put(
            session,
            named(slug, organisation_uri=uri, published_at=NOW + timedelta(hours=number), topic=slug[0]),
        )
    assert await slugs(session) == []
    await follow(session)
    for slug, state in (("river", "accepted"), ("meadow", "requested")):
        coalition = await coalitions.add(session, campaign_uri=named(slug).actor_uri)
        for host in ("ours.test", "partner.test"):
            await members.put(
                session,
                coalition_id=coalition.id,
                actor_uri=f"https://{host}/actors/org",
                host=host,
                state=state if host == "ours.test" else "accepted",
                now=NOW,
            )
    assert await slugs(session) == ["river", "forest"]
    assert [topic.name for topic in await foreign.topics(session)] == ["f", "r"]
    found = await foreign.by_address(session, "river", "friends.test")
    assert found is not None
    found.state = "closed"
    assert await slugs(session) == ["forest", "river"]
    found.state = "deleted"
    assert await slugs(session) == ["forest"]
    await blocks.add(session, "friends.test", "", NOW)
    assert await slugs(session) == []


async def test_a_campaign_that_is_being_looked_at_is_nobody_elses_until_the_lease_ends(
    session: AsyncSession,
) -> None:
    await put(session)
    assert await due(session, TOMORROW) == []
    await follow(session)
    assert await due(session, NOW) == []
    [claimed] = await due(session, TOMORROW)
    assert await due(session, TOMORROW) == []
    assert [each.id for each in await due(session, claimed.refresh_at)] == [claimed.id]


async def test_what_changed_while_it_was_looked_at_is_looked_at_again(session: AsyncSession) -> None:
    await put(session)
    await follow(session)
    [claimed] = await due(session, TOMORROW)
    lease = claimed.refresh_at
    session.expunge(claimed)
    moment = TOMORROW + timedelta(seconds=3)
    assert await revisits.changed(session, actor_uri=FOREST.actor_uri, now=moment)
    session.expire_all()
    later = TOMORROW + timedelta(days=1)
    row = await foreign.put(session, FOREST, TEXTS, now=moment, refresh_at=later, lease_until=lease)
    assert row.refresh_at == moment
    [again] = await due(session, moment)
    lease = again.refresh_at
    row = await foreign.put(session, FOREST, TEXTS, now=moment, refresh_at=later, lease_until=lease)
    assert row.refresh_at == later


async def test_an_origin_that_keeps_changing_is_not_asked_all_the_time(session: AsyncSession) -> None:
    row = await put(session)
    for seconds, expected in ((1, 6), (2, 7), (9, 9)):
        moment = NOW + timedelta(seconds=seconds)
        assert await revisits.changed(session, actor_uri=FOREST.actor_uri, now=moment)
        await session.refresh(row)
        assert row.refresh_at == NOW + timedelta(seconds=expected)


async def test_only_its_own_actor_changes_or_deletes_a_campaign(session: AsyncSession) -> None:
    row = await put(session)
    other = "https://friends.test/actors/other"
    assert not await revisits.changed(session, actor_uri=other, now=NOW)
    assert not await revisits.deleted(session, actor_uri=other, object_uri=FOREST.note_uri, now=NOW)
    update = f"{FOREST.note_uri}/updates/1"
    assert not await revisits.deleted(session, actor_uri=FOREST.actor_uri, object_uri=update, now=NOW)
    await session.refresh(row)
    assert (row.state, row.refresh_at) == ("published", TOMORROW)
    for uri in (FOREST.note_uri, FOREST.actor_uri):
        assert await revisits.deleted(session, actor_uri=FOREST.actor_uri, object_uri=uri, now=NOW)
    await session.refresh(row)
    assert (row.state, row.refresh_at) == ("deleted", NOW)


async def test_what_has_ended_is_closed(session: AsyncSession) -> None:
    row = await put(session, replace(FOREST, ends_at=NOW + timedelta(hours=1)))
    assert not await revisits.is_anything_due(session, NOW)
    later = NOW + timedelta(hours=2)
    assert await revisits.is_anything_due(session, later)
    await revisits.close_ended(session, later)
    await session.refresh(row)
    assert (row.state, row.closed_at) == ("closed", row.ends_at)
    assert not await revisits.is_anything_due(session, later)


async def test_what_is_gone_leaves_neither_words_nor_picture(session: AsyncSession) -> None:
    row = await put(session, replace(FOREST, picture="oak.jpg", picture_source="https://friends.test/oak"))
    assert await campaigns.pictures(session) == ["oak.jpg"]
    await revisits.withdraw(session, row, now=NOW, next_at=TOMORROW)
    await session.refresh(row)
    assert (row.state, row.picture, row.picture_source, row.failures) == ("deleted", None, None, 1)
    assert await foreign.texts(session, row.id) == {}
    assert await campaigns.pictures(session) == []


async def test_what_nobody_wants_any_more_is_forgotten(session: AsyncSession) -> None:
    actor_id = await follow(session)
    await put(session, replace(FOREST, picture="oak.jpg"))
    await put(session, named("river", picture="oak.jpg"))
    await put(session, named("meadow", picture="hay.jpg"))
    kept = await put(session, named("hill", picture="hay.jpg"))
    await coalitions.add(session, campaign_uri=kept.actor_uri)
    assert await foreign.forget_unwanted(session) == []
    await followings.remove(session, actor_id)
    assert await foreign.forget_unwanted(session) == ["oak.jpg"]
    assert await foreign.by_note(session, FOREST.note_uri) is None
    assert await foreign.by_note(session, kept.note_uri) is kept


async def test_an_answer_makes_a_following_due_though_it_is_being_read(session: AsyncSession) -> None:
    actor_id = await follow(session)
    [read] = await followings.claim(session, now=NOW, lease_until=LEASE, limit=9)
    assert (read.actor_id, read.uri) == (actor_id, ORG)
    assert await followings.claim(session, now=NOW, lease_until=LEASE, limit=9) == []
    uri = "https://ours.test/org@friends.test"
    assert await followings.answer(session, actor_uri=ORG, activity_uri=uri, state="accepted", now=NOW)
    await followings.put_read(session, read, now=NOW, next_at=TOMORROW)
    session.expire_all()
    [again] = await followings.claim(session, now=NOW, lease_until=LEASE, limit=9)
    await followings.postpone(session, again, next_at=LEASE)
    session.expire_all()
    [third] = await followings.claim(session, now=LEASE, lease_until=TOMORROW, limit=9)
    assert third.failures == 1
    await followings.put_read(session, third, now=LEASE, next_at=TOMORROW + timedelta(days=1))
    session.expire_all()
    assert await followings.claim(session, now=TOMORROW, lease_until=TOMORROW, limit=9) == []


async def test_who_refused_is_neither_read_nor_listened_to(session: AsyncSession) -> None:
    await follow(session)
    uri = "https://ours.test/org@friends.test"
    assert await followings.any_of(session, ORG)
    assert await followings.answer(session, actor_uri=ORG, activity_uri=uri, state="refused", now=NOW)
    session.expire_all()
    assert not await followings.any_of(session, ORG)
    assert await followings.claim(session, now=NOW, lease_until=LEASE, limit=9) == []
    assert not await sightings.shared(session, actor_uri=ORG, note_uri=FOREST.note_uri, now=NOW)


async def test_what_is_shared_waits_to_be_looked_at_within_bounds(session: AsyncSession) -> None:
    assert not await sightings.shared(session, actor_uri=ORG, note_uri=FOREST.note_uri, now=NOW)
    await follow(session)
    for _ in range(2):
        assert await sightings.shared(session, actor_uri=ORG, note_uri=FOREST.note_uri, now=NOW)
    [seen] = await sightings.claim(session, now=NOW, lease_until=LEASE, limit=9)
    assert seen.note_uri == FOREST.note_uri
    # Shared once more while somebody looks: to be looked at once more.
    assert await sightings.shared(session, actor_uri=ORG, note_uri=FOREST.note_uri, now=NOW)
    await sightings.finish(session, seen)
    session.expire_all()
    [again] = await sightings.claim(session, now=NOW, lease_until=LEASE, limit=9)
    await sightings.finish(session, again)
    await put(session)
    many = [f"https://friends.test/{number}" for number in range(sightings.MOST + 5)]
    await sightings.add(session, [FOREST.note_uri, FOREST.actor_uri, *many], NOW)
    assert await session.scalar(select(func.count(Sighting.note_uri))) == sightings.MOST
    assert not await sightings.shared(session, actor_uri=ORG, note_uri=many[-1], now=NOW)


async def test_what_strangers_say_costs_one_statement(session: AsyncSession) -> None:
    said: list[str] = []
    connection = (await session.connection()).sync_connection
    assert connection is not None
    event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
    stranger = "https://elsewhere.test/users/bob"
    assert not await revisits.changed(session, actor_uri=stranger, now=NOW)
    assert not await revisits.deleted(session, actor_uri=stranger, object_uri=stranger, now=NOW)
    assert not await sightings.shared(session, actor_uri=stranger, note_uri=f"{stranger}/1", now=NOW)
    assert len(said) == 3


async def test_whom_we_follow_is_listed_with_the_number_of_their_campaigns(session: AsyncSession) -> None:
    await follow(session)
    await follow(session, "ally@allies.test")
    await put(session)
    await put(session, named("river"))
    await put(session, named("hill", state="deleted"))
    assert [(each.shown, each.state, each.campaigns) for each in await followings.listed(session)] == [
        ("@ally@allies.test", "requested", 0),
        ("@org@friends.test", "requested", 2),
    ]
    found = await followings.of(session, ORG)
    assert found is not None
    assert (await actors.by_uris(session, [ORG]))[ORG].id == found[0].actor_id


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_what_is_followed_is_found_without_reading_all_actors(
    session: AsyncSession, database_url: str
) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "followings" in statement:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await revisits.is_anything_due(session, NOW)
        await due(session, NOW)
        await foreign.listed(session)
        await coalitions.unlinked(session)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) == 4
    connection = await session.connection()
    for statement, parameters in asked:
        plan = [
            str(row[3])
            for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
        assert any(line.startswith("SEARCH actors USING INDEX") for line in plan)
        assert not any(line.startswith("SCAN actors") for line in plan)

"""The schema's history leads, from nothing and from a filled database, to the tables of the models."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, column, inspect, select
from sqlalchemy import table as sql_table
from sqlalchemy.ext.asyncio import create_async_engine

from storage import campaigns, elsewhere, migrations, organisations, updates
from storage.columns import from_milliseconds
from storage.database import Database, async_url
from storage.tables import Base
from tests import databases
from tests.storage.test_campaigns import draft

Seen = TypeVar("Seen")
AT = 1_790_000_000_123
"""A time of a database's rows, in milliseconds since 1970."""


@pytest.fixture
def empty_url(dialect: databases.Dialect, templates: databases.Templates, tmp_path: Path) -> Iterator[str]:
    """A database without a single table."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    assert templates.cluster is not None
    name = templates.cluster.create()
    yield templates.cluster.url(name)
    templates.cluster.drop(name)


async def see(url: str, look: Callable[[Connection], Seen]) -> Seen:
    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def rows(connection: Connection, table: str, *columns: str) -> list[list[object]]:
    """What is in these columns, in an order of its own."""
    found = connection.execute(select(*(column(name) for name in columns)).select_from(sql_table(table)))
    return sorted(([*row] for row in found), key=repr)


def fill(connection: Connection) -> dict[tuple[str, ...], list[list[object]]]:
    """An instance as the first tables keep it: a campaign, its news, and Bob, who endorsed and answered.

    Returns what is in each table that has rows, by its name and columns.
    """
    metadata = MetaData()
    metadata.reflect(connection)
    filled = []

    def add(table: str, **values: object) -> int:
        filled.append(table)
        added = connection.execute(metadata.tables[table].insert().values(values)).inserted_primary_key
        return int(added[0]) if added and isinstance(added[0], int) else 0

    def actor(name: str, kind: str) -> int:
        return add(
            "local_actors",
            name=name,
            kind=kind,
            created_at=AT,
            rsa_public=f"{name}'s",
            rsa_sealed=name.encode(),
            ed25519_public=f"{name}'s own",
            ed25519_sealed=b"\x00\xff",
        )

    add("users", email="alice@ours.test", role="owner", password_hash="$argon2id$", created_at=AT)
    actor("ours.test", "instance")
    organisation = actor("org", "organisation")
    add("organisations", actor_id=organisation, name="Friends of the Old Forest", summary="", language="en")
    forest = actor("forest", "campaign")
    campaign = add(
        "campaigns",
        actor_id=forest,
        slug="forest",
        kind="petition",
        topic="Old forests",
        goal=1000,
        language="en",
        state="published",
        picture="oaks.jpg",
        picture_width=1600,
        created_at=AT,
        published_at=AT,
        ends_at=AT + 10**10,
    )
    for table, more in (
        ("campaign_texts", {"language": "en", "title": "Save the old forest", "edited_at": AT}),
        ("updates", {"number": 1, "language": "en", "title": "News", "published_at": AT}),
    ):
        add(table, campaign_id=campaign, markdown="**Oaks**", html="<strong>Oaks</strong>", **more)
    host = add("hosts", name="b.example", first_seen_at=AT, scheme="cavage", failures=0)
    uri = "https://b.example/users/bob"
    bob = add(
        "actors",
        uri=uri,
        host_id=host,
        type="Person",
        handle="bob",
        name="Bob 🌳",
        inbox=f"{uri}/inbox",
        first_seen_at=AT,
        fetched_at=AT,
    )
    add("actor_keys", key_uri=f"{uri}#main-key", actor_id=bob, public_pem="PEM", fetched_at=AT)
    for subject, kind, present in ((forest, "endorsement", True), (forest, "share", False)):
        add(
            "registers",
            subject_id=subject,
            kind=kind,
            actor_id=bob,
            present=present,
            held=False,
            signed_at=AT,
            activity_uri=f"{uri}/{kind}",
        )
    add("counts", subject_id=forest, endorsements=1, shares=0, subscriptions=0, held=0, changed_at=AT)
    add("voids", actor_id=bob, activity_uri=f"{uri}/like", signed_at=AT, expires_at=AT + 1)
    add("seen_signatures", fingerprint="f" * 64, expires_at=AT)
    add(
        "testimonies",
        campaign_id=campaign,
        actor_id=bob,
        note_uri=f"{uri}/1",
        in_reply_to="https://ours.test/campaigns/forest",
        html="<p>I played there</p>",
        state="allowed",
        signed_at=AT,
        published_at=AT,
        received_at=AT,
    )
    activity = add(
        "activities",
        uri="https://ours.test/activities/1",
        actor_id=forest,
        type="Create",
        document="{}",
        listed=True,
        published_at=AT,
    )
    add(
        "deliveries",
        activity_id=activity,
        inbox=f"{uri}/inbox",
        host="b.example",
        created_at=AT,
        next_at=AT,
        attempts=2,
    )
    add("blocks", target="evil.example", reason="spam", created_at=AT)
    connection.commit()
    columns = {name: [each.name for each in metadata.tables[name].columns] for name in filled}
    return {(name, *names): rows(connection, name, *names) for name, names in columns.items()}


async def test_an_empty_database_is_brought_to_the_newest_schema(empty_url: str) -> None:
    assert not await migrations.is_current(empty_url)
    await migrations.upgrade(empty_url)
    assert await migrations.is_current(empty_url)
    tables = await see(empty_url, lambda connection: set(inspect(connection).get_table_names()))
    assert tables == set(Base.metadata.tables) | {"alembic_version"}


async def test_the_migrations_make_what_the_models_say(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))

    assert await see(database_url, differences) == []


async def test_an_upgrade_changes_nothing_in_a_database_that_is_current(
    initialised_url: str, campaign: None
) -> None:
    await migrations.upgrade(initialised_url)
    assert await migrations.is_current(initialised_url)
    database = Database(initialised_url)
    async with database.reading() as session:
        assert await organisations.name(session) == "Friends of the Old Forest"
        (listed,) = await campaigns.published(session)
        assert listed.text().title == "Save the old forest"
    await database.close()


async def test_an_upgrade_from_the_first_tables_keeps_everything(empty_url: str) -> None:
    await migrations.upgrade(empty_url, "0001")
    kept = await see(empty_url, fill)
    assert all(kept.values())
    await migrations.upgrade(empty_url)
    assert await migrations.is_current(empty_url)
    assert (
        await see(empty_url, lambda connection: {table: rows(connection, *table) for table in kept}) == kept
    )


async def test_a_database_of_the_first_tables_is_worked_with_after_its_upgrade(empty_url: str) -> None:
    await migrations.upgrade(empty_url, "0001")
    await see(empty_url, fill)
    await migrations.upgrade(empty_url)
    database = Database(empty_url)
    async with database.writing() as session:
        assert await organisations.name(session) == "Friends of the Old Forest"
        (listed,) = await campaigns.published(session)
        campaign = listed.campaign
        assert (listed.text().title, campaign.published_at) == ("Save the old forest", from_milliseconds(AT))
        assert (listed.counts.endorsements, listed.counts.shares) == (1, 0)
        assert (campaign.thresholds, campaign.registered_at) == (None, None)
        assert [each.title for each in await updates.of_campaign(session, campaign.id)] == ["News"]
        await elsewhere.add(
            session,
            campaign_id=campaign.id,
            source="Paper",
            count=5,
            country=None,
            counted_at=from_milliseconds(AT),
            now=from_milliseconds(AT),
        )
        # Rows made after the upgrade take numbers of their own.
        await draft(session, "river")
    async with database.reading() as session:
        assert len(await campaigns.every(session)) == 2
    await database.close()


def test_the_history_is_one_line() -> None:
    script = ScriptDirectory.from_config(migrations.configuration())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


async def test_an_organisation_is_not_found_in_an_empty_database(empty_url: str) -> None:
    database = Database(empty_url)
    async with database.reading() as session:
        assert await organisations.name(session) is None
    await database.close()


@pytest.fixture
def campaign() -> None:
    """Asking for it fills the database; nothing of the application is opened."""

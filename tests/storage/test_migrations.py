"""The schema's history leads, from nothing and from a filled database, to the tables of the models."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from storage import campaigns, migrations, organisations
from storage.database import Database, async_url
from storage.models import Base
from tests import databases

Seen = TypeVar("Seen")


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


async def test_an_upgrade_keeps_what_is_in_a_filled_database(initialised_url: str, campaign: None) -> None:
    await migrations.upgrade(initialised_url)
    assert await migrations.is_current(initialised_url)
    database = Database(initialised_url)
    async with database.reading() as session:
        assert await organisations.name(session) == "Friends of the Old Forest"
        (listed,) = await campaigns.published(session)
        assert listed.text().title == "Save the old forest"
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

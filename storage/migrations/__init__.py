"""The schema's history (Alembic), and the one way to bring a database up to date.

A server only asks whether that is needed: Alembic, which takes 8 MB, is loaded by whoever upgrades.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, event, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage import sqlite
from storage.database import async_url

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent


def newest() -> str:
    """The revision that this code expects: files are named after theirs, in order."""
    return max(path.name.split("_")[0] for path in (HERE / "versions").glob("[0-9]*.py"))


def configuration() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(HERE))
    return config


async def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at `url` to a revision, in one transaction."""
    from alembic import command  # noqa: PLC0415

    def run(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = _one_transaction(async_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


def _one_transaction(url: URL) -> AsyncEngine:
    """Of SQLite the driver begins no transaction for what changes the schema, and half of it would stay."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url)
    engine = create_async_engine(url, async_creator=lambda: sqlite.connect(url.database or ""))

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


async def is_current(url: str) -> bool:
    """Whether the database has the newest schema."""

    def revision(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found

    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(revision) == newest()
    finally:
        await engine.dispose()

"""The schema's history (Alembic), and the one way to bring a database up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from storage.database import async_url


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


async def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at `url` to a revision, in one transaction."""

    def run(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def is_current(url: str) -> bool:
    """Whether the database has the newest schema."""

    def revision(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(revision)
    finally:
        await engine.dispose()
    return found == ScriptDirectory.from_config(configuration()).get_current_head()

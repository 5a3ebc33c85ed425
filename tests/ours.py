"""An instance of ours for a test: the Friends of the Old Forest, and their campaign."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import initialise, publish, seal, settings
from fedicause.campaigning import manuscript
from fedicause.settings import Settings
from fedicause.urls import Urls
from storage.database import Database
from storage.models import LocalActor

URL = "https://ours.test"
PATIENT = 9.0
"""Seconds for a key to come: that the machine is busy is no reason to park a request."""
FOREST = """---
title: Save the old forest
slug: forest
kind: petition
topic: Environment
goal: 1000
language: en
---
The old forest between the two villages is **200 years old**. It is to be felled in spring.

We ask the council to keep it.
"""


def settings_for(
    database: str, directory: Path, *, url: str = URL, secret: Path | None = None, key_wait: float = PATIENT
) -> Settings:
    """The settings of an instance whose files are below `directory`; http at a URL means development mode."""
    loaded = settings.load(
        {
            "FEDICAUSE_URL": url,
            "FEDICAUSE_DATABASE": database,
            "FEDICAUSE_DATA": str(directory / "data"),
            "FEDICAUSE_SECRET_FILE": str(secret or directory / "secret"),
            "FEDICAUSE_DEV": "1" if url.startswith("http:") else "",
        },
        dotenv=directory / "no.env",
    )
    return replace(loaded, key_wait=key_wait)


async def begin(given: Settings, *, now: datetime) -> None:
    """What `init` does, with a handle that the fixtures know."""
    if not given.secret_file.exists():
        seal.create_secret(given.secret_file)
    async with changing(given) as session:
        await initialise.organisation(
            session,
            seal=seal.load(given.secret_file),
            host=given.host,
            name="Friends of the Old Forest",
            handle="org",
            admin_email="alice@ours.test",
            now=now,
        )


async def write_forest(given: Settings, *, now: datetime) -> None:
    """What `campaign new` does."""
    async with changing(given) as session:
        written = manuscript.parse(FOREST, Path("forest.md"))
        await publish.create(session, seal=seal.load(given.secret_file), manuscript=written, now=now)


async def publish_forest(given: Settings, *, now: datetime) -> None:
    """Publishes it and no more: its coalition is founded by the worker, as those of older versions are."""
    async with changing(given) as session:
        await publish.publish(session, urls=Urls(given.url), slug="forest", now=now)


async def move(session: AsyncSession, host: str) -> None:
    """The organisation, which nobody knows yet, is at another host."""
    await session.execute(update(LocalActor).where(LocalActor.kind == "instance").values(name=host))


@asynccontextmanager
async def changing(given: Settings) -> AsyncIterator[AsyncSession]:
    """One transaction in the instance's database, as the command line makes it."""
    database = Database(given.database)
    try:
        async with database.writing() as session:
            yield session
    finally:
        await database.close()

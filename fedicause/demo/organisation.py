"""The demo's organisation: who it is, what it publishes and when, and how it reads the replies."""

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from fedicause import initialise, manuscript, moderate, pictures, publish, seal
from fedicause.demo import artwork
from fedicause.instance import Instance
from fedicause.settings import Settings
from storage import campaigns, local_actors, migrations, testimonies
from storage.campaigns import Listed
from storage.database import Database
from storage.testimonies import Shown

CAMPAIGNS: Final = Path(__file__).parent / "campaigns"
NAME: Final = "Open Square"
HANDLE: Final = "square"
SUMMARY: Final = (
    "We collect the calls of digital rights organisations in one place, so that whoever cares for one "
    "finds the others. This is a demonstration: the causes are real, the people who endorse them are not."
)

# What is published, the last first on the page, and how many of all people it moves.
PROGRAMME: Final = {
    "drop-proctorio": 0.42,
    "university-apps": 0.4,
    "whyid": 0.62,
    "ring-doorbells": 0.46,
    "amazon-police": 0.64,
    "no-backdoors": 0.55,
    "save-security": 0.78,
    "magic-kingdom": 0.5,
    "ban-the-scan": 0.72,
    "reclaim-your-face": 0.93,
}
_ADVERTISED: Final = ("sunglasses", "crypto")


async def set_up(settings: Settings, now: datetime) -> None:
    """Sets up what `init` sets up."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    await migrations.upgrade(settings.database)
    seal.create_secret(settings.secret_file)
    database = Database(settings.database)
    try:
        async with database.writing() as session:
            await initialise.organisation(
                session,
                seal=seal.load(settings.secret_file),
                host=settings.host,
                name=NAME,
                handle=HANDLE,
                admin_email="admin@localhost",
                now=now,
            )
            organisation, _ = await local_actors.organisation(session)
            organisation.summary = SUMMARY
    finally:
        await database.close()


async def publish_all(instance: Instance) -> None:
    """Publishes every campaign, with its picture and translations."""
    drawing = {slug: asyncio.create_task(asyncio.to_thread(_picture, slug, instance)) for slug in PROGRAMME}
    for slug in PROGRAMME:
        picture = await drawing[slug]
        call = manuscript.read(CAMPAIGNS / f"{slug}.md")
        translations = [manuscript.read(path) for path in sorted(CAMPAIGNS.glob(f"{slug}.*.md"))]
        now = instance.now()
        async with instance.database.writing() as session:
            await publish.create(session, seal=instance.seal, manuscript=call, picture=picture, now=now)
            for each in translations:
                await publish.translate(session, urls=instance.urls, slug=slug, manuscript=each, now=now)
            await publish.publish(session, urls=instance.urls, slug=slug, now=now)


def _picture(slug: str, instance: Instance) -> pictures.Picture | None:
    with tempfile.TemporaryDirectory(dir=instance.settings.data) as directory:
        path = Path(directory) / f"{slug}.png"
        return pictures.store(path, instance.settings.media) if artwork.draw(slug, path) else None


async def post(instance: Instance, path: Path) -> tuple[str, str]:
    """Posts news of a campaign; gives the campaign's slug and the title."""
    written = manuscript.read(path)
    slug = written.slug or ""
    async with instance.database.writing() as session:
        await publish.update(session, urls=instance.urls, slug=slug, manuscript=written, now=instance.now())
    instance.hints.ring("deliveries")
    return slug, written.title or ""


def news() -> list[Path]:
    """The files with what will be posted, in order."""
    return sorted((CAMPAIGNS / "news").glob("*.md"))


async def read_replies(instance: Instance) -> list[tuple[Shown, bool]]:
    """Decides on every reply that waits: shown, unless it advertises. Gives each, and whether it is shown."""
    async with instance.database.reading() as session:
        waiting = await testimonies.waiting(session)
    if not waiting:
        return []
    decided = [(each, not any(word in each.html for word in _ADVERTISED)) for each in waiting]
    async with instance.database.writing() as session:
        for reply, is_shown in decided:
            await (moderate.allow if is_shown else moderate.hide)(session, reply.id)
    return decided


async def campaigns_now(instance: Instance) -> list[Listed]:
    """The campaigns with their counts."""
    async with instance.database.reading() as session:
        return await campaigns.published(session)

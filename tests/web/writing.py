"""What Alice does at her desk, for tests of what is shown afterwards."""

from pathlib import Path

from fedicause import publish
from fedicause.campaigning import conclude, manuscript
from fedicause.instance import Instance
from storage.models import Campaign


async def campaign(instance: Instance, slug: str, *, public: bool = True, **fields: object) -> Campaign:
    """A new campaign; `fields` are front matter, `text` the call itself."""
    text = fields.pop("text", "We ask for this.")
    front = {"title": slug.capitalize(), "slug": slug, "topic": "Environment", **fields}
    lines = "\n".join(f"{name}: {value}" for name, value in front.items())
    written = manuscript.parse(f"---\n{lines}\n---\n{text}\n", Path("new.md"))
    async with instance.database.writing() as session:
        made = await publish.create(session, seal=instance.seal, manuscript=written, now=instance.now())
        if public:
            await publish.publish(session, urls=instance.urls, slug=slug, now=instance.now())
    return made


async def edit(instance: Instance, slug: str, **fields: object) -> None:
    """Another text of a campaign, with this front matter."""
    lines = "\n".join(f"{name}: {value}" for name, value in fields.items())
    written = manuscript.parse(f"---\n{lines}\n---\nWe ask for this.\n", Path("edit.md"))
    async with instance.database.writing() as session:
        await publish.edit(session, urls=instance.urls, slug=slug, manuscript=written, now=instance.now())


async def translation(instance: Instance, slug: str, language: str, title: str, text: str) -> None:
    written = manuscript.parse(f"---\nlanguage: {language}\ntitle: {title}\n---\n{text}\n", Path("it.md"))
    async with instance.database.writing() as session:
        await publish.translate(
            session, urls=instance.urls, slug=slug, manuscript=written, now=instance.now()
        )


async def news(instance: Instance, slug: str, title: str, text: str) -> None:
    written = manuscript.parse(f"---\ntitle: {title}\n---\n{text}\n", Path("news.md"))
    async with instance.database.writing() as session:
        await publish.update(session, urls=instance.urls, slug=slug, manuscript=written, now=instance.now())


async def end(instance: Instance, slug: str) -> None:
    async with instance.database.writing() as session:
        await publish.close(session, urls=instance.urls, slug=slug, now=instance.now())


async def win(instance: Instance, slug: str, outcome: str) -> None:
    async with instance.database.writing() as session:
        await conclude.win(
            session, urls=instance.urls, slug=slug, outcome=outcome, news=None, now=instance.now()
        )


async def delete(instance: Instance, slug: str) -> None:
    async with instance.database.writing() as session:
        await publish.delete(session, urls=instance.urls, slug=slug, now=instance.now())

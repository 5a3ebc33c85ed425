"""`fedicause campaign schedule`, `close`, `win` and `reopen`: when a campaign begins and ends, and how."""

from pathlib import Path
from typing import Final

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from fedicause.campaigning import conclude, manuscript
from fedicause.campaigning import schedule as scheduling
from fedicause.commands.desk import Desk
from storage.models import Campaign, Update

NEVER: Final = "never"


@click.command()
@click.argument("slug")
@click.argument("when")
@click.pass_obj
def schedule(desk: Desk, slug: str, when: str) -> None:
    """Have the draft SLUG published by itself at WHEN.

    WHEN is like 2030-12-31 or 2030-12-31T18:00+01:00, in UTC where it names no zone; `never` leaves a draft a
    draft.
    """
    at = None if when == NEVER else fields.beginning(when)

    async def work(session: AsyncSession) -> Campaign:
        if at is None:
            return await scheduling.drop(session, slug=slug, now=desk.now())
        return await scheduling.put(session, slug=slug, at=at, now=desk.now())

    name = desk.change(work).slug
    if at is None:
        click.echo(f"`{name}` stays a draft. Publish it with: fedicause campaign publish {name}")
    else:
        click.echo(f"`{name}` will be published at {at:%Y-%m-%d %H:%M} UTC, if the worker runs then.")


@click.command()
@click.argument("slug")
@click.pass_obj
def close(desk: Desk, slug: str) -> None:
    """End SLUG: it takes no more endorsements, and stays to be read."""

    async def work(session: AsyncSession) -> Campaign:
        return await publish.close(session, urls=desk.urls, slug=slug, now=desk.now())

    click.echo(f"`{desk.change(work).slug}` is closed.")


@click.command()
@click.argument("slug")
@click.argument("outcome")
@click.option(
    "--news",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the news of it (title, text, language), posted to whoever follows SLUG.",
)
@click.pass_obj
def win(desk: Desk, slug: str, outcome: str, news: Path | None) -> None:
    """End SLUG with what it achieved: OUTCOME, a sentence or two that its page shows on top.

    Where it was won before, its outcome is corrected. With `mail: true` in the file the news goes by mail as
    well, to those who signed and agreed to hear more.
    """
    written = manuscript.read(news) if news else None

    async def work(session: AsyncSession) -> tuple[Campaign, Update | None]:
        return await conclude.win(
            session, urls=desk.urls, slug=slug, outcome=outcome, news=written, now=desk.now()
        )

    won, told = desk.change(work)
    click.echo(f"`{won.slug}` is won: {desk.urls.note(won.slug)}")
    if told is not None:
        click.echo(f"Posted: {desk.urls.update(won.slug, told.number)}")


@click.command()
@click.argument("slug")
@click.pass_obj
def reopen(desk: Desk, slug: str) -> None:
    """Let SLUG take endorsements again; an end that is over and an outcome are taken away."""

    async def work(session: AsyncSession) -> Campaign:
        return await conclude.reopen(session, urls=desk.urls, slug=slug, now=desk.now())

    click.echo(f"`{desk.change(work).slug}` is open again.")

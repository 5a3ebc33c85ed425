"""`fedicause campaign …` and `fedicause support`."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import asdict
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import publish
from fedicause import support as supported
from fedicause.campaigning import goals, manuscript, pictures
from fedicause.campaigning.launch import launch
from fedicause.commands import coalitions as known
from fedicause.commands import course, elsewhere, handover, shown, targets
from fedicause.commands.desk import Desk
from fedicause.here import Here
from storage import campaigns
from storage.models import Campaign, Update

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def campaign() -> None:
    """Write, publish and end campaigns.

    A file is Markdown under YAML front matter with the fields title, slug, kind, topic, goal, thresholds,
    registered, language, ends, picture, picture_alt, asks and privacy; of a consultation options (a list), of
    a pledge roles, of a message subject, letter, per_hour and digest.
    """


campaign.add_command(course.schedule)
campaign.add_command(course.close)
campaign.add_command(course.win)
campaign.add_command(course.reopen)
campaign.add_command(elsewhere.elsewhere)
campaign.add_command(handover.hand_over)
campaign.add_command(targets.targets)


@campaign.command()
@click.argument("file", type=FILE)
@click.pass_obj
def new(desk: Desk, file: Path) -> None:
    """Make a draft from FILE; nobody sees it until you publish it."""
    written = manuscript.read(file)
    picture = _picture(desk, written)

    async def work(session: AsyncSession) -> Campaign:
        return await publish.create(
            session, seal=desk.seal, manuscript=written, picture=picture, now=desk.now()
        )

    slug = desk.change(work).slug
    click.echo(f"The draft `{slug}` is kept. Publish it with: fedicause campaign publish {slug}")


@campaign.command("publish")
@click.argument("slug")
@click.pass_obj
def publish_(desk: Desk, slug: str) -> None:
    """Make the draft SLUG public, and announce it to whoever follows the organisation."""

    async def work(session: AsyncSession) -> Campaign:
        return await launch(session, Here(desk.urls, desk.seal, desk.now()), slug)

    found = desk.change(work)
    click.echo(f"Published: {desk.urls.note(found.slug)}")
    click.echo(f"On the fediverse it is @{found.slug}@{desk.settings.host}")


@campaign.command()
@click.argument("slug")
@click.argument("file", type=FILE)
@click.pass_obj
def edit(desk: Desk, slug: str, file: Path) -> None:
    """Change the call of SLUG to what FILE says.

    Fields that FILE leaves out stay as they are; goal, thresholds, ends, picture, asks and privacy are taken
    away by the word `none`.
    """
    written = manuscript.read(file)
    picture = _picture(desk, written)

    async def work(session: AsyncSession) -> tuple[Campaign, str | None]:
        old = (await publish.find(session, slug)).picture
        changed = await publish.edit(
            session, urls=desk.urls, slug=slug, manuscript=written, picture=picture, now=desk.now()
        )
        unused = old and old not in await campaigns.pictures(session)
        return changed, old if unused else None

    found, unused = desk.change(work)
    if unused:
        pictures.remove(unused, desk.settings.media)
    told = " Other servers will be told." if found.state != "draft" else ""
    click.echo(f"`{found.slug}` is changed.{told}")


@campaign.command()
@click.argument("slug")
@click.argument("file", type=FILE)
@click.pass_obj
def update(desk: Desk, slug: str, file: Path) -> None:
    """Post the news in FILE (title, text, language) to whoever follows SLUG.

    With `mail: true` in it they also go by mail to those who signed here and agreed to hear more.
    """
    written = manuscript.read(file)

    async def work(session: AsyncSession) -> Update:
        return await publish.update(session, urls=desk.urls, slug=slug, manuscript=written, now=desk.now())

    click.echo(f"Posted: {desk.urls.update(slug.lower(), desk.change(work).number)}")
    if written.mail:
        click.echo("It goes by mail as well, to those who signed and agreed to hear more.")


@campaign.command()
@click.argument("slug")
@click.argument("file", type=FILE)
@click.pass_obj
def translate(desk: Desk, slug: str, file: Path) -> None:
    """Add the call of SLUG in the language of FILE, or replace it in that language."""
    written = manuscript.read(file)

    async def work(session: AsyncSession) -> list[str]:
        found = await publish.translate(
            session, urls=desk.urls, slug=slug, manuscript=written, now=desk.now()
        )
        return [*await campaigns.texts(session, found.id)]

    click.echo(f"`{slug.lower()}` can be read in: {', '.join(desk.change(work))}")


@campaign.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def delete(desk: Desk, slug: str, yes: bool) -> None:
    """Delete SLUG here and on other servers. Its name can't be used again."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete `{slug}` for good, with its endorsements?", abort=True)

    async def work(session: AsyncSession) -> str | None:
        picture = await publish.delete(session, urls=desk.urls, slug=slug, now=desk.now())
        return picture if picture and picture not in await campaigns.pictures(session) else None

    picture = desk.change(work)
    if picture:
        pictures.remove(picture, desk.settings.media)
    click.echo(f"`{slug.lower()}` is deleted. Other servers will be told.")


@campaign.command("list")
@shown.as_json
@click.pass_obj
def list_(desk: Desk, in_json: bool) -> None:
    """List all campaigns, drafts too."""
    rows = [_row(desk, each) for each in desk.look(campaigns.every)]
    columns = {
        "slug": "SLUG",
        "title": "TITLE",
        "kind": "KIND",
        "state": "STATE",
        "languages": "LANGUAGES",
        "endorsements": "ENDORSED",
        "goal": "GOAL",
        "shares": "SHARED",
        "ends": "ENDS",
    }
    shown.listing(
        rows,
        columns,
        in_json=in_json,
        nothing="There is no campaign yet. Begin with: fedicause campaign new FILE.md",
    )


@click.command()
@click.argument("campaign", metavar="SLUG")
@shown.as_json
@click.pass_obj
def support(desk: Desk, campaign: str, in_json: bool) -> None:
    """Show the support of SLUG: the total with its parts.

    For a campaign of another organisation write SLUG@HOST.
    """

    async def work(session: AsyncSession) -> tuple[dict[str, Any], goals.Thresholds | None]:
        slug = known.own_slug(campaign, desk.urls)
        if slug is None:
            theirs = await known.campaign(session, campaign)
            if theirs.state == "deleted":
                raise publish.Unknown(f"The campaign {theirs.slug}@{theirs.origin} was deleted")
            asked = goals.of_campaign(theirs.thresholds, theirs.registered_at)
            return await supported.of_foreign(session, desk.urls, theirs, desk.now()), asked
        found = await publish.find(session, slug)
        asked = goals.of_campaign(found.thresholds, found.registered_at)
        return await supported.of_campaign(session, desk.urls, found, desk.now()), asked

    found, asked = desk.look(work)
    if in_json:
        shown.document(found)
        return
    goal = f" of {found['goal']:,} ({found['total'] / found['goal']:.0%})" if found["goal"] else ""
    click.secho(f"{found['total']:,}{goal} signatures and endorsements", bold=True)
    for name in ("endorsements", "signatures", "shares", "next"):
        click.echo(f"  {name:<14}{found[name]:>12,}")
    people = found["people"]
    if people["low"] != people["high"]:
        about = f", about {people['estimate']:,} (± {people['error']:.1%})" if people["estimate"] else ""
        click.echo(f"  people: between {people['low']:,} and {people['high']:,}{about}")
    _table("", found["hosts"], "host", "organisation", "signatures", "updated", "state")
    if asked is not None:
        countries = goals.progress(asked, found["countries"])
        reached = sum(each.reached for each in countries)
        told = f"{reached} of the {asked.needed_countries} countries that are needed reach their threshold:"
        rows = [asdict(each) | {"share": f"{math.floor(each.share * 100)}%"} for each in countries]
        _table(told, rows, "country", "signatures", "threshold", "share")
    if found["elsewhere"]:
        told = "Counted elsewhere, and not in the total:"
        _table(told, found["elsewhere"], "source", "country", "count", "date")


def _table(told: str, rows: Sequence[dict[str, Any]], *columns: str) -> None:
    """Prints a table under a line that says what it is, or under an empty one."""
    click.echo(f"\n{told}" if told else "")
    shown.table([[row[column] for column in columns] for row in rows], [each.upper() for each in columns])


def _picture(desk: Desk, written: manuscript.Manuscript) -> pictures.Picture | None:
    return pictures.store(written.picture, desk.settings.media) if written.picture else None


def _row(desk: Desk, listed: campaigns.Listed) -> dict[str, Any]:
    campaign, counts = listed.campaign, listed.counts
    return {
        "slug": campaign.slug,
        "title": listed.text().title,
        "kind": campaign.kind,
        "topic": campaign.topic,
        "state": campaign.state,
        "language": campaign.language,
        "languages": list(listed.texts),
        "goal": campaign.goal,
        "thresholds": campaign.thresholds,
        "registered": f"{campaign.registered_at:%Y-%m-%d}" if campaign.registered_at else None,
        "endorsements": counts.endorsements,
        "shares": counts.shares,
        "subscriptions": counts.subscriptions,
        "held": counts.held,
        "scheduled": campaign.publish_at,
        "published": campaign.published_at,
        "ends": campaign.ends_at,
        "closed": campaign.closed_at,
        "outcome": campaign.outcome,
        "url": None if campaign.state == "draft" else desk.urls.note(campaign.slug),
    }

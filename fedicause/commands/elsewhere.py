"""`fedicause campaign elsewhere …`."""

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from fedicause.campaigning import elsewhere as verbs
from fedicause.commands import shown
from fedicause.commands.desk import Desk
from storage import elsewhere as entered
from storage.coalition_models import ElsewhereCount

Value = TypeVar("Value")


def _checked(
    check: Callable[[str], Value],
) -> Callable[[click.Context, click.Parameter, str | None], Value | None]:
    """What `check` makes of a word of the command; its complaint names the word."""

    def callback(_context: click.Context, parameter: click.Parameter, value: str | None) -> Value | None:
        name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
        try:
            return None if value is None else check(value)
        except fields.Unusable as error:
            raise fields.Unusable(f"`{name}` {error}") from error

    return callback


@click.group()
def elsewhere() -> None:
    """Enter what was counted elsewhere: on paper, or in an official system.

    Such counts are shown with their source and date, apart from the total.
    """


@elsewhere.command()
@click.argument("slug")
@click.argument("count", callback=_checked(fields.people))
@click.option("--source", required=True, help="Who counted, or where: shown to everybody.")
@click.option(
    "--on",
    "counted_on",
    required=True,
    metavar="DATE",
    callback=_checked(fields.day),
    help="The day that COUNT is of, such as 2030-12-31.",
)
@click.option(
    "--country",
    metavar="CC",
    callback=_checked(fields.country),
    help="COUNT is of this country alone, such as DE.",
)
@click.pass_obj
def add(desk: Desk, *, slug: str, count: int, source: str, counted_on: date, country: str | None) -> None:
    """Enter that a source counted COUNT people for SLUG.

    COUNT takes the place of what the same source counted before, in the same country.
    """

    async def work(session: AsyncSession) -> ElsewhereCount:
        return await verbs.enter(
            session,
            slug=slug,
            source=source,
            count=count,
            country=country,
            counted_on=counted_on,
            now=desk.now(),
        )

    row = desk.change(work)
    where = f" in {row.country}" if row.country else ""
    click.echo(f"Entered as {row.id}: {row.count:,}{where} by {row.source}, {row.counted_at:%-d %B %Y}")


@elsewhere.command("list")
@click.argument("slug")
@shown.as_json
@click.pass_obj
def list_(desk: Desk, slug: str, in_json: bool) -> None:
    """List all that was entered for SLUG, with what newer counts have replaced."""

    async def work(session: AsyncSession) -> list[dict[str, Any]]:
        campaign = await publish.find(session, slug)
        newest = {row.id for row in await entered.of_campaign(session, campaign.id)}
        return [_row(row, row.id in newest) for row in await entered.every(session, campaign.id)]

    shown.listing(
        desk.look(work),
        {
            "id": "ID",
            "source": "SOURCE",
            "country": "COUNTRY",
            "count": "COUNT",
            "date": "DATE",
            "shown": "SHOWN",
        },
        in_json=in_json,
        nothing="Nothing was entered yet.",
    )


@elsewhere.command()
@click.argument("count", metavar="ID", type=int)
@click.pass_obj
def remove(desk: Desk, count: int) -> None:
    """Forget the count ID: the one before it, if there is one, is shown again."""

    async def work(session: AsyncSession) -> None:
        await verbs.remove(session, count)

    desk.change(work)
    click.echo(f"Count {count} is forgotten.")


def _row(row: ElsewhereCount, is_newest: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "source": row.source,
        "country": row.country,
        "count": row.count,
        "date": f"{row.counted_at:%Y-%m-%d}",
        "entered": row.entered_at,
        "shown": is_newest,
    }

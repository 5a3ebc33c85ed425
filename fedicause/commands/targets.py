"""`fedicause campaign targets …`."""

from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import fields, publish
from fedicause.commands import shown
from fedicause.commands.desk import Desk
from fedicause.signing import targets as verbs
from storage import targets as stored

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("slug")
@click.argument("file", type=FILE, required=False)
@click.option("--replace", is_flag=True, help="Remove those who are not in FILE.")
@shown.as_json
@click.pass_obj
def targets(desk: Desk, slug: str, file: Path | None, replace: bool, in_json: bool) -> None:
    """Say to whom the letters of SLUG go, or list them.

    FILE is CSV with a line of headings: name, office, area, country, postcodes, mail, language; name and mail
    are needed. Postal codes are written as `10 11 20095-20099`: beginnings, and ranges of such.
    """
    if file is not None:
        rows = _read(file)

        async def bring(session: AsyncSession) -> int:
            return await verbs.bring(session, slug, rows, replace=replace)

        number = desk.change(bring)
        click.echo(f"Letters of `{slug}` can go to {number:,} recipient{'' if number == 1 else 's'}")
        return

    async def look(session: AsyncSession) -> list[dict[str, object]]:
        campaign = await publish.find(session, slug)
        numbers = await stored.numbers(session, campaign.id)
        return [
            {
                **{column: getattr(each, column) for column in verbs.COLUMNS},
                "sent": numbers.get(each.id, (0, 0))[0],
                "waiting": numbers.get(each.id, (0, 0))[1],
            }
            for each in await stored.every(session, campaign.id)
        ]

    columns = ("name", "office", "area", "country", "mail", "sent", "waiting")
    shown.listing(
        desk.look(look),
        {column: column.upper() for column in columns},
        in_json=in_json,
        nothing="There are no recipients yet.",
    )


def _read(file: Path) -> list[dict[str, str]]:
    try:
        return verbs.read(file.read_text("utf-8-sig"))
    except OSError as error:
        raise fields.Unusable(f"{file}: {(error.strerror or 'cannot be read').lower()}") from error
    except UnicodeDecodeError as error:
        raise fields.Unusable(f"{file}: not UTF-8 text") from error
    except fields.Unusable as error:
        raise fields.Unusable(f"{file}, {error}") from error

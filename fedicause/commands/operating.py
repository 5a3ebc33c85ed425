"""`fedicause init`, `migrate`, `backup` and `restore`: an instance is set up and kept."""

from contextlib import suppress
from pathlib import Path

import click
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import backup, initialise, seal
from fedicause.commands.desk import BEGIN, Desk, Refused
from storage import copying, landmarks, migrations, organisations


@click.command()
@click.option("--name", required=True, help="The organisation's name, as people know it.")
@click.option("--handle", required=True, help="Its name on the fediverse: small letters, digits, hyphens.")
@click.option("--admin-email", help="Address of the first admin.  [default: admin@ the host]")
@click.option("--language", default="en", show_default=True, help="The language it mostly writes in.")
@click.pass_obj
def init(desk: Desk, name: str, handle: str, admin_email: str | None, language: str) -> None:
    """Set up the database, the keys, the organisation.

    It creates the first admin too, whose password is printed once. Done a second time, it changes nothing.
    """
    known = desk.settings
    email = admin_email or f"admin@{known.host.partition(':')[0]}"
    there = desk.look(organisations.name, fresh=True) if desk.has_database() else None
    if there is not None:
        raise Refused(f"There is an organisation here already: {there}. Nothing was changed.")
    # Before anything is created.
    initialise.check(host=known.host, name=name, handle=handle, admin_email=email, language=language)
    known.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    desk.run(migrations.upgrade(known.database))
    with suppress(FileExistsError):
        seal.create_secret(known.secret_file)

    async def work(session: AsyncSession) -> str:
        return await initialise.organisation(
            session,
            seal=desk.seal,
            host=known.host,
            name=name,
            handle=handle,
            admin_email=email,
            language=language,
            now=desk.now(),
        )

    password = desk.change(work, fresh=True)
    database = make_url(known.database).render_as_string(hide_password=True)
    click.secho(f"{name} is set up at {known.url}", bold=True)
    click.echo(f"  on the fediverse  @{handle}@{known.host}")
    click.echo(f"  database          {database}")
    click.echo(f"  secret            {known.secret_file}  (keep a copy: nothing opens without it)")
    click.echo(f"  admin             {email}")
    click.echo(f"  password          {password}  (shown only now)")
    click.echo("\nNext: fedicause campaign new FILE.md, then: fedicause serve")


@click.command()
@click.option("--to", metavar="URL", help="Copy everything into this other database, which is empty.")
@click.pass_obj
def migrate(desk: Desk, to: str | None) -> None:
    """Bring the database up to date with this version, or move to another one.

    To move from SQLite to PostgreSQL, stop the server first: what it takes meanwhile would stay behind.
    """
    if not desk.has_database():
        raise Refused(BEGIN)
    if to is not None:
        _move(desk, to)
        return

    async def work() -> bool:
        if await migrations.is_current(desk.settings.database):
            return False
        await migrations.upgrade(desk.settings.database)
        return True

    click.echo("The database is up to date now." if desk.run(work()) else "The database was up to date.")


def _move(desk: Desk, to: str) -> None:
    if desk.look(organisations.name) is None:
        raise Refused(BEGIN)
    try:
        copied = desk.run(backup.move(desk.settings.database, to))
    except copying.NotEmpty as error:
        raise Refused(
            f"There are rows in that database already (in {error}). Nothing was changed."
        ) from error
    except copying.Differs as error:
        raise Refused(f"The copy is not whole, and was not kept: {error}") from error
    click.echo(f"Copied {sum(copied.values()):,} rows of {len(copied)} tables, and counted them again there.")
    shown_url = make_url(to).render_as_string(hide_password=True)
    click.echo(
        f"Next: set FEDICAUSE_DATABASE to {shown_url}, run `fedicause doctor`, then `fedicause serve`."
    )


@click.command("backup")
@click.argument("path", metavar="[FILE.tar]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--without-secret", is_flag=True, help="Leave out the secret, which is kept elsewhere.")
@click.pass_obj
def back_up(desk: Desk, path: Path | None, without_secret: bool) -> None:
    """Put database, pictures and secret into one file, while the server runs.

    The file is read again before it gets its name. Whoever has it can read everything: keep it like a key.
    """
    if desk.look(organisations.name) is None:
        raise Refused(BEGIN)
    now = desk.now()
    path = path or desk.settings.data / "backups" / f"{now:%Y-%m-%d-%H%M%S}.tar"
    try:
        made = desk.run(backup.write(desk.settings, path, with_secret=not without_secret, now=now))
    except (backup.Occupied, backup.Unusable, OSError) as error:
        raise Refused(f"No backup was made: {error}") from error
    desk.change(lambda session: landmarks.put(session, landmarks.BACKUP, now))
    click.echo(f"{path}: {path.stat().st_size / 1e6:,.1f} MB, read again and found whole")
    click.echo(f"  {made.organisation} at {made.url}, {made.pictures} pictures")
    if not made.has_secret:
        click.echo(f"  without the secret: nothing opens without {desk.settings.secret_file}")


@click.command()
@click.argument("path", metavar="FILE.tar", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def restore(desk: Desk, path: Path) -> None:
    """Make the instance out of a backup.

    Nothing that is there is overwritten. Its partners are asked for what it signed after the backup was made.
    """
    try:
        made = desk.run(backup.restore(desk.settings, path))
    except copying.NotEmpty as error:
        raise Refused(f"There are rows in the database already (in {error}). Nothing was changed.") from error
    except (backup.Occupied, backup.Unusable) as error:
        raise Refused(f"Nothing was restored: {error}") from error
    click.secho(f"{made.organisation} is as it was on {made.made_at:%Y-%m-%d at %H:%M} UTC", bold=True)
    click.echo("Next: fedicause doctor, then: fedicause serve")

"""`fedicause secret`: the secret beside the database is changed."""

import sys
from typing import TYPE_CHECKING, Final

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import running, seal
from fedicause.commands.desk import Change, Desk, Refused
from fedicause.instance import Instance
from storage import condition

if TYPE_CHECKING:
    from fedicause.reseal import Renewed

MANY: Final = 50_000
"""Rows from which on it takes a while."""


@click.group()
def secret() -> None:
    """The secret that opens the keys and people's addresses in the database."""


@secret.command()
@click.option(
    "--compromised",
    is_flag=True,
    help="Somebody else may have the secret: links in letters that were sent end too.",
)
@click.pass_obj
def rotate(desk: Desk, compromised: bool) -> None:
    """Seal everything with a new secret, while no server runs.

    A million signatures take some minutes. If it is interrupted, start it again: it goes on where it was, and
    no server starts until it is done. Backups of before need the secret of before, which is in them unless
    they were made without.

    With --compromised the keyed hashes are new as well: links in letters that were sent open nothing any
    more, reminders bring new ones, who wanted no letters at all is forgotten, and your own system knows
    people under new names.
    """
    _expect_nobody(desk)
    path = desk.settings.secret_file
    try:
        seal.begin_change(path, compromised=compromised)
    except OSError as error:
        raise Refused(f"The secret file {path} can't be changed: {error.strerror}") from error

    async def work(instance: Instance, change: Change) -> "Renewed":
        # Processes and pools, for this command alone.
        from fedicause import reseal  # noqa: PLC0415

        return await reseal.everything(instance, change, told=_tell)

    found = desk.visit(work)
    seal.end_change(path)
    click.echo(f"{found.rows:,} rows are sealed with a new secret in {path}.")
    if found.unreadable:
        click.echo(f"{found.unreadable:,} values that no secret opens were left as they are.")
    if compromised and seal.keeps_hashes(path):
        raise Refused("This ended a change that was begun without --compromised. Do it once more.")
    click.echo("Make a backup, then start the server.")


def _expect_nobody(desk: Desk) -> None:
    """Raises Refused while a server runs: it would go on sealing with the secret that it has read."""
    advice = "Stop it first: systemctl stop fedicause"
    if desk.settings.database.startswith("sqlite"):
        if running.processes(desk.settings):
            raise Refused(f"A server is running. {advice}")
        return

    async def others(session: AsyncSession) -> int:
        return await condition.others(session)

    if desk.look(others):
        raise Refused(f"Somebody is connected to the database. {advice}")


def _tell(done: int, total: int) -> None:
    if total > MANY and sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,}", err=True, nl=done >= total)

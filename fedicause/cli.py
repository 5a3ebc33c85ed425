"""The command line: its root, and the settings and transactions that commands work with."""

import asyncio
import importlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from federation.vocabulary import Malformed
from fedicause import __version__, fields, seal, settings
from fedicause.campaigning import pictures
from fedicause.commands import shown
from fedicause.commands.desk import BEGIN, Refused, Result, Visit, Work, WrongInput
from fedicause.seal import Seal
from fedicause.settings import Settings
from fedicause.urls import Urls
from fedicause.watching import logs
from storage import absence, local_actors, migrations, organisations
from storage.database import Database, UnknownDatabase

if TYPE_CHECKING:
    from fedicause.doctor.surroundings import Surroundings

# What a person can put right in what they wrote or set.
WRONG = (fields.Unusable, pictures.Unusable, settings.Misconfigured, UnknownDatabase, Malformed)

# By name: the module of `fedicause.commands` that is loaded once it is asked for, and what it is there.
COMMANDS: Final = {
    "backup": ("operating", "back_up"),
    "campaign": ("campaigns", "campaign"),
    "doctor": ("doctor", "doctor"),
    "handover": ("handover", "handover"),
    "init": ("operating", "init"),
    "keys": ("keys", "keys"),
    "mail": ("mail", "mail"),
    "migrate": ("operating", "migrate"),
    "moderate": ("moderation", "moderate"),
    "partner": ("partners", "partner"),
    "restore": ("operating", "restore"),
    "secret": ("secret", "secret"),
    "sign": ("signing", "sign"),
    "support": ("campaigns", "support"),
    "user": ("users", "user"),
}


class _Change:
    """A transaction of its own for each work that it is given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, work: Work[Result], /) -> Result:
        async with self._database.writing() as session:
            return await work(session)


class Office:
    """The `Desk` of every command: opens the database for as long as the command's one transaction takes."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    @cached_property
    def settings(self) -> Settings:
        return settings.load()

    @property
    def urls(self) -> Urls:
        return Urls(self.settings.url)

    @property
    def surroundings(self) -> "Surroundings":
        from fedicause.doctor.surroundings import Surroundings  # noqa: PLC0415 - for the doctor alone

        return Surroundings()

    @cached_property
    def seal(self) -> Seal:
        try:
            return seal.load(self.settings.secret_file)
        except (OSError, ValueError) as error:
            raise Refused(f"The secret file {self.settings.secret_file} can't be read") from error

    def change(self, work: Work[Result], *, fresh: bool = False) -> Result:
        return self.run(self._open(work, change=True, fresh=fresh))

    def look(self, work: Work[Result], *, fresh: bool = False) -> Result:
        return self.run(self._open(work, change=False, fresh=fresh))

    def visit(self, work: Visit[Result]) -> Result:
        return self.run(self._visit(work))

    async def _visit(self, work: Visit[Result]) -> Result:
        await self.expect_schema()
        # The HTTP client takes time to load that most commands need not.
        from fedicause import app  # noqa: PLC0415

        async with app.open_instance(self.settings) as instance:
            return await work(instance, _Change(instance.database))

    async def _open(self, work: Work[Result], *, change: bool, fresh: bool) -> Result:
        if not fresh:
            await self.expect_schema()
        database = Database(self.settings.database)
        try:
            async with database.writing() if change else database.reading() as session:
                return await work(session)
        finally:
            await database.close()

    async def expect_schema(self) -> None:
        """Raises Refused where the database is missing, or not of this version."""
        if not self.has_database():
            raise Refused(BEGIN)
        if not await migrations.is_current(self.settings.database):
            if await self._open(organisations.name, change=False, fresh=True) is None:
                raise Refused(BEGIN)
            raise Refused("The database is not of this version. Bring it up to date with: fedicause migrate")

    def expect_one_secret(self) -> None:
        """Raises Refused while the secret is being changed: what a server sealed meanwhile would be lost."""
        if self.seal.is_changing:
            raise Refused("The secret is being changed. Finish that first: fedicause secret rotate")

    def has_database(self) -> bool:
        path = make_url(self.settings.database).database
        return not self.settings.database.startswith("sqlite") or (path is not None and Path(path).is_file())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run(work)


class PlainSpoken(click.Group):
    """Ends with one sentence, and no traceback, where a person can put it right.

    Loads the commands that are asked for: a server holds 2 MB less without the others.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *COMMANDS})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS and name not in self.commands:
            module, command = COMMANDS[name]
            self.add_command(getattr(importlib.import_module(f"fedicause.commands.{module}"), command))
        return super().get_command(context, name)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except local_actors.NotInitialised as error:
            raise Refused(BEGIN) from error
        except seal.WrongSecret as error:
            raise Refused("The secret file does not belong to this database") from error
        except WRONG as error:
            raise WrongInput(str(error)) from error
        except fields.NotNow as error:
            raise Refused(str(error)) from error
        except DBAPIError as error:
            raise Refused(f"The database can't be used: {shown.one_line(str(error.orig), 200)}") from error
        except ConnectionError as error:
            raise Refused(f"The database can't be reached: {error}") from error
        except OSError as error:
            if not absence.is_full(error):
                raise
            raise Refused(f"There is no room on the disk: {error.filename or error.strerror}") from error


@click.group(
    cls=PlainSpoken, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="fedicause")
@click.pass_context
def main(context: click.Context) -> None:
    """A federated campaign network: your organisation publishes, the fediverse endorses."""
    context.ensure_object(Office)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--no-work", is_flag=True, help="Leave the queued work to `fedicause work`.")
@click.pass_obj
def serve(office: Office, host: str, port: int, no_work: bool) -> None:
    """Answer requests, and deliver what is queued."""
    office.run(office.expect_schema())
    office.expect_one_secret()
    # The web server takes time to load that no other command should.
    from fedicause import app  # noqa: PLC0415

    logs.begin(office.settings.log)
    app.serve(office.settings, host, port, work_too=not no_work)


@main.command()
@click.pass_obj
def work(office: Office) -> None:
    """Deliver what is queued, without a web server."""
    office.run(office.expect_schema())
    office.expect_one_secret()
    from fedicause import app  # noqa: PLC0415

    logs.begin(office.settings.log)
    app.work_alone(office.settings)


@main.command()
@click.option("--port", default=8010, show_default=True, type=click.IntRange(0, 65535), help="0: any.")
@click.option("--people", default=200, show_default=True, type=click.IntRange(0, 5000))
@click.option("--seconds", type=click.FloatRange(0), help="End after so many seconds.")
@click.option("--seed", default=7, show_default=True, help="Another number, other people.")
@click.option("--chaos", is_flag=True, help="Now and then cut one organisation off from the others.")
def demo(port: int, people: int, seconds: float | None, seed: int, chaos: bool) -> None:
    """Show it all on this machine.

    Three organisations at PORT and the next free ones, a coalition of them that shows one total on three
    sites, and a simulated fediverse that endorses. Ctrl-C ends it, and leaves nothing behind.
    """
    from fedicause import demo as show  # noqa: PLC0415

    show.run(port=port, people=people, seconds=seconds, seed=seed, chaos=chaos)

"""What a command is given: the settings, and sessions on the database."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeVar

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.instance import Instance
from fedicause.seal import Seal
from fedicause.settings import Settings
from fedicause.urls import Urls

if TYPE_CHECKING:
    from fedicause.doctor.surroundings import Surroundings

BEGIN: Final = "There is no organisation here yet. Begin with: fedicause init --name NAME --handle HANDLE"

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]


class Change(Protocol):
    """Does the work in one transaction, between talks with other servers."""

    def __call__(self, work: Work[Result], /) -> Coroutine[Any, Any, Result]: ...


Visit = Callable[[Instance, Change], Awaitable[Result]]


class Refused(click.ClickException):
    """Can't be done as things are: ends the command with one sentence, and exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"fedicause: {self.message}", file=file, err=True)


class WrongInput(Refused):
    """What was written or set makes no sense: exit status 2."""

    exit_code = 2


class Desk(Protocol):
    """Opened by the command line's root. `change` is one transaction, `look` keeps nothing.

    Both expect a database of this version, unless told that it is `fresh`.
    """

    @property
    def settings(self) -> Settings: ...

    @property
    def urls(self) -> Urls: ...

    @property
    def seal(self) -> Seal: ...

    @property
    def surroundings(self) -> "Surroundings":
        """What the doctor looks through."""
        ...

    def now(self) -> datetime: ...

    def change(self, work: Work[Result], *, fresh: bool = False) -> Result: ...

    def look(self, work: Work[Result], *, fresh: bool = False) -> Result: ...

    def visit(self, work: Visit[Result]) -> Result:
        """For what asks other servers: the opened instance, and a way to change it in one transaction."""
        ...

    def has_database(self) -> bool:
        """Whether there is a database to ask; looking for one of SQLite would create it."""
        ...

    def run(self, work: Coroutine[Any, Any, Result]) -> Result: ...

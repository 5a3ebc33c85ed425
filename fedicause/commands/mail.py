"""Letters, on the command line."""

from typing import IO, Any

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.commands import shown
from fedicause.commands.desk import Desk
from fedicause.here import Here
from fedicause.letters import bounce
from storage import letters
from storage.people_models import Letter


@click.group()
def mail() -> None:
    """Letters to people."""


@mail.command("queue")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1, 100_000))
@shown.as_json
@click.pass_obj
def queue(desk: Desk, most: int, in_json: bool) -> None:
    """List the letters that wait to be sent, the next one first. Addresses are not shown."""

    def row(each: Letter) -> dict[str, Any]:
        return {
            "id": each.id,
            "kind": each.kind,
            "domain": each.domain,
            "since": each.created_at,
            "next": each.next_at,
            "attempts": each.attempts,
            "error": each.last_error,
        }

    rows = [row(each) for each in desk.look(lambda session: letters.waiting(session, most))]
    shown.listing(
        rows,
        {
            "id": "ID",
            "kind": "KIND",
            "domain": "TO",
            "since": "SINCE",
            "attempts": "TRIED",
            "error": "LAST ERROR",
        },
        in_json=in_json,
        nothing="No letter waits.",
    )


@mail.command("bounce")
@click.argument("returned", type=click.File("rb"), default="-")
@click.pass_obj
def take_back(desk: Desk, returned: IO[bytes]) -> None:
    """Take back a letter that could not be delivered, as it was RETURNED: by default from standard input.

    Let the mail server give it whatever arrives for bounce+…@, such as in /etc/aliases:
    bounce: "|fedicause mail bounce". What is no report of a failure is ignored; it never fails for that,
    so that no mail server returns it again.
    """
    message = returned.read(bounce.LARGEST)

    async def work(session: AsyncSession) -> str:
        try:
            await bounce.take(session, Here(desk.urls, desk.seal, desk.now()), message)
        except bounce.NotReturned as error:
            return f"Ignored: {error}"
        return "Noted: no more letters go there"

    click.echo(desk.change(work))

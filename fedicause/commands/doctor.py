"""`fedicause doctor`: finds what is wrong with an instance, and says what to do about it."""

from itertools import groupby

import click

from fedicause import check, mail
from fedicause.commands import shown
from fedicause.commands.desk import Desk, WrongInput
from fedicause.finding import Finding
from storage import local_actors


@click.command()
@click.option("--repair", is_flag=True, help="Recount what disagrees.")
@click.option("--offline", is_flag=True, help="Look at this machine and its database alone.")
@click.option("--letter", metavar="ADDRESS", help="Send one letter there, to see whether it arrives and how.")
@shown.as_json
@click.pass_obj
def doctor(desk: Desk, repair: bool, offline: bool, letter: str | None, in_json: bool) -> None:
    """Check that all is in order.

    It looks at DNS, certificate, proxy, clock, mail, disk and database as others see them, and asks the
    running server how requests reach it. Each finding that isn't well has a line that says what to do about
    it; if something is wrong, the exit status is 1. No letter is sent unless you ask for one.
    """
    # What only the doctor needs takes time to load.
    from fedicause.doctor import examine  # noqa: PLC0415

    if repair:
        recounted = desk.change(lambda session: check.repair(session, now=desk.now()))
        click.echo(f"Recounted: {', '.join(recounted) or 'nothing disagreed'}.", err=True)
    found = desk.run(
        examine.everything(
            desk.settings, desk.surroundings, has_database=desk.has_database(), offline=offline
        )
    )
    if letter is not None:
        found.append(_send(desk, letter))
    problems = sum(each.state == "problem" for each in found)
    if in_json:
        shown.document(
            {
                "ok": not problems,
                "checks": [
                    {
                        "group": each.group,
                        "name": each.name,
                        "state": each.state,
                        "text": each.text,
                        "advice": each.advice,
                    }
                    for each in found
                ],
            }
        )
    else:
        _show_findings(found)
    if problems:
        raise SystemExit(1)


def _send(desk: Desk, to: str) -> Finding:
    from fedicause.doctor import mail as post  # noqa: PLC0415

    organisation, _ = desk.look(local_actors.organisation)
    try:
        return desk.run(post.send(desk.settings, organisation.name, to, desk.now()))
    except mail.NoAddress as error:
        raise WrongInput(f"`{to}` is no mail address") from error


def _show_findings(found: list[Finding]) -> None:
    marks = {"ok": ("ok", "green"), "warning": ("note", "yellow"), "problem": ("WRONG", "red")}
    for group, listed in groupby(found, key=lambda each: each.group):
        click.secho(group.capitalize(), bold=True)
        for each in listed:
            mark, colour = marks[each.state]
            click.echo(f"  {click.style(f'{mark:<6}', fg=colour)}{each.name:<17}{each.text}")
            if each.advice:
                click.echo(f"{'':<25}→ {each.advice}")

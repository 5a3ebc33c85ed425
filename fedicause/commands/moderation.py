"""`fedicause moderate …`."""

from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import moderate as verbs
from fedicause.commands import shown
from fedicause.commands.desk import Desk
from storage import blocks, queues, reports, testimonies
from storage.testimonies import Shown


@click.group()
def moderate() -> None:
    """Decide what is shown, and who is listened to."""


@moderate.command("testimonies")
@shown.as_json
@click.pass_obj
def testimonies_(desk: Desk, in_json: bool) -> None:
    """List the replies that wait for a decision."""
    rows = [_testimony(each) for each in desk.look(testimonies.waiting)]
    shown.listing(
        rows,
        {"id": "ID", "campaign": "CAMPAIGN", "author": "AUTHOR", "published": "DATE", "text": "TEXT"},
        in_json=in_json,
        nothing="No testimony is waiting.",
    )


@moderate.command()
@click.argument("testimony", metavar="ID", type=int)
@click.pass_obj
def allow(desk: Desk, testimony: int) -> None:
    """Show the testimony ID on its campaign's page."""

    async def work(session: AsyncSession) -> None:
        await verbs.allow(session, testimony)

    desk.change(work)
    click.echo(f"Testimony {testimony} is shown.")


@moderate.command()
@click.argument("testimony", metavar="ID", type=int)
@click.pass_obj
def hide(desk: Desk, testimony: int) -> None:
    """Keep the testimony ID from being shown."""

    async def work(session: AsyncSession) -> None:
        await verbs.hide(session, testimony)

    desk.change(work)
    click.echo(f"Testimony {testimony} is hidden.")


@moderate.command("reports")
@shown.as_json
@click.pass_obj
def reports_(desk: Desk, in_json: bool) -> None:
    """List what other servers ask you to look at."""
    rows = [
        {
            "id": each.id,
            "host": each.host,
            "objects": each.objects,
            "text": shown.one_line(each.content, 2000),
            "received": each.received_at,
        }
        for each in desk.look(reports.waiting)
    ]
    shown.listing(
        rows,
        {"id": "ID", "host": "FROM", "received": "DATE", "objects": "ABOUT", "text": "TEXT"},
        in_json=in_json,
        nothing="No report is waiting.",
    )


@moderate.command()
@click.argument("report", metavar="ID", type=int)
@click.pass_obj
def handled(desk: Desk, report: int) -> None:
    """Put the report ID away."""

    async def work(session: AsyncSession) -> None:
        await verbs.handled(session, report, now=desk.now())

    desk.change(work)
    click.echo(f"Report {report} is put away.")


@moderate.command()
@click.argument("target")
@click.option("--reason", default="", help="Why, for the other moderators.")
@click.pass_obj
def block(desk: Desk, target: str, reason: str) -> None:
    """Stop listening to TARGET: a host (with its subdomains), or the address of an actor.

    What it said before stays; `purge` takes that away too.
    """

    async def work(session: AsyncSession) -> bool:
        return await verbs.block(session, target, reason, now=desk.now())

    click.echo(f"{target} is blocked." if desk.change(work) else f"{target} was blocked before.")


@moderate.command()
@click.argument("target")
@click.pass_obj
def unblock(desk: Desk, target: str) -> None:
    """Listen to TARGET again."""

    async def work(session: AsyncSession) -> None:
        await verbs.unblock(session, target)

    desk.change(work)
    click.echo(f"{target} is no longer blocked.")


@moderate.command("blocks")
@shown.as_json
@click.pass_obj
def blocks_(desk: Desk, in_json: bool) -> None:
    """List who is blocked."""
    rows = [
        {"target": each.target, "reason": each.reason, "since": each.created_at}
        for each in desk.look(blocks.listed)
    ]
    shown.listing(
        rows,
        {"target": "TARGET", "since": "SINCE", "reason": "REASON"},
        in_json=in_json,
        nothing="Nobody is blocked.",
    )


@moderate.command()
@shown.as_json
@click.pass_obj
def held(desk: Desk, in_json: bool) -> None:
    """List the endorsements that came as a wave and are not counted yet."""
    rows = [
        {"host": host, "campaign": campaign, "endorsements": number}
        for host, campaign, number in desk.look(queues.held)
    ]
    shown.listing(
        rows,
        {"host": "HOST", "campaign": "CAMPAIGN", "endorsements": "HELD"},
        in_json=in_json,
        nothing="Nothing is held.",
    )


@moderate.command()
@click.argument("host")
@click.pass_obj
def release(desk: Desk, host: str) -> None:
    """Count what is held of HOST."""

    async def work(session: AsyncSession) -> None:
        await verbs.release(session, host, now=desk.now())

    desk.change(work)
    click.echo(f"What was held of {host} counts.")


@moderate.command()
@click.argument("host")
@click.pass_obj
def purge(desk: Desk, host: str) -> None:
    """Take away all endorsements, shares and subscriptions of HOST."""

    async def work(session: AsyncSession) -> int:
        return await verbs.purge(session, host, now=desk.now())

    click.echo(f"{desk.change(work):,} endorsements, shares and subscriptions of {host} are taken away.")


def _testimony(each: Shown) -> dict[str, Any]:
    return {
        "id": each.id,
        "campaign": each.campaign,
        "author": f"@{each.author_handle}@{each.author_host}",
        "published": each.published_at,
        "text": shown.words(each.html, 2000),
        "url": each.url,
    }

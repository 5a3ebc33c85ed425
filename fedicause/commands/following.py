"""`fedicause partner follow`, `unfollow` and `following`."""

import click
from sqlalchemy.ext.asyncio import AsyncSession

from federation.answers import RemoteError
from fedicause.campaigning import pictures
from fedicause.coalition import follow as verbs
from fedicause.commands import shown
from fedicause.commands.coalitions import why
from fedicause.commands.desk import Change, Desk, Refused
from fedicause.instance import Instance
from storage import followings
from storage.actors import Description
from storage.followings import Followed


@click.command()
@click.argument("who", metavar="HANDLE")
@click.pass_obj
def follow(desk: Desk, who: str) -> None:
    """Show the campaigns of HANDLE in your directory.

    HANDLE is an organisation's (@name@host) or its address; or a campaign's, to follow that one alone.
    """

    async def work(instance: Instance, change: Change) -> Description:
        try:
            found = await verbs.find(instance, who)
        except RemoteError as error:
            raise Refused(f"{shown.one_line(who, 200)} can't be found: {why(error)}") from error

        async def ask(session: AsyncSession) -> None:
            await verbs.follow(session, urls=instance.urls, described=found, now=instance.now())

        await change(ask)
        return found

    found = desk.visit(work)
    click.echo(f"{found.name or found.handle} (@{found.handle}@{found.host}) is asked.")
    click.echo("Its campaigns appear in your directory: see `fedicause partner following`.")


@click.command()
@click.argument("who", metavar="HANDLE")
@click.pass_obj
def unfollow(desk: Desk, who: str) -> None:
    """Take the campaigns of HANDLE out of your directory, but for those that you are a partner of."""

    async def work(session: AsyncSession) -> tuple[Followed, list[str]]:
        found = await verbs.followed(session, who)
        unused = await verbs.unfollow(session, urls=desk.urls, actor_uri=found.uri, now=desk.now())
        return found, unused

    found, unused = desk.change(work)
    for name in unused:
        pictures.remove(name, desk.settings.media)
    click.echo(f"{found.shown} is no longer followed.")


@click.command()
@shown.as_json
@click.pass_obj
def following(desk: Desk, in_json: bool) -> None:
    """List whom you follow."""
    rows = [
        {
            "handle": each.shown,
            "name": each.name,
            "type": "campaign" if each.type == "Group" else "organisation",
            "actor": each.uri,
            "state": each.state,
            "campaigns": each.campaigns,
            "asked": each.asked_at,
            "answered": each.answered_at,
            "read": each.read_at,
        }
        for each in desk.look(followings.listed)
    ]
    shown.listing(
        rows,
        {"handle": "HANDLE", "name": "NAME", "type": "TYPE", "state": "STATE", "campaigns": "CAMPAIGNS"},
        in_json=in_json,
        nothing="Nobody is followed yet. Begin with: fedicause partner follow HANDLE",
    )

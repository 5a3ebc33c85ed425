"""`fedicause keys`: the keys of the organisation, its campaigns and the instance are listed and changed."""

from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import keyring, rekey
from fedicause.commands import shown
from fedicause.commands.desk import Desk, Refused, WrongInput
from fedicause.here import Here
from storage import former_keys, local_actors


@click.group()
def keys() -> None:
    """The keys by which other servers know your organisation, its campaigns and this instance."""


@keys.command("list")
@shown.as_json
@click.pass_obj
def list_keys(desk: Desk, in_json: bool) -> None:
    """Whose keys there are, since when, and which former ones are still good."""

    async def work(session: AsyncSession) -> list[dict[str, Any]]:
        former = await former_keys.every(session)
        return [
            {
                "name": actor.name,
                "kind": actor.kind,
                "proof_key": keyring.proof_key_id(actor, desk.urls),
                "since": actor.rekeyed_at or actor.created_at,
                "former": sum(each.actor_id == actor.id and each.withdrawn_at is None for each in former),
                "withdrawn": sum(
                    each.actor_id == actor.id and each.withdrawn_at is not None for each in former
                ),
            }
            for actor in await former_keys.actors(session, None)
        ]

    columns = {"name": "name", "kind": "kind", "since": "since", "former": "former", "withdrawn": "withdrawn"}
    shown.listing(desk.look(work), columns, in_json=in_json, nothing="There are none.")


@keys.command()
@click.option("--actor", metavar="NAME", help="The organisation's handle, a campaign's name, or the host.")
@click.option("--all", "everybody", is_flag=True, help="Of the organisation, every campaign, the instance.")
@click.option(
    "--compromised", is_flag=True, help="Somebody else may have the keys: what they signed is void at once."
)
@click.pass_obj
def rotate(desk: Desk, actor: str | None, everybody: bool, compromised: bool) -> None:
    """Make new keys and tell other servers of them, while the server runs.

    What is in other hands stays good: receipts and papers that the former key signed can still be checked.
    Counts and lists of partners are signed again by the running server, within a minute. With --compromised
    the former keys are good for nothing any more, and receipts of before can't be checked.
    """
    if (actor is None) != everybody:
        raise WrongInput("Say whose: --actor NAME, or --all")
    names = desk.look(lambda session: rekey.named(session, actor))
    if not names:
        raise Refused(f"There is no actor `{actor}` here; see: fedicause keys list")
    for name in names:
        pair = rekey.Pair.new()

        async def work(session: AsyncSession, name: str = name, pair: rekey.Pair = pair) -> None:
            found = await local_actors.by_name(session, name)
            if found is not None:
                here = Here(desk.urls, desk.seal, desk.now())
                await rekey.rotate(session, here, found, pair, compromised=compromised)

        desk.change(work)
        click.echo(f"{name} has new keys.")
    if compromised:
        click.echo("Change the secret too, if whoever has the keys may have that: fedicause secret rotate")
    click.echo("A running server signs with them within a minute.")

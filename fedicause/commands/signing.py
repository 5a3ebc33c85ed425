"""`fedicause sign`: test signatures, in development mode."""

import secrets
from functools import partial
from typing import Final

import click
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from federation import tallies as tallying
from fedicause import fields, partners, publish
from fedicause import sign as verbs
from fedicause.coalition.roster import own_uri
from fedicause.commands import coalitions as known
from fedicause.commands.desk import Desk, Refused
from fedicause.here import Here
from storage import coalitions, members
from storage.coalition_models import Coalition

AT_ONCE: Final = 1000
"""In one transaction: beside a running server nobody waits for long."""


@click.command()
@click.argument("campaign")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--country", help="Where the people live, such as DE.")
@click.pass_obj
def sign(desk: Desk, campaign: str, count: int, country: str | None) -> None:
    """In development mode: record test signatures of CAMPAIGN, a slug or slug@host."""
    if not desk.settings.dev:
        raise Refused("Test signatures are for development mode alone (FEDICAUSE_DEV=1)")
    code = fields.country(country) if country else tallying.UNKNOWN
    done = 0
    while done < count:
        number = min(AT_ONCE, count - done)
        done += desk.change(partial(_sign, desk=desk, campaign=campaign, number=number, country=code))
    people = "One test signature" if done == 1 else f"{done:,} test signatures"
    click.echo(f"{people} of {campaign} recorded.")


async def _sign(session: AsyncSession, *, desk: Desk, campaign: str, number: int, country: str) -> int:
    coalition = await _coalition(session, desk, campaign)
    key = desk.seal.open(coalition.sketch_key_sealed or b"")
    given = {sketches.item(key, f"test-{secrets.token_hex(8)}@test.invalid"): country for _ in range(number)}
    return await verbs.confirm(session, coalition.id, given, now=desk.now())


async def _coalition(session: AsyncSession, desk: Desk, named: str) -> Coalition:
    """The coalition of an open campaign of ours, or of another's where we are a partner; raises Refused."""
    slug = known.own_slug(named, desk.urls)
    if slug is not None:
        campaign = await publish.find(session, slug)
        if campaign.state != "published":
            raise Refused(f"`{campaign.slug}` takes no signatures: it is {_state(campaign.state)}")
        return await partners.found(session, Here(desk.urls, desk.seal, desk.now()), campaign)
    theirs = await known.campaign(session, named)
    found = await coalitions.of_foreign(session, theirs.id)
    uri = await own_uri(session, desk.urls)
    member = await members.of(session, found.id, uri) if found else None
    if found is None or member is None or member.state != "accepted":
        raise Refused(f"You are no partner of {theirs.slug}@{theirs.origin}")
    if theirs.state != "published":
        raise Refused(f"{theirs.slug}@{theirs.origin} takes no signatures: it is {_state(theirs.state)}")
    if found.sketch_key_sealed is None:
        raise Refused(f"The key of {theirs.slug}@{theirs.origin} has not come yet: try again in a moment")
    return found


def _state(state: str) -> str:
    return "a draft" if state == "draft" else state

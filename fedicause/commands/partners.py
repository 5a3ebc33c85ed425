"""`fedicause partner …`: whom we follow, whose campaigns we join, who joins ours; and `fedicause sign`."""

import secrets
from functools import partial
from typing import Any, Final

import click
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from federation import tallies as tallying
from fedicause import follow, joining, mirror, partners, publish, sign
from fedicause.commands import following, shown
from fedicause.commands.desk import Change, Desk, Refused
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.partners import Applicant
from fedicause.roster import own_uri
from storage import coalitions, evidence, foreign, members, tallies
from storage.coalition_models import Coalition, ForeignCampaign, Member

SIGNED_AT_ONCE: Final = 1000


@click.group()
def partner() -> None:
    """Follow organisations, join their campaigns, and decide who joins yours."""


for each in (following.follow, following.unfollow, following.following):
    partner.add_command(each)


@partner.command()
@click.argument("url")
@click.pass_obj
def join(desk: Desk, url: str) -> None:
    """Ask to join the campaign at URL: its page, or its address on the fediverse."""

    async def work(instance: Instance, change: Change) -> Member:
        uri = url if "://" in url else (await follow.find(instance, url)).uri
        copy = await mirror.look(instance, uri)

        async def ask(session: AsyncSession) -> Member:
            campaign = await mirror.store(session, instance, copy, instance.now())
            return await joining.join(session, Here.at(instance), campaign)

        return await change(ask)

    desk.visit(work)
    click.echo("Asked. The answer shows in: fedicause partner list")


@partner.command()
@click.argument("campaign")
@click.pass_obj
def leave(desk: Desk, campaign: str) -> None:
    """Leave a coalition: CAMPAIGN is its URL, or slug@host."""

    async def work(session: AsyncSession) -> ForeignCampaign:
        found = await _foreign(session, campaign)
        await joining.leave(session, _here(desk), found)
        return found

    found = desk.change(work)
    click.echo(f"You have left {found.slug}@{found.origin}. The origin will be told.")


@partner.command()
@click.argument("slug")
@click.argument("organisation")
@click.pass_obj
def invite(desk: Desk, slug: str, organisation: str) -> None:
    """Invite ORGANISATION (its address on the fediverse) to join your campaign SLUG."""

    async def work(instance: Instance, change: Change) -> Member:
        found = await follow.find(instance, organisation)
        if found.type != "Organization":
            raise publish.Impossible(f"{organisation} is no organisation")

        async def ask(session: AsyncSession) -> Member:
            campaign = await publish.find(session, slug)
            applicant = Applicant(found.uri, found.name or found.handle, found.inbox)
            return await partners.invite(session, Here.at(instance), campaign, applicant)

        return await change(ask)

    member = desk.visit(work)
    done = "is let in: it had asked" if member.state == "accepted" else "is invited"
    click.echo(f"{member.name} {done}. The answer shows in: fedicause partner list")


@partner.command()
@shown.as_json
@click.pass_obj
def requests(desk: Desk, in_json: bool) -> None:
    """List who waits for your answer, and invitations that you have."""
    rows = [row for row in desk.look(lambda session: _rows(session, desk)) if row["waits_for"] == "you"]
    columns = {
        "id": "ID",
        "campaign": "CAMPAIGN",
        "organisation": "ORGANISATION",
        "state": "WHAT",
        "asked": "SINCE",
    }
    shown.listing(rows, columns, in_json=in_json, nothing="Nobody waits for an answer.")


@partner.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def accept(desk: Desk, number: int) -> None:
    """Let in who asked to join, or accept an invitation; ID is from `requests`."""
    name = desk.change(lambda session: _answer(session, desk, number, is_accepted=True))
    click.echo(f"Accepted: {name}. They will be told.")


@partner.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def refuse(desk: Desk, number: int) -> None:
    """Refuse who asked to join, or an invitation; ID is from `requests`."""
    name = desk.change(lambda session: _answer(session, desk, number, is_accepted=False))
    click.echo(f"Refused: {name}. They will be told.")


@partner.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def remove(desk: Desk, number: int) -> None:
    """Take a partner off the roster of your campaign; ID is from `list`. Its tally counts no more."""
    member = desk.change(lambda session: partners.remove(session, _here(desk), number))
    click.echo(f"{member.name or member.host} is removed. All partners will be told.")


@partner.command("list")
@shown.as_json
@click.pass_obj
def list_(desk: Desk, in_json: bool) -> None:
    """List everybody in every coalition, with what was asked and answered."""
    rows = desk.look(lambda session: _rows(session, desk))
    columns = {
        "id": "ID",
        "campaign": "CAMPAIGN",
        "organisation": "ORGANISATION",
        "host": "HOST",
        "state": "STATE",
        "signatures": "SIGNATURES",
        "heard": "LAST HEARD",
    }
    shown.listing(
        rows,
        columns,
        in_json=in_json,
        nothing="You are in no coalition yet. Join one with: fedicause partner join URL",
    )


@partner.command("evidence")
@shown.as_json
@click.pass_obj
def evidence_(desk: Desk, in_json: bool) -> None:
    """List who has signed two different tallies as one version, and tallies that grew suddenly."""
    rows = desk.look(_findings)
    columns = {
        "id": "ID",
        "campaign": "CAMPAIGN",
        "what": "WHAT",
        "author": "WHO",
        "seen": "SEEN",
        "state": "STATE",
    }
    shown.listing(rows, columns, in_json=in_json, nothing="Nothing was found.")


@partner.command()
@click.argument("number", metavar="ID")
@click.pass_obj
def lift(desk: Desk, number: str) -> None:
    """Count a partner again in spite of evidence, or mark a jump as looked at; ID is from `evidence`."""
    desk.change(lambda session: _lift(session, desk, number))
    click.echo("Done.")


@click.command("sign")
@click.argument("campaign")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--country", default=tallying.UNKNOWN, help="ISO code, such as DE.")
@click.pass_obj
def sign_(desk: Desk, campaign: str, count: int, country: str) -> None:
    """In development mode: record test signatures of CAMPAIGN, a slug or slug@host."""
    if not desk.settings.dev:
        raise Refused("Test signatures are recorded in development mode alone (FEDICAUSE_DEV=1)")
    code = country.upper()
    if len(code) != 2 or not code.isascii() or not code.isalpha():
        raise Refused("A country has two letters, such as DE")
    done = 0
    while done < count:
        work = partial(
            _sign, desk=desk, campaign=campaign, number=min(SIGNED_AT_ONCE, count - done), country=code
        )
        done += desk.change(work)
    click.echo(f"Recorded {done:,} test signatures of {campaign}.")


async def _sign(session: AsyncSession, *, desk: Desk, campaign: str, number: int, country: str) -> int:
    coalition = await _coalition(session, desk, campaign)
    if coalition.sketch_key_sealed is None:
        raise Refused(f"You are no partner of {campaign}")
    key = desk.seal.open(coalition.sketch_key_sealed)
    given = {sketches.item(key, f"test-{secrets.token_hex(8)}@test.invalid"): country for _ in range(number)}
    return await sign.confirm(session, coalition.id, given, now=desk.now())


async def _coalition(session: AsyncSession, desk: Desk, named: str) -> Coalition:
    """The coalition of a campaign of ours by slug, or of another's where we are a partner."""
    if "@" not in named and "/" not in named:
        campaign = await publish.find(session, named)
        if campaign.state != "published":
            raise Refused(f"`{campaign.slug}` takes no signatures: it is {campaign.state}")
        return await partners.found(session, _here(desk), campaign)
    theirs = await _foreign(session, named)
    found = await coalitions.of_foreign(session, theirs.id)
    uri = await own_uri(session, desk.urls)
    member = await members.of(session, found.id, uri) if found else None
    if found is None or member is None or member.state != "accepted":
        raise Refused(f"You are no partner of {theirs.slug}@{theirs.origin}")
    if theirs.state != "published":
        raise Refused(f"{theirs.slug}@{theirs.origin} takes no signatures: it is {theirs.state}")
    return found


async def _foreign(session: AsyncSession, named: str) -> ForeignCampaign:
    """A known campaign of another instance by slug@host, by our page of it or by its URL."""
    if "://" in named:
        found = await foreign.by_note(session, named) or await foreign.by_actor(session, named)
        named = named.rpartition("/campaigns/")[2]
        if found is not None:
            return found
    slug, _, origin = named.lstrip("@").partition("@")
    return await joining.campaign_at(session, slug, origin)


async def _answer(session: AsyncSession, desk: Desk, number: int, *, is_accepted: bool) -> str:
    member = await members.by_id(session, number)
    coalition = await coalitions.by_id(session, member.coalition_id) if member else None
    if coalition is not None and coalition.campaign_id is None:
        await joining.answer_invitation(session, _here(desk), number, is_accepted=is_accepted)
        return await _named(session, coalition)
    verb = partners.accept if is_accepted else partners.refuse
    member = await verb(session, _here(desk), number)
    return member.name or member.host


async def _rows(session: AsyncSession, desk: Desk) -> list[dict[str, Any]]:
    own = await own_uri(session, desk.urls)
    rows = []
    for member, coalition in await members.listed(session):
        head = (await tallies.heads(session, coalition.id, [member.actor_uri])).get(member.actor_uri)
        is_ours, is_origin = member.actor_uri == own, coalition.campaign_id is not None
        waits = {"requested": "you" if is_origin else "them", "invited": "them" if is_origin else "you"}
        rows.append(
            {
                "id": member.id,
                "campaign": await _named(session, coalition),
                "organisation": "you" if is_ours else member.name or member.actor_uri,
                "host": member.host,
                "state": _state(member, desk),
                "signatures": coalition.signatures if is_ours else head.signatures if head else 0,
                "asked": member.asked_at,
                "answered": member.answered_at,
                "heard": member.heard_at,
                "actor": member.actor_uri,
                "waits_for": waits.get(member.state) if is_ours or is_origin else None,
            }
        )
    return rows


def _state(member: Member, desk: Desk) -> str:
    waited = desk.now() - member.asked_at
    if member.state in ("requested", "invited") and member.answered_at is None:
        return "no answer yet" if waited >= joining.NO_ANSWER_AFTER else member.state
    return member.state


async def _named(session: AsyncSession, coalition: Coalition) -> str:
    ours = await coalitions.ours(session, coalition)
    if ours is not None:
        return ours[0].slug
    theirs = await coalitions.theirs(session, coalition)
    return f"{theirs.slug}@{theirs.origin}" if theirs else coalition.campaign_uri


async def _findings(session: AsyncSession) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for coalition in await coalitions.every(session):
        for row in await evidence.of(session, coalition.id):
            finding = {
                "id": f"e{row.id}",
                "campaign": await _named(session, coalition),
                "what": f"two versions of one {row.kind} ({row.epoch}, {row.version})",
                "author": row.author_uri,
                "seen": row.found_at,
                "state": "not counted" if row.lifted_at is None else "counted again",
            }
            rows.append(finding)
    for jump in await tallies.jumps(session):
        found = await coalitions.by_id(session, jump.coalition_id)
        rows.append(
            {
                "id": f"j{jump.id}",
                "campaign": await _named(session, found) if found else "",
                "what": f"grew from {jump.before:,} to {jump.after:,} within an hour",
                "author": jump.author_uri,
                "seen": jump.seen_at,
                "state": "look at it",
            }
        )
    return rows


async def _lift(session: AsyncSession, desk: Desk, number: str) -> None:
    kind, key = number[:1], number[1:]
    if key.isdigit() and kind == "e":
        found = await evidence.by_id(session, int(key))
        if found is not None:
            found.lifted_at = desk.now()
            return
    if key.isdigit() and kind == "j":
        jump = await tallies.jump(session, int(key))
        if jump is not None:
            jump.handled_at = desk.now()
            return
    raise Refused(f"There is nothing of number {number}: see `fedicause partner evidence`")


def _here(desk: Desk) -> Here:
    return Here(desk.urls, desk.seal, desk.now())

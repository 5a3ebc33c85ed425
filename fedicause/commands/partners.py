"""`fedicause partner …`: whom we follow, whose campaigns we join, and who joins ours."""

import click
from sqlalchemy.ext.asyncio import AsyncSession

from federation.answers import RemoteError
from fedicause import partners, publish
from fedicause.coalition import follow, forgive, joining, mirror
from fedicause.commands import coalitions as known
from fedicause.commands import following, shown
from fedicause.commands.desk import Change, Desk, Refused
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.partners import Applicant
from storage import coalitions, evidence, members
from storage.coalition_models import ForeignCampaign, Member


@click.group()
def partner() -> None:
    """Follow organisations, join their campaigns, and decide who joins yours."""


for each in (following.follow, following.unfollow, following.following):
    partner.add_command(each)


@partner.command()
@click.argument("url")
@click.pass_obj
def join(desk: Desk, url: str) -> None:
    """Ask to join the campaign at URL.

    URL is its page, or its name on the fediverse (@slug@host). Once its organisation has said yes, your site
    shows the campaign, and what you collect counts for it.
    """

    async def work(instance: Instance, change: Change) -> ForeignCampaign:
        try:
            copy = await mirror.look(instance, await follow.address_of(instance, url))
        except RemoteError as error:
            raise Refused(f"{shown.one_line(url, 200)} can't be read: {known.why(error)}") from error

        async def ask(session: AsyncSession) -> ForeignCampaign:
            campaign = await mirror.store(session, instance, copy, instance.now())
            await joining.join(session, Here.at(instance), campaign)
            return campaign

        return await change(ask)

    found = desk.visit(work)
    click.echo(f"{found.organisation_name} is asked to let you join {found.slug}@{found.origin}.")
    click.echo("The answer will show in: fedicause partner list")


@partner.command()
@click.argument("campaign")
@click.pass_obj
def leave(desk: Desk, campaign: str) -> None:
    """Leave a coalition, or take your request back. CAMPAIGN is its URL, or slug@host."""

    async def work(session: AsyncSession) -> ForeignCampaign:
        found = await known.campaign(session, campaign)
        await joining.leave(session, _here(desk), found)
        return found

    found = desk.change(work)
    click.echo(f"You have left {found.slug}@{found.origin}. {found.organisation_name} will be told.")


@partner.command()
@click.argument("slug")
@click.argument("organisation")
@click.pass_obj
def invite(desk: Desk, slug: str, organisation: str) -> None:
    """Invite ORGANISATION to join your campaign SLUG.

    ORGANISATION is its name on the fediverse (@name@host) or its address.
    """
    shortened = shown.one_line(organisation, 200)

    async def work(instance: Instance, change: Change) -> Member:
        try:
            found = await follow.find(instance, organisation)
        except RemoteError as error:
            raise Refused(f"{shortened} can't be found: {known.why(error)}") from error
        if found.type != "Organization":
            raise Refused(f"{shortened} is a campaign: invite the organisation that runs it")

        async def ask(session: AsyncSession) -> Member:
            campaign = await publish.find(session, slug)
            applicant = Applicant(found.uri, found.name or found.handle, found.inbox)
            return await partners.invite(session, Here.at(instance), campaign, applicant)

        return await change(ask)

    member = desk.visit(work)
    if member.state == "accepted":
        click.echo(f"{member.name} had asked to join, and is a partner now.")
    else:
        click.echo(f"{member.name} is invited. The answer will show in: fedicause partner list")


@partner.command()
@shown.as_json
@click.pass_obj
def requests(desk: Desk, in_json: bool) -> None:
    """List who waits for your answer.

    These are requests to join your campaigns, and invitations to join those of others.
    """
    listed = desk.look(lambda session: known.rows(session, desk.urls, desk.now()))
    rows = [
        row | {"what": "asks to join" if row["state"] == "requested" else "invites you"}
        for row in listed
        if row["waits_for"] == "you"
    ]
    columns = {
        "id": "ID",
        "campaign": "CAMPAIGN",
        "organisation": "ORGANISATION",
        "host": "HOST",
        "what": "WHAT",
        "asked": "SINCE",
    }
    shown.listing(rows, columns, in_json=in_json, nothing="Nobody waits for an answer.")


@partner.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def accept(desk: Desk, number: int) -> None:
    """Let in who asked to join, or accept an invitation. ID is from `requests`."""
    click.echo(desk.change(lambda session: _answer(session, desk, number, is_accepted=True)))


@partner.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def refuse(desk: Desk, number: int) -> None:
    """Refuse who asked to join, or decline an invitation. ID is from `requests`."""
    click.echo(desk.change(lambda session: _answer(session, desk, number, is_accepted=False)))


@partner.command()
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def remove(desk: Desk, number: int) -> None:
    """End a partnership in a campaign of yours.

    What the partner collected counts no more. ID is from `list`.
    """

    async def work(session: AsyncSession) -> str:
        member = await partners.remove(session, _here(desk), number)
        return f"{member.name or member.host} is no partner of {await _campaign(session, member)} any more."

    click.echo(f"{desk.change(work)} All partners will be told.")


@partner.command("list")
@shown.as_json
@click.pass_obj
def list_(desk: Desk, in_json: bool) -> None:
    """List the partners in all your coalitions.

    These are the coalitions of your own campaigns, and of those that you joined or asked to join.
    """
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
        desk.look(lambda session: known.rows(session, desk.urls, desk.now())),
        columns,
        in_json=in_json,
        nothing="There are no partners yet. Join a campaign with: fedicause partner join URL",
    )


@partner.command("evidence")
@shown.as_json
@click.pass_obj
def evidence_(desk: Desk, in_json: bool) -> None:
    """List what makes a partner's numbers hard to believe.

    Whoever signed two different tallies as one version is not counted. A tally that grew suddenly still is,
    until you end the partnership.
    """
    columns = {
        "id": "ID",
        "campaign": "CAMPAIGN",
        "organisation": "ORGANISATION",
        "what": "WHAT",
        "seen": "SEEN",
        "state": "STATE",
    }
    shown.listing(
        desk.look(lambda session: known.findings(session, desk.urls)),
        columns,
        in_json=in_json,
        nothing="Nothing was found.",
    )


@partner.command()
@click.argument("number", metavar="ID")
@click.pass_obj
def lift(desk: Desk, number: str) -> None:
    """Count a partner again in spite of evidence.

    A sudden growth is marked as looked at. ID is from `evidence`. It holds for your own site: each partner
    decides for itself.
    """
    click.echo(desk.change(lambda session: _lift(session, desk, number)))


async def _answer(session: AsyncSession, desk: Desk, number: int, *, is_accepted: bool) -> str:
    """Answers a request to a campaign of ours, or an invitation to another's; says what comes of it."""
    member = await members.by_id(session, number)
    coalition = await coalitions.by_id(session, member.coalition_id) if member else None
    if coalition is not None and coalition.campaign_id is None:
        await joining.answer_invitation(session, _here(desk), number, is_accepted=is_accepted)
        name = await known.named(session, coalition)
        if is_accepted:
            return f"You join {name}. That it has arrived will show in: fedicause partner list"
        return f"You don't join {name}. Its organisation will be told."
    verb = partners.accept if is_accepted else partners.refuse
    member = await verb(session, _here(desk), number)
    done = "is a partner of" if is_accepted else "is not let into"
    return f"{member.name or member.host} {done} {await _campaign(session, member)}, and will be told."


async def _lift(session: AsyncSession, desk: Desk, number: str) -> str:
    kind, key = number[:1].lower(), number[1:]
    if not (key.isascii() and key.isdigit() and len(key) < 19 and kind in ("e", "j")):
        raise Refused(f"{shown.one_line(number, 40)} is no ID of: fedicause partner evidence")
    if kind == "j":
        await forgive.pass_over(session, _here(desk), int(key))
        return "It is marked as looked at."
    lifted = await forgive.lift(session, _here(desk), int(key))
    member = await members.of(session, lifted.coalition_id, lifted.author_uri)
    name = member.name or member.host if member else lifted.author_uri
    if lifted.kind == "roster":
        return "It is marked as looked at."
    standing = await evidence.standing(session, lifted.coalition_id)
    more = [f"e{row.id}" for row in standing if (row.kind, row.author_uri) == ("tally", lifted.author_uri)]
    if more:
        return f"It is lifted; {name} counts again once this is lifted too: {', '.join(more)}"
    return f"{name} counts again on your site."


async def _campaign(session: AsyncSession, member: Member) -> str:
    coalition = await coalitions.by_id(session, member.coalition_id)
    return await known.named(session, coalition) if coalition else ""


def _here(desk: Desk) -> Here:
    return Here(desk.urls, desk.seal, desk.now())

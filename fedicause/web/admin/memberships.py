"""What the desk for partners shows: who waits, whose coalitions we are in, and who is in ours."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from fedicause.coalition import joining, roster
from fedicause.instance import Instance
from fedicause.support import STALE_AFTER
from fedicause.web import gather, served
from storage import campaigns, coalitions, evidence, foreign, members, past_tallies, tallies
from storage.coalition_models import Coalition, ForeignCampaign, Member
from storage.models import Campaign


class Known(Struct, frozen=True):
    """A campaign as it is named here; `address` is its slug, with @origin where it is another's."""

    address: str
    title: str
    runner: str
    state: str
    is_ours: bool


class Seat(Struct, frozen=True):
    """An organisation in a coalition, or one that was or wants to be in it.

    `state` is the member's, or origin, stale, excluded. `is_silent`: we asked and nobody answered for long.
    """

    id: int
    name: str
    host: str
    uri: str
    state: str
    signatures: int | None
    told_at: datetime | None
    heard_at: datetime | None
    asked_at: datetime
    answered_at: datetime | None
    is_us: bool
    is_silent: bool


class Waiting(Struct, frozen=True):
    """Who asks to join a campaign of ours, or an invitation to another's (None: it can't be read yet)."""

    seat: Seat
    campaign: Known | None
    campaign_uri: str
    is_invitation: bool


class Ours(Struct, frozen=True):
    """A campaign of ours, with how many partners it has, and how many are asked to be."""

    campaign: Known
    partners: int
    invited: int
    signatures: int


class Doubt(Struct, frozen=True):
    """Evidence, or a jump (`before` and `after` signatures), about an organisation of a coalition."""

    id: int
    kind: str
    name: str
    campaign: Known | None
    at: datetime
    before: int = 0
    after: int = 0
    lifted_at: datetime | None = None


class Overview(Struct, frozen=True):
    waiting: Sequence[Waiting]
    ours: Sequence[Ours]
    joined: Sequence[tuple[Known, Seat]]
    doubts: Sequence[Doubt]


class Desk(Struct, frozen=True):
    """One coalition: who is in it, who waits to be, who was. `own` is our own seat in another's."""

    campaign: Known
    total: int
    own_signatures: int
    seats: Sequence[Seat]
    waiting: Sequence[Seat]
    invited: Sequence[Seat]
    former: Sequence[Seat]
    own: Seat | None
    doubts: Sequence[Doubt]


async def overview(session: AsyncSession, instance: Instance) -> Overview:
    own_uri = await roster.own_uri(session, instance.urls)
    names = await _names(session)
    waiting, joined = [], []
    partners: dict[int, int] = {}
    invited: dict[int, int] = {}
    for member, coalition in await members.listed(session):
        seat = _seat(member, instance, own_uri, is_origin=coalition.campaign_id is not None)
        known = names.get(coalition.id)
        if coalition.campaign_id is not None:
            partners[coalition.id] = partners.get(coalition.id, 0) + (member.state == "accepted")
            invited[coalition.id] = invited.get(coalition.id, 0) + (member.state == "invited")
        if (coalition.campaign_id is not None) == (not seat.is_us) and member.state == (
            "requested" if coalition.campaign_id is not None else "invited"
        ):
            waiting.append(Waiting(seat, known, coalition.campaign_uri, is_invitation=seat.is_us))
        elif seat.is_us and coalition.campaign_id is None and known is not None:
            joined.append((known, seat))
    by_campaign = {each.campaign_id: each for each in await coalitions.every(session) if each.campaign_id}
    ours = []
    for listed in await campaigns.every(session):
        coalition_of = by_campaign.get(listed.campaign.id)
        key = coalition_of.id if coalition_of else 0
        ours.append(
            Ours(
                _ours(listed.campaign, listed.text().title),
                partners.get(key, 0),
                invited.get(key, 0),
                coalition_of.signatures if coalition_of else 0,
            )
        )
    return Overview(waiting, ours, joined, await _doubts(session, names, None))


async def desk(session: AsyncSession, instance: Instance, address: str) -> Desk:
    """The coalition of a campaign of ours, or of another's that we have to do with; raises gather.Missing."""
    own_uri = await roster.own_uri(session, instance.urls)
    known, coalition = await _found(session, address)
    if coalition is None:
        return Desk(known, 0, 0, (), (), (), (), None, ())
    heads = await tallies.heads(session, coalition.id)
    liars = {row.author_uri for row in await evidence.standing(session, coalition.id) if row.kind == "tally"}
    seats: dict[str, list[Seat]] = {"accepted": [], "requested": [], "invited": []}
    former: list[Seat] = []
    own: Seat | None = None
    for member, of in await members.listed(session):
        is_us = member.actor_uri == own_uri
        if of.id != coalition.id or (known.is_ours and is_us):
            continue
        head = heads.get(member.actor_uri)
        seat = _seat(
            member,
            instance,
            own_uri,
            is_origin=known.is_ours,
            runner_of=coalition,
            is_liar=member.actor_uri in liars,
            signatures=coalition.signatures if is_us else head.signatures if head else None,
            told_at=head.updated_at if head else None,
        )
        own = seat if is_us else own
        seats.get(member.state, former).append(seat)
    total = coalition.signatures if known.is_ours else 0
    total += sum(seat.signatures or 0 for seat in seats["accepted"] if seat.state != "excluded")
    return Desk(
        known,
        total,
        coalition.signatures,
        seats["accepted"],
        seats["requested"],
        seats["invited"],
        former,
        own,
        await _doubts(session, {coalition.id: known}, coalition.id),
    )


async def named(session: AsyncSession, coalition: Coalition) -> Known | None:
    """The campaign of a coalition; None where it could not be read yet."""
    ours = await coalitions.ours(session, coalition)
    # Of an invitation the campaign may have been read already, and not be noted there yet.
    theirs = await coalitions.theirs(session, coalition) or await foreign.by_actor(
        session, coalition.campaign_uri
    )
    if ours is not None:
        texts = await campaigns.texts(session, ours[0].id)
        return _ours(ours[0], texts[ours[0].language].title if ours[0].language in texts else ours[0].slug)
    return await _theirs(session, theirs) if theirs is not None else None


def _ours(campaign: Campaign, title: str) -> Known:
    return Known(campaign.slug, title, "", campaign.state, is_ours=True)


async def _theirs(session: AsyncSession, campaign: ForeignCampaign) -> Known:
    texts = await foreign.texts(session, campaign.id)
    text = texts.get(campaign.language) or next(iter(texts.values()), None)
    return Known(
        f"{campaign.slug}@{campaign.origin}",
        text.title if text else campaign.slug,
        campaign.organisation_name,
        campaign.state,
        is_ours=False,
    )


async def _names(session: AsyncSession) -> dict[int, Known]:
    """The campaigns of all coalitions, by the row keys of these."""
    found = {}
    for coalition in await coalitions.every(session):
        known = await named(session, coalition)
        if known is not None:
            found[coalition.id] = known
    return found


async def _found(session: AsyncSession, address: str) -> tuple[Known, Coalition | None]:
    slug, origin = served.split_address(address)
    if origin is None:
        campaign = await campaigns.by_slug(session, slug)
        if campaign is None or campaign.state == "deleted":
            raise gather.Missing(address)
        texts = await campaigns.texts(session, campaign.id)
        title = texts[campaign.language].title if campaign.language in texts else slug
        return _ours(campaign, title), await coalitions.of_campaign(session, campaign.id)
    theirs = await foreign.by_address(session, slug, origin)
    coalition = await coalitions.of_foreign(session, theirs.id) if theirs else None
    if theirs is None or coalition is None:
        raise gather.Missing(address)
    return await _theirs(session, theirs), coalition


def _seat(
    member: Member,
    instance: Instance,
    own_uri: str,
    *,
    is_origin: bool,
    runner_of: Coalition | None = None,
    is_liar: bool = False,
    signatures: int | None = None,
    told_at: datetime | None = None,
) -> Seat:
    """`is_origin`: the campaign is ours. `runner_of`: its coalition, where it matters who runs it."""
    now, is_us, state = instance.now(), member.actor_uri == own_uri, member.state
    if state == "accepted":
        if is_liar:
            state = "excluded"
        elif runner_of is not None and vocabulary.same_host(member.actor_uri, runner_of.campaign_uri):
            state = "origin"
        elif not is_us and (member.heard_at is None or now - member.heard_at > STALE_AFTER):
            state = "stale"
    is_asked_by_us = member.state == ("invited" if is_origin else "requested")
    return Seat(
        id=member.id,
        name=member.name or member.host,
        host=member.host,
        uri=member.actor_uri,
        state=state,
        signatures=signatures,
        told_at=told_at,
        heard_at=member.heard_at,
        asked_at=member.asked_at,
        answered_at=member.answered_at,
        is_us=is_us,
        is_silent=is_asked_by_us
        and member.answered_at is None
        and now - member.asked_at >= joining.NO_ANSWER_AFTER,
    )


async def _doubts(session: AsyncSession, names: Mapping[int, Known], coalition_id: int | None) -> list[Doubt]:
    """What tells of lies in these coalitions, the newest first; for all only what nobody has set aside."""
    found = []
    for key, known in names.items():
        for row in await evidence.of(session, key):
            if coalition_id is not None or row.lifted_at is None:
                name = await _name(session, key, row.author_uri)
                found.append(Doubt(row.id, row.kind, name, known, row.found_at, lifted_at=row.lifted_at))
    for jump in await past_tallies.jumps(session):
        if jump.coalition_id in names:
            name = await _name(session, jump.coalition_id, jump.author_uri)
            campaign = names[jump.coalition_id]
            found.append(
                Doubt(jump.id, "jump", name, campaign, jump.seen_at, before=jump.before, after=jump.after)
            )
    return sorted(found, key=lambda each: each.at, reverse=True)


async def _name(session: AsyncSession, coalition_id: int, uri: str) -> str:
    member = await members.of(session, coalition_id, uri)
    return (member.name if member else "") or vocabulary.host_of(uri)

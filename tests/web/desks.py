"""Work for moderators and campaigners: people who sign, replies, reports, waves, partners who wait."""

import json
import secrets
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import moderate, partners, sign
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.people import invalidate
from storage import actors, blocks, campaigns, coalitions, people, pledges, registers, reports, testimonies
from storage.actors import Description, Known
from storage.coalition_models import Coalition, Member, Signature
from storage.models import Campaign
from storage.partner_models import Jump
from storage.people_models import Pledge
from storage.pledges import Asked
from storage.registers import Key, Stand
from storage.trends import Selection, Span
from tests.web import alliances

BOTS, HOME = b"\x1a\x2b" * 16, b"\x3c\x4d" * 16


async def sign_up(
    instance: Instance,
    number: int,
    *,
    domain: str,
    network: bytes,
    country: str = "DE",
    confirmed: bool = True,
) -> None:
    """So many people sign: what the form and the links write, without the proofs of work."""
    here = Here.at(instance)
    async with instance.database.writing() as session:
        campaign = await campaigns.by_slug(session, "forest")
        assert campaign
        coalition = await _coalition(session, here, campaign)
        key = here.seal.open(coalition.sketch_key_sealed or b"")
        given: list[tuple[bytes, people.New]] = []
        for _ in range(number):
            address = f"{secrets.token_hex(8)}@{domain}"
            blind = here.seal.blind("mail address", address.encode())
            given.append(
                (sketches.item(key, address), people.New(blind, here.seal.close(b"x@y.z"), domain, "en"))
            )
        known = await people.ensure(session, [each for _, each in given], here.now)
        sealed = here.seal.close(json.dumps({"name": "Mallory Mallet"}).encode())
        await pledges.put(
            session,
            [
                Asked(
                    coalition_id=coalition.id,
                    item=item,
                    country=country,
                    person_id=known[new.blind].id,
                    details_sealed=sealed,
                    shown="nothing",
                    reason_sealed=None,
                    language="en",
                    token=secrets.token_bytes(32),
                    network=network,
                    link_id=None,
                    consents=[],
                )
                for item, new in given
            ],
            here.now,
        )
        if confirmed:
            await sign.confirm(session, coalition.id, {item: country for item, _ in given}, now=here.now)


async def _coalition(session: AsyncSession, here: Here, campaign: Campaign) -> Coalition:
    """The one that a test has made, or a new one; with a key for its sketches."""
    coalition = await coalitions.of_campaign(session, campaign.id)
    if coalition is None:
        return await partners.found(session, here, campaign)
    if coalition.sketch_key_sealed is None:
        coalition.sketch_key_sealed = here.seal.close(sketches.new_key())
    return coalition


async def fill(instance: Instance) -> None:
    """Something of everything that the desks show, for the campaign `forest`."""
    here = Here.at(instance)
    await sign_up(instance, 12, domain="mail.example", network=HOME)
    await sign_up(instance, 30, domain="trash.example", network=BOTS, confirmed=False)
    async with instance.database.writing() as session:
        campaign = await campaigns.by_slug(session, "forest")
        assert campaign
        coalition = await _coalition(session, here, campaign)
        reason = here.seal.close(b"My grandmother planted the first of these oaks.")
        confirmed = select(Signature.id).where(Signature.state == "confirmed")
        await session.execute(
            update(Pledge).where(Pledge.signature_id.in_(confirmed)).values(reason_sealed=reason)
        )
        (carol,) = await _accounts(session, here, "carol.example", "carol")
        await _reply(session, here, campaign, carol)
        await reports.add(
            session,
            actor_id=carol.id,
            objects=["https://carol.example/notes/1", here.urls.note("forest")],
            content="<p>Spam</p>",
            now=here.now,
        )
        bots = await _accounts(session, here, "bots.example", "eve", "mallory")
        held = Stand(True, True, 1, ())
        stands = {Key(campaign.actor_id, "endorsement", each.id): held for each in bots}
        await registers.put(session, stands, known=())
        await moderate.recount(session, now=here.now)
        await blocks.add_many(session, {"spam.example": "sells likes", "loud.example": ""}, here.now)
        await _waiting(session, here, coalition)
        begun = await invalidate.start(
            session,
            here,
            Selection(Span(coalition.id, here.now - timedelta(hours=1), here.now), networks=[BOTS]),
        )
        await invalidate.some(session, here, begun, [])


async def _accounts(session: AsyncSession, here: Here, host: str, *names: str) -> list[Known]:
    described = [
        Description(
            uri=f"https://{host}/users/{name}",
            host=host,
            type="Person",
            handle=name,
            name=name.title(),
            url=None,
            inbox=f"https://{host}/inbox",
            shared_inbox=None,
            moved_to=None,
            keys=(),
        )
        for name in names
    ]
    return list((await actors.remember(session, described, here.now)).values())


async def _reply(session: AsyncSession, here: Here, campaign: Campaign, author: Known) -> None:
    await testimonies.put(
        session,
        campaign_id=campaign.id,
        actor_id=author.id,
        note_uri="https://carol.example/notes/1",
        in_reply_to=here.urls.note("forest"),
        url=None,
        html='<p>I walk there with <a href="https://dogs.example/rex">my dog</a>.</p>',
        published_at=here.now,
        signed_at=here.now,
        now=here.now,
    )


async def _waiting(session: AsyncSession, here: Here, coalition: Coalition) -> None:
    """Who asks to join, who is asked, whose count jumped; and two campaigns of others."""
    long_ago = here.now - timedelta(days=2)
    ours = here.urls.actor("org", "organisation")

    def seat(coalition: Coalition, uri: str, name: str, state: str) -> None:
        host = uri.split("/")[2]
        session.add(
            Member(
                coalition_id=coalition.id,
                actor_uri=uri,
                host=host,
                name=name,
                inbox=f"{uri}/inbox",
                state=state,
                asked_at=long_ago,
            )
        )

    for name, state in (("air", "requested"), ("sky", "invited"), ("meadow", "refused")):
        seat(coalition, f"https://{name}.test/actors/{name}", name.title(), state)
    session.add(
        Jump(
            coalition_id=coalition.id,
            author_uri=alliances.ALLY,
            before=50,
            after=9000,
            seen_at=here.now,
        )
    )
    for slug, state in (("glacier", "requested"), ("dam", "invited")):
        text = {"en": (slug.title(), "<p>Theirs.</p>")}
        theirs = await alliances.foreign(session, alliances.RIVER, "River Watch", slug, text, now=here.now)
        their = await alliances.coalition(session, theirs.actor_uri, foreign_id=theirs.id)
        seat(their, ours, "", state)
    await session.flush()

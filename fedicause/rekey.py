"""New keys for actors of ours: what others must hear of it, and what of the former ones stays good."""

import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import keys, outgoing, proofs
from fedicause import announce, keyring
from fedicause.fediverse import describe, tell
from fedicause.here import Here
from storage import campaigns, coalitions, former_keys, handovers, local_actors, members
from storage.models import LocalActor


class Pair(Struct, frozen=True):
    """Both keys of an actor, just made: which takes a while, and is not for a transaction."""

    rsa: RSAPrivateKey
    ed25519: Ed25519PrivateKey

    @classmethod
    def new(cls) -> "Pair":
        return cls(keys.generate_rsa(), keys.generate_ed25519())


async def rotate(
    session: AsyncSession, here: Here, actor: LocalActor, pair: Pair, *, compromised: bool
) -> None:
    """Gives an actor these keys, and tells whoever knows it.

    The RSA key keeps its id, and the one before signs the news. The Ed25519 key gets an id of its own, and
    the one before stays listed, for receipts and papers in other hands name it. `compromised`: somebody else
    may have the keys of before; nothing that they sign is good any more, from now on.
    """
    await former_keys.retire(session, actor, here.now)
    if compromised:
        await former_keys.withdraw(session, actor.id, here.now)
    actor.rsa_former_sealed = None if compromised else actor.rsa_sealed
    actor.rsa_public = keys.public_pem(pair.rsa.public_key())
    actor.rsa_sealed = here.seal.close(keys.private_pem(pair.rsa))
    actor.ed25519_public = keys.multikey(pair.ed25519.public_key())
    actor.ed25519_sealed = here.seal.close(keys.private_pem(pair.ed25519))
    actor.proof_key += 1
    actor.rekeyed_at = here.now
    await session.flush()
    if compromised and actor.kind == "organisation":
        await _sign_papers_again(session, here, actor)
    await _tell(session, here, actor)


async def _tell(session: AsyncSession, here: Here, actor: LocalActor) -> None:
    inboxes = await _audience(session, actor)
    if not inboxes:
        return
    document = await describe.actor(session, here.urls, actor)
    await announce.say(
        session,
        urls=here.urls,
        actor=actor,
        document=outgoing.update(
            id=here.urls.new_activity(),
            actor=document["id"],
            object=document,
            published=here.now,
            cc=[document["followers"]],
        ),
        listed=False,
        inboxes=inboxes,
        now=here.now,
        replaces=document["id"],
    )


async def _audience(session: AsyncSession, actor: LocalActor) -> set[str]:
    """Whoever may keep the key of before; who knows the instance alone asks again when it doesn't fit."""
    campaign = await campaigns.by_actor(session, actor.id)
    if campaign is not None:
        return set() if campaign.state == "draft" else await tell.whoever_has_it(session, campaign)
    if actor.kind == "instance":
        return set()
    inboxes = set(await announce.subscribers(session, actor))
    for each in await coalitions.every(session):
        inboxes |= {partner.inbox for partner in await members.accepted(session, each.id) if partner.inbox}
        theirs = await coalitions.theirs(session, each)
        if theirs is not None and theirs.inbox:
            inboxes.add(theirs.inbox)
    return inboxes


async def _sign_papers_again(session: AsyncSession, here: Here, actor: LocalActor) -> None:
    """What was handed over says the same as before, under a key that is believed."""
    key = keyring.proof_key(actor, here.seal, here.urls)
    for coalition in await coalitions.every(session):
        for each in await handovers.every(session, coalition.id):
            said = {name: value for name, value in json.loads(each.document).items() if name != "proof"}
            signed = proofs.sign(said, key, here.now)
            each.document = json.dumps(signed, ensure_ascii=False, indent=2)
    await session.flush()


async def named(session: AsyncSession, name: str | None) -> list[str]:
    """The names of the actor of this name, or of all; raises local_actors.NotInitialised where none is."""
    await local_actors.instance(session)
    return [each.name for each in await former_keys.actors(session, [name] if name is not None else None)]

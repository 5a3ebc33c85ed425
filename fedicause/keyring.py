"""The keys of our own actors: made, sealed, opened, and under which ids others know them."""

import asyncio
import logging
import re
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from federation import keys
from federation.httpsig import Forged, KeyFor
from fedicause.instance import Instance
from fedicause.seal import Seal, WrongSecret
from fedicause.urls import Urls
from storage import former_keys, local_actors
from storage.models import LocalActor

log = logging.getLogger(__name__)

FORMER_SHOWN: Final = 8
"""Proof keys that an actor's document lists beside the newest: readers take ten keys in all."""
FORMER_KEPT: Final = timedelta(days=7)
"""For so long a delivery that is refused is tried with the RSA key of before, too."""
FOLLOW_EVERY: Final = 10.0
"""Seconds."""
_PROOF_KEY: Final = re.compile(r"ed25519-key(?:-([1-9]\d{0,5}))?")


async def new_actor(session: AsyncSession, seal: Seal, name: str, kind: str, now: datetime) -> LocalActor:
    """An actor of ours with both its keys; raises local_actors.Taken."""
    rsa, ed25519 = keys.generate_rsa(), keys.generate_ed25519()
    return await local_actors.add(
        session,
        name=name,
        kind=kind,
        rsa_public=keys.public_pem(rsa.public_key()),
        rsa_sealed=seal.close(keys.private_pem(rsa)),
        ed25519_public=keys.multikey(ed25519.public_key()),
        ed25519_sealed=seal.close(keys.private_pem(ed25519)),
        now=now,
    )


def signing_key(actor: LocalActor, seal: Seal, urls: Urls) -> keys.SigningKey:
    """The RSA key that signs this actor's requests."""
    private = keys.load_private(seal.open(actor.rsa_sealed))
    assert isinstance(private, RSAPrivateKey)  # noqa: S101
    return keys.SigningKey(f"{urls.actor(actor.name, actor.kind)}#main-key", private)


def proof_key(actor: LocalActor, seal: Seal, urls: Urls) -> keys.SigningKey:
    """The Ed25519 key that makes this actor's integrity proofs (FEP-8b32)."""
    private = keys.load_private(seal.open(actor.ed25519_sealed))
    assert isinstance(private, Ed25519PrivateKey)  # noqa: S101
    return keys.SigningKey(proof_key_id(actor, urls), private)


def former_signing_key(actor: LocalActor, seal: Seal, urls: Urls) -> keys.SigningKey | None:
    """The RSA key before this one, of the same id, where it is still kept."""
    if actor.rsa_former_sealed is None:
        return None
    private = keys.load_private(seal.open(actor.rsa_former_sealed))
    return keys.SigningKey(f"{urls.actor(actor.name, actor.kind)}#main-key", private)


def proof_key_id(actor: LocalActor, urls: Urls, number: int | None = None) -> str:
    """By which others find the key that made a proof: the newest, or the one of this number."""
    number = number or actor.proof_key
    return f"{urls.actor(actor.name, actor.kind)}#ed25519-key{f'-{number}' if number > 1 else ''}"


async def proof_keys(session: AsyncSession, actor: LocalActor, urls: Urls) -> dict[str, str]:
    """The Multikeys by which this actor's proofs can be checked, by their ids, the newest first."""
    former = await former_keys.listed(session, actor.id, limit=FORMER_SHOWN)
    return {proof_key_id(actor, urls): actor.ed25519_public} | {
        proof_key_id(actor, urls, each.number): each.public for each in former
    }


def number_of(key_id: str) -> int | None:
    """Which of an actor's proof keys this id names; None for none."""
    found = _PROOF_KEY.fullmatch(key_id.partition("#")[2])
    return int(found[1] or 1) if found else None


async def follow(instance: Instance, sealed: bytes) -> None:
    """Has the instance's requests signed with its actor's key as that is now; `sealed` is the one in use."""
    while True:
        await asyncio.sleep(FOLLOW_EVERY)
        try:
            async with instance.database.reading() as session:
                actor = await local_actors.instance(session)
            if actor.rsa_sealed != sealed:
                instance.remote.use(signing_key(actor, instance.seal, instance.urls))
                sealed = actor.rsa_sealed
        except (SQLAlchemyError, OSError, WrongSecret):
            log.warning("the instance's key could not be read", exc_info=True)


def with_our_own(instance: Instance, key_for: KeyFor) -> KeyFor:
    """The same, and the keys of our own proofs without asking ourselves over the network."""

    async def find(key_id: str, *, fresh: bool) -> keys.Key:
        uri = key_id.partition("#")[0]
        name = instance.urls.name_of_actor(uri) if number_of(key_id) else None
        if name is None:
            return await key_for(key_id, fresh=fresh)
        async with instance.database.reading() as session:
            actor = await local_actors.by_name(session, name)
            known = await proof_keys(session, actor, instance.urls) if actor is not None else {}
        if key_id not in known:
            raise Forged("no such key of ours")
        return keys.Key(key_id, uri, keys.from_multikey(known[key_id]))

    return find

"""The keys of our own actors: made, sealed, opened."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy.ext.asyncio import AsyncSession

from federation import keys
from federation.httpsig import Forged, KeyFor
from fedicause.instance import Instance
from fedicause.seal import Seal
from fedicause.urls import Urls
from storage import local_actors
from storage.models import LocalActor


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


def proof_key_id(actor: LocalActor, urls: Urls) -> str:
    """By which others find the key that made a proof."""
    return f"{urls.actor(actor.name, actor.kind)}#ed25519-key"


def with_our_own(instance: Instance, key_for: KeyFor) -> KeyFor:
    """The same, and the keys of our own proofs without asking ourselves over the network."""

    async def find(key_id: str, *, fresh: bool) -> keys.Key:
        uri, _, fragment = key_id.partition("#")
        name = instance.urls.name_of_actor(uri) if fragment == "ed25519-key" else None
        if name is None:
            return await key_for(key_id, fresh=fresh)
        async with instance.database.reading() as session:
            actor = await local_actors.by_name(session, name)
        if actor is None:
            raise Forged("no such key of ours")
        return keys.Key(key_id, uri, keys.from_multikey(actor.ed25519_public))

    return find

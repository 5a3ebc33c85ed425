"""The keys of our own actors: made, sealed, opened."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy.ext.asyncio import AsyncSession

from federation import keys
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
    return keys.SigningKey(f"{urls.actor(actor.name, actor.kind)}#ed25519-key", private)

"""Who is behind a mail address that somebody wrote into a form."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct, field
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause.here import Here
from storage import people
from storage.people_models import Person

# A mailbox that was full may have room again; one that never was gets a letter a day at most.
BOUNCE_HOLDS: Final = timedelta(days=1)


class Given(Struct, frozen=True):
    """What somebody wrote into the form, checked. `more` holds what the campaign asks for besides.

    `consents` says who may write to them (collecting.OWN, ORIGIN); `via` is the link that they came by.
    `ticked` has a bit for each answer or role that was chosen.
    """

    name: str
    address: str
    country: str
    language: str
    shown: str = "nothing"
    reason: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()
    network: bytes | None = None
    via: str | None = None
    ticked: int = 0


def blind(here: Here, given: Given) -> bytes:
    """The keyed hash by which somebody is found again."""
    return here.seal.blind("mail address", sketches.canonical(given.address).encode())


async def people_of(session: AsyncSession, here: Here, given: Sequence[Given]) -> dict[bytes, Person]:
    """The people behind these addresses, by keyed hash; letters go to the address in their rows.

    Spellings that are one address to us may be two mailboxes somewhere. Until somebody confirmed, the one
    written last is taken; afterwards the one that was confirmed.
    """
    new = {}
    for each in given:
        sealed = here.seal.close(each.address.encode())
        domain = sketches.canonical(each.address).rpartition("@")[2]
        hashed = blind(here, each)
        new[hashed] = people.New(hashed, sealed, domain, each.language)
    found = await people.ensure(session, list(new.values()), here.now)
    known = {
        hashed: person
        for hashed, person in found.items()
        if person.address_sealed != new[hashed].address_sealed and person.declined_at is None
    }
    if known:
        proven = await people.proven(session, [person.id for person in known.values()])
        for hashed, person in known.items():
            if person.id not in proven:
                person.address_sealed, person.domain = new[hashed].address_sealed, new[hashed].domain
            if person.bounced_at is not None and here.now - person.bounced_at > BOUNCE_HOLDS:
                person.bounced_at = None
        await session.flush()
    return found

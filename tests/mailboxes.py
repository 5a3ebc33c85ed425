"""Many people who have signed and confirmed; every second one agreed to letters."""

from typing import Any

from sqlalchemy import insert, select

from fedicause import partners, sign
from fedicause.here import Here
from fedicause.instance import Instance
from storage import campaigns
from storage.coalition_models import Signature
from storage.people_models import Consent, Person, Pledge
from tests.web import alliances

CONSENT = {"consent-own": "yes"}


async def crowd(instance: Instance, number: int, slug: str = "forest") -> None:
    """So many signatures with all that belongs to them, in a few statements."""
    now = instance.now()
    async with instance.database.writing() as session:
        campaign = await campaigns.by_slug(session, slug)
        assert campaign is not None
        coalition = await partners.found(session, Here.at(instance), campaign)
        items = [f"{each:032}".encode() for each in range(number)]
        await sign.confirm(session, coalition.id, dict.fromkeys(items, "DE"), now=now)
        people: list[dict[str, Any]] = [
            {
                "blind": item,
                "address_sealed": instance.seal.close(f"{int(item)}@mail.example".encode()),
                "domain": "mail.example",
                "language": "en",
                "created_at": now,
            }
            for item in items
        ]
        await session.execute(insert(Person), people)
        person_of = {each.blind: each.id for each in await session.execute(select(Person.blind, Person.id))}
        signed = (await session.execute(select(Signature.id, Signature.item).order_by(Signature.id))).all()
        words = instance.seal.close(b'{"name": "Somebody"}')
        pledges = [
            {
                "signature_id": signature_id,
                "person_id": person_of[item],
                "details_sealed": words,
                "shown": "nothing",
                "reason_state": "pending",
                "language": "en",
            }
            for signature_id, item in signed
        ]
        await session.execute(insert(Pledge), pledges)
        consents = [
            {
                "signature_id": signature_id,
                "organisation_uri": alliances.OURS,
                "organisation_name": "Friends of the Old Forest",
                "given_at": now,
            }
            for signature_id, item in signed
            if int(item) % 2
        ]
        await session.execute(insert(Consent), consents)

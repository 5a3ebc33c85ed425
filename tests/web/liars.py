"""An operator who lies: with the real keys of an instance, by real requests and out of its own database."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from federation import coalition as activities
from federation import proofs
from federation.keys import SigningKey
from fedicause import keyring
from storage import local_actors, tallies
from storage.coalition_models import Evidence, Tally
from storage.models import LocalActor
from tests import ours
from tests.coalitions import Home, Instances
from tests.web import joint

Document = dict[str, Any]
TALLY = ("campaign", "epoch", "version", "endorsements", "countries")
"""The members of a tally that are called `fc:…` on the wire."""
NUMBERS = itertools.count(1000)
"""Of rows of evidence: what is shown anew has another ETag."""


@dataclass(frozen=True, slots=True)
class Liar:
    """Runs `home`, and has to do with the campaign `forest` of `origin`."""

    home: Home
    origin: Home

    @property
    def campaign(self) -> str:
        return self.origin.urls.actor("forest")

    async def sign(self, document: Document, by: str | None = None) -> Document:
        """The document with a new proof of this instance's actor `by`, the organisation if none is named."""
        return proofs.sign(bare(document), await self.key(by), self.home.clock.now())

    async def newest(self) -> Document:
        """The tally that this organisation has told last."""

        async def find(session: AsyncSession) -> str:
            coalition = await joint.coalition_at(session)
            return (await tallies.heads(session, coalition.id, [self.home.actor]))[self.home.actor].document

        document: Document = json.loads(await self.home.look(find))
        return document

    async def again(self, number: int | None = None, *, by: str | None = None, **more: Any) -> Document:
        """The newest tally once more, signed anew: of so many signatures, otherwise as `more` says."""
        document = await self.newest()
        if number is not None:
            document |= {"fc:signatures": number, "fc:countries": {"ZZ": number}}
        told = {f"fc:{name}" if name in TALLY else name: value for name, value in more.items()}
        return await self.sign(document | told, by)

    async def update(self, receiver: Home, document: Document, by: str | None = None) -> int:
        """Tells a document of its own; the status that it gets."""
        return await self.do(receiver, "update", by, object=document, to=[receiver.actor])

    async def announce(self, receiver: Home, document: Document, by: str | None = None) -> int:
        """Passes a document on; the status that it gets."""
        return await self.do(receiver, "announce", by, object=document, to=[receiver.actor])

    async def do(self, receiver: Home, what: str, by: str | None = None, **more: Any) -> int:
        """Sends an activity (by a builder of federation.coalition) in the name of `by`; the status."""
        sender = await self._actor(by)
        document = getattr(activities, what)(
            id=self.home.urls.new_activity(),
            actor=self.home.urls.actor(sender.name, sender.kind),
            published=self.home.clock.now(),
            **more,
        )
        key = await self.request_key(by)
        body = json.dumps(document).encode()
        return (await self.home.instance.remote.deliver(receiver.urls.shared_inbox, body, key)).status

    async def serve(self, document: Document) -> None:
        """Shows this tally in place of its own newest, or beside it where another is the author."""

        async def work(session: AsyncSession) -> None:
            coalition = await joint.coalition_at(session)
            known = await tallies.heads(session, coalition.id, [self.home.actor, document["attributedTo"]])
            row = known.get(document["attributedTo"])
            if row is None:
                names = [column.key for column in Tally.__table__.columns]
                like = {name: getattr(known[self.home.actor], name) for name in names}
                row = Tally(**like | {"author_uri": document["attributedTo"]})
                session.add(row)
            row.document = json.dumps(document)
            row.epoch, row.version = document["fc:epoch"], document["fc:version"]
            row.signatures, row.proof_value = document["fc:signatures"], document["proof"]["proofValue"]

        await self.home.change(work)

    async def roster(self) -> Document:
        """The roster that this instance knows."""
        found = await self.home.look(joint.coalition_at)
        document: Document = json.loads(found.roster)
        return document

    async def serve_roster(self, document: Document) -> None:
        """Shows this roster in place of the one that it knows."""

        async def work(session: AsyncSession) -> None:
            coalition = await joint.coalition_at(session)
            coalition.roster, coalition.roster_version = json.dumps(document), document["fc:version"]

        await self.home.change(work)

    async def serve_evidence(self, *pairs: tuple[Document, Document]) -> None:
        """Shows these pairs as evidence, and nothing else."""

        async def work(session: AsyncSession) -> None:
            coalition = await joint.coalition_at(session)
            await session.execute(delete(Evidence).where(Evidence.coalition_id == coalition.id))
            for one, other in pairs:
                number = next(NUMBERS)
                session.add(
                    Evidence(
                        id=number,
                        coalition_id=coalition.id,
                        kind="tally",
                        author_uri=one["attributedTo"],
                        epoch=1,
                        version=number,
                        one=json.dumps(one),
                        other=json.dumps(other),
                        found_at=self.home.clock.now(),
                    )
                )

        await self.home.change(work)

    async def key(self, by: str | None = None) -> SigningKey:
        """What the proofs of its actor `by` are made with."""
        return keyring.proof_key(await self._actor(by), self.home.instance.seal, self.home.urls)

    async def request_key(self, by: str | None = None) -> SigningKey:
        """What the requests of its actor `by` are signed with."""
        return keyring.signing_key(await self._actor(by), self.home.instance.seal, self.home.urls)

    async def _actor(self, name: str | None) -> LocalActor:
        async def find(session: AsyncSession) -> LocalActor | None:
            if name is None:
                return (await local_actors.organisation(session))[1]
            return await local_actors.by_name(session, name)

        found = await self.home.look(find)
        assert found is not None
        return found


class Company(NamedTuple):
    """`org` began the campaign, `ally` lies, `river` does not; `air` is no partner, with its own campaign."""

    org: Home
    ally: Home
    river: Home
    air: Home

    @property
    def mallory(self) -> Liar:
        """Who runs the ally."""
        return Liar(self.ally, self.org)

    @property
    def stranger(self) -> Liar:
        return Liar(self.air, self.air)

    @property
    def honest(self) -> tuple[Home, Home]:
        return self.org, self.river

    @property
    def partners(self) -> tuple[Home, Home, Home]:
        return self.org, self.ally, self.river

    @property
    def truth(self) -> dict[str, int]:
        """Signatures by host."""
        return {self.org.host: 12, self.ally.host: 30, self.river.host: 7}

    async def shown(self) -> list[dict[str, int]]:
        """Signatures by host, at every partner that is honest."""
        return [await joint.seen(home, self.org) for home in self.honest]

    async def evidence(self, home: Home) -> list[list[Document]]:
        """What this partner shows to anybody: pairs of documents."""
        found = await joint.evidence(home, self.org)
        assert {item["type"] for item in found} <= {"fc:Equivocation"}
        return [item["items"] for item in found]


@asynccontextmanager
async def company(instances: Instances) -> AsyncIterator[Company]:
    """The coalition, in which everybody has heard everybody."""
    async with instances(4) as (org, ally, river, air):
        await ours.write_forest(air.instance.settings, now=air.clock.now())
        await ours.publish_forest(air.instance.settings, now=air.clock.now())
        await joint.join(ally, org)
        await joint.join(river, org)
        await joint.sign_at(org, 12, "DE")
        await joint.sign_at(ally, 30, "IT")
        await joint.sign_at(river, 7, "FR")
        await joint.talk(org, ally, river, air)
        found = Company(org, ally, river, air)
        assert await found.shown() == [found.truth] * 2
        yield found


async def compare(*homes: Home) -> None:
    """Everybody compares with everybody, twice: what one has found out the others hear."""
    for _ in range(2):
        await joint.compare(*homes)


def bare(document: Document) -> Document:
    """Without its proof."""
    return {name: value for name, value in document.items() if name != "proof"}

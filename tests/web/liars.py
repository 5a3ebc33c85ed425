"""An operator who lies: with the real keys of an instance, by real requests and out of its own database."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from federation import coalition as activities
from federation import proofs
from fedicause import keyring
from fedicause.cli import main
from fedicause.compare import Comparer
from storage import evidence, local_actors, tallies
from storage.coalition_models import Coalition, Evidence
from storage.models import LocalActor
from tests.coalitions import Home, settle
from tests.web.test_coalition import coalition_at

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Liar:
    """Runs `home`, and has to do with the campaign `forest` of `origin`."""

    home: Home
    origin: Home

    @property
    def campaign(self) -> str:
        return self.origin.urls.actor("forest")

    @property
    def page(self) -> str:
        """Where this instance shows the campaign."""
        if self.home is self.origin:
            return self.home.urls.note("forest")
        return self.home.urls.hosted("forest", self.origin.host)

    async def sign(self, document: Document, by: str | None = None) -> Document:
        """The document with a new proof of this instance's actor `by`, the organisation if none is named."""
        unsigned = {name: value for name, value in document.items() if name != "proof"}
        return proofs.sign(unsigned, await self._proof_key(by), self.home.clock.now())

    async def newest(self) -> Document:
        """The tally that this organisation has told last."""
        coalition = await self.home.look(lambda session: coalition_at(session, self.home))
        heads = await self.home.look(lambda session: tallies.heads(session, coalition.id, [self.home.actor]))
        document: Document = json.loads(heads[self.home.actor].document)
        return document

    async def again(self, number: int | None = None, *, by: str | None = None, **more: Any) -> Document:
        """The newest tally once more, signed anew: of so many signatures, otherwise as `more` says.

        The names of `more` are those on the wire without `fc:`.
        """
        document = await self.newest()
        if number is not None:
            document |= {"fc:signatures": number, "fc:countries": {"ZZ": number}}
        names = {name: f"fc:{name}" for name in ("campaign", "epoch", "version", "endorsements", "countries")}
        return await self.sign(document | {names.get(name, name): value for name, value in more.items()}, by)

    async def update(self, to: Home, document: Document, by: str | None = None) -> int:
        """Tells a document of its own; the status that it gets."""
        return await self.do(to, "update", by, object=document, to=[to.actor])

    async def announce(self, to: Home, document: Document, by: str | None = None) -> int:
        """Passes on a document; the status that it gets."""
        return await self.do(to, "announce", by, object=document, to=[to.actor])

    async def do(self, to: Home, what: str, by: str | None = None, **more: Any) -> int:
        """Sends an activity (a builder of federation.coalition) in the name of `by`; the status that it gets."""
        build = getattr(activities, what)
        sender = await self._actor(by)
        document = build(
            id=self.home.urls.new_activity(),
            actor=self.home.urls.actor(sender.name, sender.kind),
            published=self.home.clock.now(),
            **more,
        )
        key = keyring.signing_key(sender, self.home.instance.seal, self.home.urls)
        body = json.dumps(document).encode()
        return (await self.home.instance.remote.deliver(to.urls.shared_inbox, body, key)).status

    async def serve(self, document: Document) -> None:
        """Shows this tally in place of its newest."""

        async def work(session: AsyncSession) -> None:
            coalition = await coalition_at(session, self.home)
            row = (await tallies.heads(session, coalition.id, [self.home.actor]))[self.home.actor]
            row.document = json.dumps(document)
            row.epoch, row.version = document["fc:epoch"], document["fc:version"]
            row.signatures, row.proof_value = document["fc:signatures"], document["proof"]["proofValue"]

        await self.home.change(work)

    async def serve_roster(self, document: Document) -> None:
        async def work(session: AsyncSession) -> None:
            coalition = await coalition_at(session, self.home)
            coalition.roster, coalition.roster_version = json.dumps(document), document["fc:version"]

        await self.home.change(work)

    async def serve_evidence(self, *pairs: tuple[Document, Document]) -> None:
        """Shows these pairs as evidence, and nothing else."""

        async def work(session: AsyncSession) -> None:
            coalition = await coalition_at(session, self.home)
            await session.execute(delete(Evidence).where(Evidence.coalition_id == coalition.id))
            for number, (one, other) in enumerate(pairs):
                await evidence.add(
                    session,
                    coalition_id=coalition.id,
                    kind="tally",
                    author_uri=one["attributedTo"],
                    epoch=1000,
                    version=number,
                    one=json.dumps(one),
                    other=json.dumps(other),
                    now=self.home.clock.now(),
                )

        await self.home.change(work)

    async def _actor(self, name: str | None) -> LocalActor:
        async def find(session: AsyncSession) -> LocalActor | None:
            if name is None:
                return (await local_actors.organisation(session))[1]
            return await local_actors.by_name(session, name)

        found = await self.home.look(find)
        assert found is not None
        return found

    async def _proof_key(self, by: str | None) -> Any:
        return keyring.proof_key(await self._actor(by), self.home.instance.seal, self.home.urls)


async def compare(*homes: Home) -> None:
    """Everybody compares with everybody, twice: what one has found out the others hear."""
    for _ in range(2):
        for home in homes:
            home.clock.advance(2)
            await Comparer(home.instance, home.receiver.key_for).round()
        await settle(*homes)


async def states(home: Home, support: Mapping[str, Any]) -> dict[str, str]:
    """By host, what the support says of it."""
    return {each["host"]: each["state"] for each in support["hosts"]}


async def coalition(home: Home) -> Coalition:
    return await home.look(lambda session: coalition_at(session, home))


async def run(home: Home, *words: str) -> Any:
    """What a command prints beside the running server, parsed where `--json` was asked for."""
    result = await asyncio.to_thread(CliRunner().invoke, main, words, env=home.environment)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in words else result.stdout

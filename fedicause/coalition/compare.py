"""Anti-entropy: partners compare what they know of each other, and fetch what differs from whoever has it."""

import asyncio
import random
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import tallies, vocabulary
from federation.httpsig import KeyFor
from fedicause import keyring, partners, tally
from fedicause.coalition import estimate, hosting, joining, outdated, reissue, roster
from fedicause.coalition.inquire import Found, Inquirer, Known, Peer
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.support import page
from storage import blocks, coalitions, evidence, former_keys, local_actors, members, sketches
from storage import tallies as rows
from storage.coalition_models import Coalition
from storage.coalition_models import Tally as TallyRow

PEERS: Final = 8
"""How many partners are asked in a round: in a larger coalition others each time, and always the origin."""


class Comparer:
    """Asks partners, round after round; `key_for` gives the keys of proofs.

    After a start it is not sure of our own tallies: a backup may have been restored. Before the first new one
    every partner is asked for the newest of ours that it knows (see `tell`).
    """

    def __init__(self, instance: Instance, key_for: KeyFor) -> None:
        self._instance = instance
        self._inquirer = Inquirer(instance.remote, key_for, instance.now)
        self._sure: set[int] = set()
        self._keys: dict[int, int] | None = None

    async def tell(self) -> bool:
        """Issues the tallies that are due and passes on those of partners; whether anything was queued."""
        instance = self._instance
        has_signed = await self._sign_again()
        async with instance.database.reading() as session:
            unfounded = await coalitions.unfounded(session)
        if unfounded:
            async with instance.database.writing() as session:
                for campaign in unfounded:
                    await partners.found(session, Here.at(instance), await session.merge(campaign))
        async with instance.database.reading() as session:
            own_uri = await roster.own_uri(session, instance.urls)
            before = instance.now() - instance.settings.tally_every
            due = await coalitions.moved(session, own_uri=own_uri, before=before)
            passing = bool(await rows.not_passed_on(session, own_uri=own_uri, before=before))
        skip: dict[int, int | None] = {
            coalition_id: None if coalition_id in self._sure else await self._learn(coalition_id, own_uri)
            for coalition_id in due
        }
        if due or passing:
            async with instance.database.writing() as session:
                here = Here.at(instance)
                for coalition_id, above in skip.items():
                    await tally.issue(session, here, coalition_id, above=above)
                await tally.pass_on(session, here, before=before)
            self._sure.update(due)
        return bool(due or passing or has_signed)

    async def _sign_again(self) -> bool:
        """Signs again what was signed with keys that were changed; whether there was anything."""
        instance = self._instance
        async with instance.database.reading() as session:
            numbers = await former_keys.numbers(session)
            if numbers == self._keys:
                return False
            found = await outdated.find(session, instance.urls)
            own_uri = await roster.own_uri(session, instance.urls)
        if found.rosters:
            async with instance.database.writing() as session:
                await reissue.sign_rosters(session, Here.at(instance), found.rosters)
        for coalition_id in found.tallies:
            above = None if coalition_id in self._sure else await self._learn(coalition_id, own_uri)
            async with instance.database.writing() as session:
                here = Here.at(instance)
                if found.is_withdrawn:
                    above = tally.skipped(await reissue.epoch(session, here.urls, coalition_id))
                await reissue.sign_tally(session, here, coalition_id, above)
            self._sure.add(coalition_id)
        self._keys = numbers
        return bool(found.rosters or found.tallies)

    async def round(self) -> None:
        """Compares every coalition with its partners once, and does what waits for an answer."""
        instance = self._instance
        async with instance.database.writing() as session:
            here = Here.at(instance)
            for campaign in await coalitions.unlinked(session):
                await joining.coalition_of(session, campaign)
            await joining.ask_again(session, here)
        async with instance.database.reading() as session:
            own_uri = await roster.own_uri(session, instance.urls)
            shared = [each.id for each in await coalitions.to_compare(session)]
        for coalition_id in shared:
            await self.compare(coalition_id)
            await estimate.refresh(instance, coalition_id)
            await self._fetch_sketches(coalition_id, own_uri)
            await estimate.review(instance, coalition_id)

    async def compare(self, coalition_id: int, *, everybody: bool = False) -> bool:
        """Compares one coalition with its partners; whether all whom it asked answered by our own roster."""
        async with self._instance.database.reading() as session:
            before = await self._before(session, coalition_id)
        if before is None:
            return True
        known, peers = before
        if not everybody and len(peers) > PEERS:
            peers = [peers[0], *random.sample(peers[1:], PEERS - 1)]
        found = await asyncio.gather(*(self._inquirer.ask(known, peer) for peer in peers))
        reached = [each for each in found if each.was_reached]
        if reached:
            async with self._instance.database.writing() as session:
                await self._take(session, coalition_id, reached)
        return all(each.was_reached and each.has_our_roster for each in found)

    async def _learn(self, coalition_id: int, own_uri: str) -> int | None:
        """Asks everybody for our own tally; the epoch to be passed by, where somebody could not be asked.

        By another roster there may be partners whom we did not ask, or who do not show what we told them.
        """
        everybody = await self.compare(coalition_id, everybody=True)
        async with self._instance.database.reading() as session:
            head = (await rows.heads(session, coalition_id, [own_uri])).get(own_uri)
        if everybody:
            return None
        return tally.skipped(head.epoch if head is not None else 0)

    async def _before(self, session: AsyncSession, coalition_id: int) -> tuple[Known, list[Peer]] | None:
        """What we know of a coalition, and whom we may ask about it: the origin first."""
        coalition = await coalitions.by_id(session, coalition_id)
        if coalition is None:
            return None
        note = await self._note(session, coalition)
        if note is None:
            return None
        heads = await on_roster(session, coalition)
        known = Known(
            coalition.campaign_uri,
            {row.author_uri: (row.epoch, row.version, row.proof_value) for row in heads},
            digest_of(heads),
            tally.roster_of(coalition),
            frozenset(
                f"{row.kind} {row.author_uri} {row.epoch} {row.version}"
                for row in await evidence.of(session, coalition_id)
            ),
        )
        return known, await self._peers(session, coalition, note)

    async def _peers(self, session: AsyncSession, coalition: Coalition, note: str) -> list[Peer]:
        own_uri = await roster.own_uri(session, self._instance.urls)
        listed = await members.accepted(session, coalition.id)
        blocked = await blocks.targets(session)

        def is_blocked(uri: str) -> bool:
            return blocks.covers(blocked, uri, vocabulary.host_of(uri))

        is_in = coalition.campaign_id is not None or any(each.actor_uri == own_uri for each in listed)
        peers = [
            Peer(
                each.actor_uri,
                page(note, vocabulary.origin_of(each.actor_uri)),
                each.evidence_etag,
                bool(each.name and each.inbox),
            )
            for each in listed
            if each.actor_uri != own_uri and not is_blocked(each.actor_uri)
        ]
        if not is_in:
            peers = [each for each in peers if vocabulary.same_host(each.uri, note)]
        if not peers and coalition.foreign_id is not None and not is_blocked(coalition.campaign_uri):
            # Nothing was heard yet: the origin has it.
            peers = [Peer("", note, None, is_named=True)]
        return peers

    async def _note(self, session: AsyncSession, coalition: Coalition) -> str | None:
        ours = await coalitions.ours(session, coalition)
        if ours is not None:
            return self._instance.urls.note(ours[0].slug)
        theirs = await coalitions.theirs(session, coalition)
        return theirs.note_uri if theirs is not None and theirs.state != "deleted" else None

    async def _take(self, session: AsyncSession, coalition_id: int, found: list[Found]) -> None:
        instance = self._instance
        here = Here.at(instance)
        coalition = await coalitions.locked(session, coalition_id)
        for each in found:
            for signed in each.rosters:
                if coalition.campaign_id is None:
                    await hosting.hear(session, here, coalition, signed)
                else:
                    await partners.restore_roster(session, here, coalition, signed)
        heard = await tally.hear(
            session,
            coalition,
            [one for each in found for one in each.tallies],
            own_uri=await roster.own_uri(session, here.urls),
            jump=instance.settings.jump,
            now=here.now,
        )
        if heard.overtaken is not None:
            await tally.issue(session, here, coalition_id, above=heard.overtaken)
        await tally.hear_evidence(
            session, coalition, [pair for each in found for pair in each.pairs], now=here.now
        )
        for each in found:
            member = await members.of(session, coalition_id, each.uri)
            if member is not None:
                member.heard_at = here.now
                # By another roster some was passed over that is about partners.
                if each.etag is not None and each.roster_version == coalition.roster_version:
                    member.evidence_etag = each.etag
                member.name, member.inbox = each.name or member.name, each.inbox or member.inbox
        coalition.compared_at = here.now
        await session.flush()

    async def _fetch_sketches(self, coalition_id: int, own_uri: str) -> None:
        """Asks authors themselves for their sketches, as our organisation: nobody else has or gets them."""
        async with self._instance.database.reading() as session:
            before = await self._before(session, coalition_id)
            heads = (await rows.heads(session, coalition_id)).values()
            sketched = await sketches.of(session, coalition_id)
            _, organisation = await local_actors.organisation(session)
        if before is None:
            return
        known, peers = before
        wanted = [author for author in estimate.wanted(heads, sketched) if author != own_uri]
        if not wanted or own_uri not in (known.roster.members if known.roster else ()):
            return
        key = keyring.signing_key(organisation, self._instance.seal, self._instance.urls)
        asked = (self._inquirer.sketch(peer, key) for peer in peers if peer.uri in wanted)
        found = [each for each in await asyncio.gather(*asked) if each is not None]
        if found:
            async with self._instance.database.writing() as session:
                for sketch in found:
                    if sketch.campaign == known.campaign:
                        await estimate.hear(session, sketch, self._instance.now())


async def on_roster(session: AsyncSession, coalition: Coalition) -> list[TallyRow]:
    """The newest known tallies of who is on the newest roster: what `…/tallies` shows."""
    signed = tally.roster_of(coalition)
    found = await rows.heads(session, coalition.id, signed.members if signed else [])
    return list(found.values())


def digest_of(heads: list[TallyRow]) -> str:
    """What tells in one word whether two partners know the same tallies (WIRE: fc:digest)."""
    return tallies.digest((row.author_uri, row.epoch, row.version, row.proof_value) for row in heads)

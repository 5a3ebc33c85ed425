"""Keys are changed while a coalition works: all goes on, and what may be forged is believed no more."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from federation import httpsig, keys, outgoing, proofs
from federation.httpsig import Forged
from fedicause import announce, keyring, rekey, rounds
from fedicause.coalition import attest
from fedicause.fediverse.deliver import Courier
from fedicause.here import Here
from fedicause.instance import Instance
from storage import handovers, local_actors
from storage.models import Actor, Campaign, Host, LocalActor
from storage.registers import Key
from tests import desk, forms
from tests.clock import Clock
from tests.coalitions import Home, Instances, settle
from tests.conftest import Client
from tests.federation.peers import Peer
from tests.storage import rows
from tests.web import joint
from tests.web.test_receipts import check, of_bob, shown


def signed_with(document: dict[str, Any]) -> str:
    return str(document["proof"]["verificationMethod"]).partition("#")[2]


async def rotated(*homes: Home, compromised: bool = False) -> None:
    for home in homes:
        await desk.said(home, "keys", "rotate", "--all", *(["--compromised"] if compromised else []))


@pytest.mark.parametrize("compromised", [False, True])
async def test_a_coalition_goes_on_when_everybody_changes_their_keys(
    instances: Instances, compromised: bool
) -> None:
    async with desk.homes(instances, 2) as (org, ally):
        await joint.join(ally, org)
        await joint.sign_at(org, 4)
        await joint.sign_at(ally, 30, "IT")
        await joint.talk(org, ally)
        before = {**await joint.tallies(org, org), "roster": await joint.roster(org, org)}
        stolen = await ally.look(local_actors.organisation)
        thief = keyring.proof_key(stolen[1], ally.instance.seal, ally.urls)

        await rotated(org, ally, compromised=compromised)
        await settle(org, ally)
        await joint.talk(org, ally)
        await joint.compare(org, ally)
        await joint.sign_at(ally, 5)
        await joint.talk(org, ally)

        for home in (org, ally):
            assert await joint.seen(home, org) == {org.host: 4, ally.host: 35}
            assert await joint.evidence(home, org) == []
            told = await joint.tallies(home, org)
            assert {signed_with(each) for each in told.values()} == {"ed25519-key-2"}
            for author in (org.actor, ally.actor):
                newer = [told[author][name] > before[author][name] for name in ("fc:epoch", "fc:version")]
                assert newer[0] == compromised
                assert any(newer)
        roster = await joint.roster(ally, org)
        assert (signed_with(roster), roster["items"]) == ("ed25519-key-2", before["roster"]["items"])
        assert roster["fc:version"] > before["roster"]["fc:version"]
        assert all(each.failures == 0 for each in await _hosts(org, ally))

        # What was signed before is believed as long as the key is not withdrawn.
        mine = before[ally.actor]
        forged = proofs.sign({**_unsigned(mine), "fc:version": 99}, thief, ally.clock.now())
        for document in (mine, forged):
            checked = attest.tally(document, org.receiver.key_for, now=org.clock.now())
            if compromised:
                with pytest.raises(Forged):
                    await checked
            else:
                assert (await checked).author == ally.actor
        shown = (await org.get(org.actor))["assertionMethod"]
        assert [each["id"].partition("#")[2] for each in shown] == (
            ["ed25519-key-2"] if compromised else ["ed25519-key-2", "ed25519-key"]
        )
        listed = {each["name"]: each for each in await desk.listed(ally, "keys", "list")}
        assert (listed["ally"]["former"], listed["ally"]["withdrawn"]) == (not compromised, compromised)


async def test_whose_keys_are_changed_must_be_said(instances: Instances) -> None:
    async with desk.homes(instances, 1) as (org,):
        assert "--all" in await desk.refused(org, "keys", "rotate", status=2)
        assert "nobody" in await desk.refused(org, "keys", "rotate", "--actor", "nobody")
        await desk.said(org, "keys", "rotate", "--actor", "forest")
        listed = {each["name"]: each["proof_key"] for each in await desk.listed(org, "keys", "list")}
        assert listed["forest"].endswith("#ed25519-key-2")
        assert listed["org"].endswith("#ed25519-key")


class Stubborn:
    """A server that keeps the first key that it saw, until an Update signed with that brings another."""

    def __init__(self, instance: Instance, peer: Peer, *, learns: bool) -> None:
        self.learns = learns
        self.heard: list[str] = []
        self._instance = instance
        self._peer = peer
        self._known: list[keys.PublicKey] = []
        self._courier = Courier(instance)
        peer.answer("/inbox", self._answer)

    async def hear(self, word: str) -> None:
        """The campaign says something to this server, and all that is queued goes out."""
        instance, uri = self._instance, self._instance.urls.actor("forest")
        forest = await self.forest()
        self._known = self._known or [keys.load_public(forest.rsa_public)]
        document = outgoing.announce(
            id=instance.urls.new_activity(), actor=uri, object=f"{uri}/{word}", published=instance.now()
        )
        async with instance.database.writing() as session:
            await announce.say(
                session,
                urls=instance.urls,
                actor=forest,
                document=document,
                listed=True,
                inboxes=[self._peer.url("/inbox")],
                now=instance.now(),
            )
        await self.take()

    async def take(self) -> None:
        while True:
            async with self._instance.database.writing() as session:
                harvest = await self._courier.exchange(session, look_around=True)
            self._courier.committed(harvest)
            if not self._courier.in_hand:
                return
            await asyncio.wait_for(self._courier.done.wait(), 20)

    async def forest(self) -> LocalActor:
        async with self._instance.database.reading() as session:
            actor = await local_actors.by_name(session, "forest")
        assert actor is not None
        return actor

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        raw = httpsig.Request(request.method, request.raw_path, tuple(request.headers.items()), body)

        async def key_for(key_id: str, *, fresh: bool) -> keys.Key:
            return keys.Key(key_id, key_id.partition("#")[0], self._known[-1])

        try:
            await httpsig.verify(raw, base_url=self._peer.url(""), key_for=key_for, now=self._instance.now())
        except Forged:
            return web.Response(status=401)
        said = json.loads(body)["object"]
        if isinstance(said, dict) and self.learns:
            self._known.append(keys.load_public(said["publicKey"]["publicKeyPem"]))
        self.heard.append("key" if isinstance(said, dict) else said.rpartition("/")[2])
        return web.Response(status=202)


@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_who_never_looks_again_at_a_key_hears_of_the_new_one(
    dev_instance: Instance, clock: Clock, learns: bool
) -> None:
    async with Peer() as peer:
        server = Stubborn(dev_instance, peer, learns=learns)
        await server.hear("one")
        async with dev_instance.database.writing() as session:
            forest = await server.forest()
            [bob] = await rows.people(session, f"bob@{peer.authority}", now=clock.now())
            await rows.say(session, Key(forest.id, "endorsement", bob.id), now=clock.now())
            await session.execute(update(Actor).values(inbox=peer.url("/inbox"), shared_inbox=None))
            await rekey.rotate(
                session,
                Here.at(dev_instance),
                await session.merge(forest),
                rekey.Pair.new(),
                compromised=False,
            )
        # The courier looks at its keys again.
        clock.advance(31)
        await server.take()
        await server.hear("two")
        assert server.heard == ["one", "key", "two"]
        clock.advance(keyring.FORMER_KEPT.total_seconds())
        await rounds.sweep_up(dev_instance)
        await server.hear("three")
        assert ("three" in server.heard) == learns


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_receipt_is_good_until_its_key_is_withdrawn(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    _, own = await of_bob(client, instance)
    old = shown(await forms.get(client, own))

    async def rotate(*, compromised: bool) -> None:
        async with instance.database.writing() as session:
            _, actor = await local_actors.organisation(session)
            here = Here.at(instance)
            await rekey.rotate(session, here, actor, rekey.Pair.new(), compromised=compromised)

    await rotate(compromised=False)
    assert await check(client, old) == "Genuine."
    new = shown(await forms.get(client, own))
    assert signed_with(json.loads(new)) == "ed25519-key-2"
    paper = await _hand_over(instance)
    await rotate(compromised=True)
    async with instance.database.reading() as session:
        again = json.loads((await handovers.every(session, 1))[0].document)
    assert _unsigned(again) == _unsigned(paper)
    own_key = keyring.with_our_own(instance, _nobody)
    assert await proofs.verify(again, own_key, now=clock.now()) == instance.urls.actor("org", "organisation")
    with pytest.raises(Forged):
        await proofs.verify(paper, own_key, now=clock.now())
    assert await check(client, old) == await check(client, new) == "No longer valid."
    assert await check(client, shown(await forms.get(client, own))) == "Genuine."
    # The number of a key that there never was is somebody's invention.
    assert await check(client, new.replace("ed25519-key-2", "ed25519-key-9")) == "Not from here."


async def _hand_over(instance: Instance) -> dict[str, Any]:
    """A paper of the organisation's, as it is kept."""
    async with instance.database.writing() as session:
        _, actor = await local_actors.organisation(session)
        key = keyring.proof_key(actor, instance.seal, instance.urls)
        signed = proofs.sign({"type": "Collection", "totalItems": 3}, key, instance.now())
        await handovers.add(session, 1, json.dumps(signed), instance.now(), number=1)
    return signed


async def _nobody(key_id: str, *, fresh: bool) -> keys.Key:
    raise Forged("nobody else signs here")


async def _hosts(*homes: Home) -> list[Any]:
    return [row for home in homes for row in await home.look(lambda s: s.scalars(select(Host)))]


def _unsigned(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "proof"}

"""Evidence of lies: what is none harms nobody, and what is one reaches everybody, however much there is."""

import json

from tests.coalitions import Instances, heal, settle
from tests.web import joint
from tests.web.joint import sign_at, talk, tell
from tests.web.liars import Document, Liar, company, compare


async def test_what_is_no_evidence_harms_nobody(instances: Instances) -> None:
    async with company(instances) as found:
        river = Liar(found.river, found.org)
        truth, elsewhere = await river.newest(), found.air.urls.actor("forest")
        invented = [
            await found.mallory.again(n, attributedTo=found.river.actor, id=truth["id"]) for n in (1, 2)
        ]
        abroad = [await river.again(n, campaign=elsewhere) for n in (50, 60)]
        uninvited = [await found.stranger.again(n, campaign=river.campaign) for n in (50, 60)]
        pairs = {
            "the same twice": (truth, truth),
            "the same, signed twice": (truth, await later(river, truth)),
            "one forged": (truth, invented[0]),
            "both forged": (invented[0], invented[1]),
            "two versions": (truth, await river.again(50, version=truth["fc:version"] + 1)),
            "two authors": (truth, await found.mallory.newest()),
            "another campaign": (abroad[0], abroad[1]),
            "two campaigns": (truth, abroad[0]),
            "of no partner": (uninvited[0], uninvited[1]),
        }
        for name, pair in pairs.items():
            await found.mallory.serve_evidence(pair)
            await joint.compare(*found.honest)
            assert [await found.evidence(home) for home in found.honest] == [[], []], name
        assert await found.shown() == [found.truth] * 2


async def test_evidence_without_end_keeps_nobody_from_comparing(instances: Instances) -> None:
    async with company(instances) as found:
        mallory = found.mallory
        version = (await mallory.newest())["fc:version"]
        for number in range(40):
            # Both are as large as a tally may be.
            for content in "ab":
                fat = await mallory.again(version=version + number, content=content * 14_000)
                assert await mallory.update(found.org, fat) == 202
        assert len(await found.evidence(found.org)) == 16
        found.river.deaf_to.add(found.org.url)
        await sign_at(found.org, 100, "DE")
        await tell(found.org)
        heal(found.river)
        await compare(found.river)
        expected = found.truth | {found.ally.host: 0, found.org.host: 112}
        assert await found.shown() == [expected] * 2
        assert len(await found.evidence(found.river)) == 16


async def test_of_more_evidence_than_fits_something_of_everybody_is_shown(instances: Instances) -> None:
    async with company(instances) as found:
        document = await found.mallory.newest() | {"content": "a" * 14_000}
        liars = [f"https://liar{number}.test/actors/org" for number in range(40)]
        pairs = [(document | {"attributedTo": each}, document) for each in liars for _ in range(3)]
        await Liar(found.org, found.org).serve_evidence(*pairs)
        shown = await found.evidence(found.org)
        assert {one["attributedTo"] for one, _ in shown} >= set(liars[:25])
        assert len(json.dumps(shown)) < 1024 * 1024
        # Whoever asks can read it.
        await compare(found.river)
        told = await joint.member(found.river, found.org)
        assert told is not None
        assert told.evidence_etag is not None


async def test_who_hides_its_key_from_a_new_partner_is_caught_there_too(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await joint.join(ally, org)
        await sign_at(ally, 30)
        await talk(org, ally)
        mallory = Liar(ally, org)
        assert await mallory.update(org, await mallory.again(9000)) == 202
        assert await joint.seen(org, org) == {org.host: 0, ally.host: 0}
        ally.deaf_to.add(river.url)
        await joint.join(river, org)
        await compare(river)
        assert await joint.evidence(river, org) == []
        heal(ally)
        river.clock.advance(601)
        await compare(river)
        assert len(await joint.evidence(river, org)) == 1
        assert (await joint.states(river, org))[ally.host] == "excluded"
        assert await joint.seen(river, org) == {org.host: 0, ally.host: 0, river.host: 0}


async def test_who_comes_back_is_known_to_those_who_came_meanwhile(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await joint.join(ally, org)
        await sign_at(ally, 30)
        await talk(org, ally)
        mallory = Liar(ally, org)
        assert await mallory.update(org, await mallory.again(9000)) == 202
        await joint.leave(ally, org)
        await settle(ally, org)
        await joint.join(river, org)
        await compare(river)
        assert await joint.evidence(river, org) == []
        told = await joint.member(river, org)
        assert told is not None
        assert told.evidence_etag is not None
        await joint.join(ally, org)
        await talk(org, ally)
        # It shows nothing of it itself.
        await mallory.serve_evidence()
        await compare(river)
        assert len(await joint.evidence(river, org)) == 1
        assert await joint.seen(river, org) == {org.host: 0, river.host: 0, ally.host: 0}


async def test_nobody_is_asked_for_the_keys_of_strangers(instances: Instances) -> None:
    async with company(instances) as found:
        mallory, stranger = found.mallory, found.stranger
        one, other = [await stranger.again(number, campaign=mallory.campaign) for number in (50, 60)]
        listed = await mallory.roster()
        await mallory.serve_roster(listed | {"items": [*listed["items"], found.air.actor], "totalItems": 4})
        await mallory.serve(one)
        await mallory.serve_evidence((one, other))
        shown = await joint.document(found.ally, f"{joint.page(found.ally, found.org)}/tallies")
        assert one in shown["items"]
        asked = len(found.air.asked)
        await compare(*found.honest)
        assert len(found.air.asked) == asked


async def later(author: Liar, document: Document) -> Document:
    """What the author says anyway, with another proof."""
    author.home.clock.advance(5)
    return await author.sign(document)

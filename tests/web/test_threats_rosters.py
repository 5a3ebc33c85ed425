"""Who is a partner is for the campaign and the partner to say: forged rosters, and answers by strangers."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from federation import proofs, rosters, sketches, vocabulary
from fedicause.coalition import mirror
from storage import coalitions, members
from tests import desk
from tests.coalitions import Home, Instances, follow, settle
from tests.web import joint
from tests.web.joint import sign_at, talk
from tests.web.liars import Document, Liar, company, compare


async def roster(
    author: Liar, *organisations: Home, version: int, by: str = "forest", **more: str
) -> Document:
    """A roster of the campaign, with a proof by this actor of the author's instance."""
    unsigned = rosters.build(
        id=f"{author.origin.urls.note('forest')}/partners",
        campaign=author.campaign,
        version=version,
        updated=author.home.clock.now(),
        members=[each.actor for each in organisations],
    )
    return await author.sign(unsigned | more, by)


async def test_a_forged_roster_changes_nothing(instances: Instances) -> None:
    async with company(instances) as found:
        org, ally, river, air = found
        mallory, stranger, true = found.mallory, Liar(air, org), Liar(org, org)
        kept = await joint.roster(river, org)
        version, tomorrow = kept["fc:version"] + 1, org.clock.now() + timedelta(hours=2)
        lies = {
            "by a partner": (401, await roster(mallory, org, ally, version=version, by="ally")),
            "by another campaign": (401, await roster(stranger, org, air, version=version)),
            "by the origin itself": (401, await roster(true, org, ally, version=version, by="org")),
            "changed since": (401, kept | {"items": [org.actor, ally.actor], "totalItems": 2}),
            "from elsewhere": (400, await roster(true, org, version=version, id=air.urls.note("forest"))),
            "of tomorrow": (
                400,
                await roster(true, org, version=version, updated=vocabulary.timestamp(tomorrow)),
            ),
            "without a proof": (400, {name: kept[name] for name in kept if name != "proof"}),
            "with somebody twice": (400, await roster(true, org, org, version=version)),
            "about another campaign": (202, await roster(found.stranger, air, version=version)),
            "of before": (202, await roster(true, org, river, version=kept["fc:version"] - 1)),
        }
        for name, (status, lie) in lies.items():
            for home in found.honest:
                assert await mallory.update(home, lie) == status, name
                assert await stranger.announce(home, lie, by="forest") == status, name
                assert await joint.roster(home, org) == kept, name
            await mallory.serve_roster(lie)
            await joint.compare(*found.honest)
            assert [await joint.roster(home, org) for home in found.honest] == [kept] * 2, name
            assert [await found.evidence(home) for home in found.honest] == [[], []], name
        await talk(*found.honest)
        assert await found.shown() == [found.truth] * 2


async def test_an_origin_that_signs_two_rosters_of_one_version_is_shown_to_have(instances: Instances) -> None:
    async with company(instances) as found:
        origin = Liar(found.org, found.org)
        version = (await origin.roster())["fc:version"] + 1
        # Some are told of a partner that others know nothing of.
        told = [
            await roster(origin, *found.partners, version=version),
            await roster(origin, *found, version=version),
        ]
        assert await origin.update(found.ally, told[0], by="forest") == 202
        assert await origin.update(found.river, told[1], by="forest") == 202
        await compare(found.ally, found.river, found.org)
        for home in found.partners:
            pairs = await found.evidence(home)
            assert len(pairs) == 1
            [pair] = pairs
            assert sorted(map(proofs.covered, pair)) == sorted(map(proofs.covered, told))
        one, *others = [await joint.roster(home, found.org) for home in found.partners]
        assert others == [one, one]


@pytest.mark.parametrize("how", ["leaves", "is removed"])
async def test_whoever_is_out_counts_no_more_whatever_it_tells(instances: Instances, how: str) -> None:
    async with company(instances) as found:
        mallory = found.mallory
        newest = await mallory.newest()
        await (joint.leave(found.ally, found.org) if how == "leaves" else joint.remove(found.org, found.ally))
        await settle(*found.partners)
        expected = {found.org.host: 12, found.river.host: 7}
        assert await found.shown() == [expected] * 2
        later = await mallory.again(9000, version=newest["fc:version"] + 1)
        for document in (newest, later):
            for home in found.honest:
                assert await mallory.update(home, document) == 202
                assert await found.stranger.announce(home, document) == 202
            await mallory.serve(document)
            await compare(*found.honest)
            await talk(*found.honest)
            assert await found.shown() == [expected] * 2
        assert found.ally.actor not in await joint.tallies(found.river, found.org)


async def test_only_the_campaign_says_who_has_joined_it(instances: Instances) -> None:
    async with instances(4) as (org, ally, river, guest):
        await joint.join(ally, org)
        await joint.join(river, org)
        await sign_at(ally, 5)
        await talk(org, ally, river)
        await joint.join(guest, org, accept=False)
        asked = (await joint.member(guest, guest)).request_uri
        mallory, origin = Liar(ally, org), Liar(org, org)
        request = {"id": asked, "type": "Join", "actor": guest.actor, "object": mallory.campaign}
        version = (await origin.roster())["fc:version"] + 1
        key = sketches.key_text(b"m" * 32)
        forged = await roster(mallory, org, ally, guest, version=version, by="ally")
        for status, more in (
            (202, {}),
            (202, {"sketch_key": key}),
            (202, {"sketch_key": key, "result": await origin.roster()}),
            (401, {"sketch_key": key, "result": forged}),
        ):
            assert await mallory.do(guest, "accept", object=request, to=[guest.actor], **more) == status
        assert await mallory.do(guest, "reject", object=request, to=[guest.actor]) == 202
        # Not even the campaign gives another's word for its own.
        answer = {"object": request, "to": [guest.actor], "sketch_key": key, "result": forged}
        assert await origin.do(guest, "accept", by="forest", **answer) == 401
        waiting = await joint.member(guest, guest)
        assert (waiting.state, waiting.answered_at) == ("requested", None)
        assert (await joint.coalition(guest)).sketch_key_sealed is None
        assert await standing(guest) == {(org.urls.actor("forest"), guest.actor): "requested"}
        # By the campaign's own word it is in.
        await joint.answer(org, guest, is_accepted=True)
        await settle(org, guest)
        assert (await joint.member(guest, guest)).state == "accepted"


async def test_nobody_is_removed_or_invited_by_strangers(instances: Instances) -> None:
    async with company(instances) as found:
        org, ally, river, air = found
        before = [await standing(home) for home in found.partners]
        target = f"{org.urls.note('forest')}/partners"
        for sender, by in ((found.stranger, None), (found.stranger, "forest"), (found.mallory, None)):
            for home in (org, ally, river):
                assert await sender.do(home, "remove", by, object=river.actor, target=target) == 202
        invitations = [
            (ally, {"object": river.actor, "target": air.urls.actor("forest")}, "forest"),
            (river, {"object": river.actor, "target": org.urls.actor("forest")}, "forest"),
            (river, {"object": river.actor, "target": air.actor}, None),
        ]
        for home, said, by in invitations:
            assert await found.stranger.do(home, "invite", by, **said) == 202
        assert await found.stranger.do(org, "leave", object=org.urls.actor("forest")) == 202
        assert [await standing(home) for home in found.partners] == before
        await talk(*found.partners)
        assert await found.shown() == [found.truth] * 2


async def test_nobody_becomes_a_partner_without_having_said_yes(instances: Instances) -> None:
    async with company(instances) as found:
        river, air, stranger = found.river, found.air, found.stranger
        campaign = air.urls.actor("forest")
        before = await joint.shared(river)
        version = 100

        async def enlist() -> None:
            """By every way on which a roster comes."""
            nonlocal version
            for way in ("update", "accept", "serve"):
                version += 1
                signed = await roster(stranger, air, river, version=version)
                asked = await river.look(lambda session: request_of(session, campaign, river))
                request = {"id": asked, "type": "Invite", "actor": campaign, "object": river.actor}
                if way == "update":
                    assert await stranger.update(river, signed, by="forest") == 202
                elif way == "accept":
                    said = {"object": request, "to": [river.actor], "result": signed}
                    assert await stranger.do(river, "accept", by="forest", **said) == 202
                else:
                    await stranger.serve_roster(signed)
                    await compare(river)
            assert (await standing(river)).get((campaign, river.actor)) != "accepted"
            assert await joint.shared(river) == before

        await enlist()
        # To follow a campaign is not to join it either.
        copy = await mirror.look(river.instance, air.urls.note("forest"))
        await follow(river, copy.organisation)
        await river.change(lambda session: mirror.store(session, river.instance, copy, river.clock.now()))
        await compare(river)
        assert campaign in {each.campaign_uri for each in await river.look(coalitions.every)}
        await enlist()
        said = {"object": river.actor, "target": campaign}
        assert await stranger.do(river, "invite", by="forest", **said) == 202
        await river.look_around()
        await compare(river)
        [invitation] = await desk.listed(river, "partner", "requests")
        await enlist()
        await desk.said(river, "partner", "refuse", str(invitation["id"]))
        await enlist()


async def request_of(session: AsyncSession, campaign: str, home: Home) -> str | None:
    """The id of the Invite or Join about this organisation."""
    for member, coalition in await members.listed(session):
        if (coalition.campaign_uri, member.actor_uri) == (campaign, home.actor):
            return member.request_uri
    return None


async def standing(home: Home) -> dict[tuple[str, str], str]:
    """Who is what in which coalition, as this instance sees it."""

    async def find(session: AsyncSession) -> dict[tuple[str, str], str]:
        return {(of.campaign_uri, each.actor_uri): each.state for each, of in await members.listed(session)}

    return await home.look(find)


async def crowd(home: Home, state: str, campaign: str, hosts: Iterable[str]) -> None:
    """So many wait for an answer of this organisation's admin already."""

    async def work(session: AsyncSession) -> None:
        for number, host in enumerate(hosts):
            is_guest = state == "invited"
            uri = f"http://{host}/actors/crowd{number}"
            coalition = await coalitions.by_uri(session, uri if is_guest else campaign)
            if coalition is None:
                coalition = await coalitions.add(session, campaign_uri=uri)
            await members.put(
                session,
                coalition_id=coalition.id,
                actor_uri=home.actor if is_guest else uri,
                host=home.host if is_guest else host,
                state=state,
                now=home.clock.now(),
            )

    await home.change(work)


@pytest.mark.parametrize("of_one_host", [True, False], ids=["of one host", "of many"])
async def test_only_so_many_wait_for_an_answer(instances: Instances, of_one_host: bool) -> None:
    async with instances(4) as (org, ally, river, air):
        number = members.MOST_OF_A_HOST if of_one_host else members.MOST_WAITING
        hosts = [ally.host if of_one_host else f"host{each}.test" for each in range(number)]
        await joint.invite(org, river)
        await crowd(org, "requested", org.urls.actor("forest"), hosts)
        await joint.ask(ally, org)
        await settle(org, ally)
        assert await joint.state(org, ally) is None
        assert await joint.state(ally, ally) == "requested"
        # Whoever was known before is heard, and others where there is room.
        await settle(org, river)
        await river.look_around()
        await joint.answer_invitation(river, is_accepted=True)
        await settle(org, river)
        assert await joint.state(org, river) == "accepted"
        hosts = [org.host if of_one_host else host for host in hosts]
        await crowd(air, "invited", org.urls.actor("forest"), hosts)
        before = await air.look(members.listed)
        await joint.invite(org, air)
        await settle(org, air)
        assert len(await air.look(members.listed)) == len(before)

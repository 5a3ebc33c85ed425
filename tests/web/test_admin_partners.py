"""Campaigners work with partners in the browser: requests, invitations, evidence, and whom they follow."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
from sqlalchemy import update

from fedicause import moderate
from fedicause.instance import Instance
from storage import audit, blocks, followings
from storage.coalition_models import Evidence
from storage.models import Campaign
from storage.partner_models import Jump
from tests.coalitions import Home, Instances, settle
from tests.conftest import Client
from tests.web import alliances, joint, staff
from tests.web.joint import ask, join, member, seen_by_both, sign_at
from tests.web.staff import Browser

DESK = "/admin/partners"


@asynccontextmanager
async def admin(home: Home, role: str = "campaigner") -> AsyncIterator[Browser]:
    """Somebody of this role, logged in at home."""
    async with aiohttp.ClientSession(base_url=home.url, cookie_jar=aiohttp.DummyCookieJar()) as session:
        browser: Any = Browser(session, origin=home.url)  # type: ignore[arg-type]
        email = f"{role}@here.test"
        password = await home.change(
            lambda session: staff.add(session, email=email, role=role, now=home.clock.now())
        )
        assert (await browser.log_in(email, password)).status == 303
        yield browser


async def deeds(home: Home) -> list[tuple[str, str]]:
    page = await home.look(lambda session: audit.page(session, limit=50))
    return [(each.deed, each.about) for each in page.entries if each.deed != "login"][::-1]


def forms(page: str) -> set[str]:
    """Where the page's buttons lead."""
    return set(re.findall(r'(?:form)?action="(/admin/partners[^"]*)"', page))


async def test_a_request_is_seen_accepted_and_ended(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await ask(ally, org)
        await settle(org, ally)
        async with admin(org) as alice, admin(ally) as bob:
            page = (await alice.get(DESK)).text
            assert "<b>Alpine Allies</b> asks to join <b>Save the old forest</b>" in page
            row = await member(org, ally)
            assert row
            assert (await alice.post(f"{DESK}/requests/{row.id}/accept")).place == f"{DESK}?done=accepted"
            assert (await alice.post(f"{DESK}/requests/{row.id}/accept")).status == 409
            await settle(org, ally)
            assert await seen_by_both(org, ally) == ("accepted", "accepted")
            await sign_at(ally, 3)
            await joint.talk(org, ally)
            page = (await alice.get(f"{DESK}/campaigns/forest")).text
            assert "Alpine Allies" in page
            assert re.search(r"Signatures together</small> 3", page)
            theirs = f"{DESK}/campaigns/forest@{org.host}"
            assert "Friends of the Old Forest" in (await bob.get(theirs)).text
            assert f"{DESK}/campaigns/forest/members/{row.id}/remove" in forms(page)
            await alice.post(f"{DESK}/campaigns/forest/members/{row.id}/remove")
            await settle(org, ally)
            assert await seen_by_both(org, ally) == ("removed", "removed")
        assert await deeds(org) == [
            ("partner.accept", f"{ally.host}: forest"),
            ("partner.remove", f"{ally.host}: forest"),
        ]


async def test_joining_by_address_asking_again_and_leaving(instances: Instances) -> None:
    async with instances(2) as (org, ally), admin(ally) as bob:
        await bob.get(DESK)
        for address, said in (
            ("", "leads to no campaign"),
            ("nonsense", "leads to no campaign"),
            (f"{org.url}/campaigns/nothing", "There is nothing at this address"),
            (f"{ally.url}/campaigns/forest", "leads to no campaign"),
            ("http://127.0.0.1:9/campaigns/forest", "does not answer"),
        ):
            answer = await bob.post(f"{DESK}/join", {"address": address})
            assert (answer.status, said in answer.text) == (422, True), address
        assert (await bob.post(f"{DESK}/join", {"address": org.urls.note("forest")})).status == 303
        assert "no answer yet" not in (await bob.get(DESK)).text
        org.clock.advance(timedelta(hours=25).total_seconds())
        async with admin(ally, "owner") as carol:
            page = (await carol.get(DESK)).text
            assert "no answer yet" in page
            await carol.post(f"{DESK}/campaigns/forest@{org.host}/again")
            await settle(org, ally)
            assert org.received().count("Join") >= 1
            await joint.answer(org, ally, is_accepted=True)
            await settle(org, ally)
            again = await carol.post(f"{DESK}/join", {"address": org.urls.note("forest")})
            assert (again.status, "partners already" in again.text) == (422, True)
            assert (await carol.post(f"{DESK}/campaigns/forest@{org.host}/leave")).status == 303
            await settle(org, ally)
            assert await seen_by_both(org, ally) == ("left", "left")
            assert (await carol.post(f"{DESK}/campaigns/forest@{org.host}/leave")).status == 409
            assert (await carol.get(f"{DESK}/campaigns/nothing@{org.host}")).status == 404
        assert [deed for deed, _ in await deeds(ally)] == [
            "coalition.join",
            "coalition.again",
            "coalition.leave",
        ]


async def test_invitations_go_out_and_come_in(instances: Instances) -> None:
    async with instances(2) as (org, ally), admin(org) as alice, admin(ally) as bob:
        desk = f"{DESK}/campaigns/forest"
        await alice.get(desk)
        for who, said in (
            ("nonsense", "leads to no campaign"),
            (org.urls.actor("forest"), "leads to no campaign"),
            ("http://127.0.0.1:9/actors/x", "does not answer"),
        ):
            answer = await alice.post(f"{desk}/invite", {"who": who})
            assert (answer.status, said in answer.text) == (422, True), who
        assert (await alice.post(f"{desk}/invite", {"who": ally.handle})).place == f"{desk}?done=invited"
        await settle(org, ally)
        await ally.look_around()
        page = (await bob.get(DESK)).text
        assert "<b>Friends of the Old Forest</b> invites you to <b>Save the old forest</b>" in page
        row = await member(ally, ally)
        assert row
        await bob.post(f"{DESK}/invitations/{row.id}/decline")
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("refused", "refused")
        assert "refused" in (await alice.get(desk)).text
        await alice.post(f"{desk}/invite", {"who": ally.actor})
        await settle(org, ally)
        await bob.post(f"{DESK}/invitations/{row.id}/accept")
        await settle(org, ally)
        assert await seen_by_both(org, ally) == ("accepted", "accepted")
        answer = await alice.post(f"{desk}/invite", {"who": ally.handle})
        assert (answer.status, "partners already" in answer.text) == (422, True)
        assert [deed for deed, _ in await deeds(ally)] == ["invitation.decline", "invitation.accept"]


async def test_who_is_blocked_is_not_invited(instances: Instances) -> None:
    async with instances(2) as (org, ally), admin(org) as alice:
        await org.change(lambda session: moderate.block(session, ally.host, "", now=org.clock.now()))
        await alice.get(f"{DESK}/campaigns/forest")
        answer = await alice.post(f"{DESK}/campaigns/forest/invite", {"who": ally.handle})
        assert (answer.status, "blocked here" in answer.text) == (422, True)
        assert await org.look(blocks.targets) == {ally.host}


async def test_both_documents_are_shown_side_by_side_and_set_aside(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    now = instance.now()
    async with instance.database.writing() as session:
        coalition = await alliances.coalition(
            session, "https://ours.test/actors/forest", campaign_id=campaign.id
        )
        await alliances.member(session, coalition, alliances.ALLY, "Alpine Allies", now=now)
        await alliances.collected(session, coalition, alliances.ALLY, {"IT": 5}, now=now)
        await alliances.forged(session, coalition, alliances.ALLY, now=now)
    async with instance.database.writing() as session:
        await session.execute(
            update(Evidence).values(
                one='{"signatures":5,"a":["<script>alert(1)</script>"]}', other='{"signatures":900,"a":["x"]}'
            )
        )
        session.add(
            Jump(coalition_id=coalition.id, author_uri=alliances.ALLY, before=5, after=9000, seen_at=now)
        )
    alice = await staff.come_in(client, instance, "campaigner")
    page = (await alice.get(DESK)).text
    assert "Signed two different counts as one" in page
    assert "grew from 5 to 9,000" in page
    assert "not counted" in (await alice.get(f"{DESK}/campaigns/forest")).text
    shown = (await alice.get(f"{DESK}/evidence/1")).text
    assert re.search(r'class="differs"><th scope="row">signatures.*?<td>5</td><td>900</td>', shown)
    assert "<script>alert" not in shown
    reader = await staff.come_in(client, instance, "reader")
    assert (await reader.get(f"{DESK}/evidence/1")).status == 200
    for path in ("evidence/1/lift", "jumps/1/seen"):
        assert (await reader.post(f"{DESK}/{path}")).status == 403
    assert (await alice.post(f"{DESK}/evidence/1/lift")).status == 303
    assert (await alice.post(f"{DESK}/evidence/1/lift")).status == 409
    assert (await alice.post(f"{DESK}/jumps/1/seen")).status == 303
    assert "Hard to believe" not in (await alice.get(DESK)).text
    assert "not counted" not in (await alice.get(f"{DESK}/campaigns/forest")).text
    assert "set aside" in (await alice.get(f"{DESK}/campaigns/forest")).text
    for path in ("evidence/99", "campaigns/nothing", "campaigns/%00"):
        assert (await alice.get(f"{DESK}/{path}")).status == 404


async def test_following_brings_campaigns_and_ends(instances: Instances) -> None:
    async with instances(2) as (org, ally), admin(ally) as bob:
        desk = f"{DESK}/following"
        await bob.get(desk)
        for who in ("nonsense", ally.handle, "http://127.0.0.1:9/x"):
            assert (await bob.post(desk, {"who": who})).status == 422
        assert (await bob.post(desk, {"who": org.handle})).place == f"{desk}?done=asked"
        await settle(org, ally)
        await ally.look_around()
        page = (await bob.get(desk)).text
        assert "Friends of the Old Forest" in page
        assert f'href="/campaigns/forest@{org.host}">Save the old forest' in page
        await bob.post(f"{desk}/remove", {"uri": org.actor})
        assert await ally.look(followings.listed) == []
        assert (await bob.post(f"{desk}/remove", {"uri": org.actor})).status == 409
        assert await deeds(ally) == [("follow.add", org.handle), ("follow.remove", org.handle)]


async def test_partners_hear_that_fakes_were_taken_out(instances: Instances) -> None:
    async with instances(2) as (org, ally), admin(ally, "moderator") as bob:
        await join(ally, org)
        await sign_at(ally, 5)
        await joint.talk(org, ally)
        assert await joint.seen(org, org) == {org.host: 0, ally.host: 5}
        place = f"/admin/people/forest@{org.host}"
        assert (await bob.get(place)).status == 200
        now = ally.clock.now()
        span = {"since": (now - timedelta(days=1)).isoformat(), "until": (now + timedelta(1)).isoformat()}
        assert (await bob.post(f"{place}/fakes", span)).status == 303
        await joint.talk(org, ally)
        assert await joint.seen(org, org) == {org.host: 0, ally.host: 0}


async def test_readers_look_and_moderators_too(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    now = instance.now()
    async with instance.database.writing() as session:
        coalition = await alliances.coalition(
            session, "https://ours.test/actors/forest", campaign_id=campaign.id
        )
        row = await alliances.member(session, coalition, alliances.ALLY, "Alpine Allies", now=now)
    for role in ("reader", "moderator"):
        bob = await staff.come_in(client, instance, role)
        for path in ("", "/following", "/campaigns/forest"):
            page = await bob.get(f"{DESK}{path}")
            assert page.status == 200
            assert not forms(page.text)
        for path in (
            "join",
            "following",
            "following/remove",
            "campaigns/forest/invite",
            f"campaigns/forest/members/{row.id}/remove",
            f"requests/{row.id}/accept",
            f"invitations/{row.id}/accept",
            "campaigns/x@y.test/leave",
        ):
            assert (await bob.post(f"{DESK}/{path}", {"who": "x"})).status == 403
    assert (await Browser(client).get(DESK)).status == 303

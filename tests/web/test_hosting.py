"""What hosts of a campaign show: who has gone silent, what its origin changes, what mere followers see."""

import pytest

from federation.answers import RemoteError
from fedicause.coalition import mirror
from storage import coalitions
from tests import desk
from tests.coalitions import Home, Instances, follow, settle
from tests.web import joint, writing
from tests.web.joint import (
    compare,
    join,
    seen,
    sign_at,
    states,
    support,
    talk,
)

A_DAY = 86_400


async def test_a_partner_that_is_silent_for_a_day_is_stale_and_still_counted(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 8)
        await talk(org, ally, river)
        assert await states(org, org) == {org.host: "origin", ally.host: "partner", river.host: "partner"}
        assert await states(river, org) == {org.host: "origin", ally.host: "partner", river.host: "partner"}
        await ally.leave()
        org.clock.advance(A_DAY - 600)
        await compare(org, river)
        assert (await states(org, org))[ally.host] == "partner"
        org.clock.advance(1200)
        await compare(org, river)
        for home in (org, river):
            assert await states(home, org) == {org.host: "origin", ally.host: "stale", river.host: "partner"}
            assert (await support(home, org))["total"] == 8
        await ally.begin()
        await compare(org, river)
        assert (await states(org, org))[ally.host] == (await states(river, org))[ally.host] == "partner"


async def test_an_origin_that_is_silent_for_a_day_is_stale_at_its_partners(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(org, 8)
        await talk(org, ally)
        await org.leave()
        ally.clock.advance(A_DAY + 60)
        await compare(ally)
        assert await states(ally, org) == {org.host: "stale", ally.host: "partner"}
        assert (await support(ally, org))["total"] == 8


async def test_who_only_follows_sees_the_support_and_is_no_member(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await sign_at(org, 20)
        await sign_at(ally, 4)
        await talk(org, ally)
        copy = await mirror.look(river.instance, org.urls.note("forest"))
        await follow(river, copy.campaign)
        await river.look_around()
        assert (await support(river, org))["total"] == 0
        await compare(river)
        await compare(river)
        assert await seen(river, org) == {org.host: 20, ally.host: 4}
        assert await joint.state(river, river) is None
        assert (await joint.roster(org, org))["items"] == [org.actor, ally.actor]
        assert await desk.listed(river, "partner", "list") == []
        status, _ = await joint.status(river, f"{joint.page(river, org)}/tally")
        assert status == 404


async def test_hosts_hear_edits_and_the_end(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 2)
        await talk(org, ally)
        ally.clock.advance(60)
        await ally.look_around()
        ally.clock.advance(60)
        await writing.translation(org.instance, "forest", "de", "Der alte Wald", "Er ist *alt*.")
        await heard(org, ally)
        shown = await ally.get(f"{joint.page(ally, org)}?lang=de", accept="text/html")
        assert "Der alte Wald" in shown
        await writing.end(org.instance, "forest")
        await heard(org, ally)
        named = f"forest@{org.host}"
        said = await desk.refused(ally, "sign", named)
        assert said == f"{named} takes no signatures: it is closed"
        assert (await support(ally, org))["total"] == 2
        assert await joint.state(ally, ally) == "accepted"


async def test_hosts_hear_that_a_campaign_is_deleted(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 2)
        await talk(org, ally)
        await writing.delete(org.instance, "forest")
        await heard(org, ally)
        named = f"forest@{org.host}"
        assert await desk.refused(ally, "sign", named) == f"{named} takes no signatures: it is deleted"
        for below in ("", "/tallies", "/partners"):
            assert (await joint.status(ally, f"/api/campaigns/{named}"))[0] in (404, 410)
            assert (await joint.status(org, f"/campaigns/forest{below}"))[0] == 410
            assert (await joint.status(ally, f"/campaigns/{named}{below}"))[0] in (404, 410)
        await go_on(org, ally)


async def go_on(org: Home, ally: Home) -> None:
    """What goes on by itself goes on without it."""
    await talk(org, ally)
    await compare(org, ally)


async def heard(org: Home, ally: Home) -> None:
    """The origin says what has changed, and the host looks at it."""
    await settle(org, ally)
    ally.clock.advance(10)
    await ally.look_around()
    ally.clock.advance(10)


async def test_a_coalition_that_is_not_there_is_not_found(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        for path in (
            "/campaigns/nothing/tallies",
            f"/campaigns/forest@{org.host}/tallies",
            "/campaigns/a@b@c/partners",
        ):
            assert (await joint.status(ally, path))[0] == 404
        with pytest.raises(RemoteError):
            await mirror.look(ally.instance, f"{org.url}/campaigns/nothing")
        assert await ally.look(coalitions.every) == []

"""Organisations join a campaign from their own instances, and all of them show the same support."""

import secrets
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import joining, mirror, partners, sign
from fedicause.compare import Comparer
from fedicause.here import Here
from storage import coalitions, foreign, members
from storage.coalition_models import Coalition
from tests.coalitions import Home, Instances, settle


async def test_a_partner_joins_and_both_count_alike(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(org, 12, "DE")
        await sign_at(ally, 30, "IT")
        await talk(org, ally)
        assert await seen(org) == await seen(ally) == {org.host: 12, ally.host: 30}


async def test_three_partners_hear_of_each_other_through_the_origin(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 5, "IT")
        await sign_at(river, 7, "FR")
        await talk(org, ally, river)
        expected = {org.host: 0, ally.host: 5, river.host: 7}
        assert [await seen(home) for home in (org, ally, river)] == [expected] * 3


async def join(partner: Home, origin: Home, *, accept: bool = True) -> None:
    """The partner asks to join `forest`, and the origin's admin says yes."""
    copy = await mirror.look(partner.instance, origin.urls.note("forest"))

    async def ask(session: AsyncSession) -> None:
        campaign = await mirror.store(session, partner.instance, copy, partner.instance.now())
        await joining.join(session, Here.at(partner.instance), campaign)

    await partner.change(ask)
    await settle(origin, partner)
    if accept:
        await origin.change(lambda session: let_in(session, origin, partner.actor))
        await settle(origin, partner)


async def let_in(session: AsyncSession, origin: Home, uri: str) -> None:
    coalition = await coalitions.by_uri(session, origin.urls.actor("forest"))
    assert coalition is not None
    member = await members.of(session, coalition.id, uri)
    assert member is not None
    await partners.accept(session, Here.at(origin.instance), member.id)


async def coalition_at(session: AsyncSession, home: Home) -> Coalition:
    for each in await coalitions.every(session):
        if each.campaign_uri.endswith("/actors/forest"):
            return each
    raise AssertionError("no coalition")


async def sign_at(home: Home, number: int, country: str) -> None:
    async def work(session: AsyncSession) -> None:
        coalition = await coalition_at(session, home)
        assert coalition.sketch_key_sealed is not None
        key = home.instance.seal.open(coalition.sketch_key_sealed)
        given = {sketches.item(key, f"{secrets.token_hex(8)}@people.example"): country for _ in range(number)}
        await sign.confirm(session, coalition.id, given, now=home.instance.now())

    await home.change(work)


async def talk(*homes: Home) -> None:
    """Everybody tells their tallies, and hears those of the others."""
    for _ in range(2):
        for home in homes:
            await Comparer(home.instance, home.receiver.key_for).tell()
        await settle(*homes)


async def support(home: Home) -> Any:
    """What the API says."""

    async def where(session: AsyncSession) -> str:
        known = [each for each in await coalitions.every(session) if each.foreign_id is not None]
        theirs = await foreign.by_id(session, known[0].foreign_id or 0) if known else None
        return f"forest@{theirs.origin}" if theirs else "forest"

    return await home.get(f"/api/campaigns/{await home.look(where)}/support", accept="application/json")


async def seen(home: Home) -> dict[str, int]:
    """Signatures by host."""
    home.clock.advance(2)
    return {each["host"]: each["signatures"] for each in (await support(home))["hosts"]}

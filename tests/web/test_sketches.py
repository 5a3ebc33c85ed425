"""How many people signed is estimated from sketches, which partners alone are given."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from federation.answers import RemoteError
from fedicause import sign
from tests import desk, ours, signing
from tests.coalitions import Home, Instances, settle
from tests.web import joint
from tests.web.joint import join, sign_at, talk
from tests.web.liars import Liar

# Which people are taken for one depends on the key; with this one a run is like every other.
KEY = bytes(range(32))
EACH = 20_000
SHARED = 5_000
SPELLINGS = ("person{}@post.example", "Person{}+petition@POST.example", " PERSON{}@post.example ")


def person(number: int, spelling: int = 0) -> str:
    """An address of this person, who writes it in several ways."""
    return SPELLINGS[spelling % len(SPELLINGS)].format(number)


async def signs(home: Home, people: Iterable[int], *, spelling: int = 0) -> list[bytes]:
    """These people sign with this organisation; returns what stands for their addresses."""
    listed = list(people)
    given: list[bytes] = []
    for start in range(0, len(listed), 5000):
        part = listed[start : start + 5000]

        async def work(session: AsyncSession, part: Sequence[int] = part) -> list[bytes]:
            coalition = await joint.coalition_at(session)
            assert coalition.sketch_key_sealed is not None
            key = home.instance.seal.open(coalition.sketch_key_sealed)
            items = [sketches.item(key, person(number, spelling)) for number in part]
            await sign.confirm(session, coalition.id, dict.fromkeys(items, "DE"), now=home.clock.now())
            return items

        given += await home.change(work)
    return given


async def with_known_key(origin: Home) -> None:
    """The coalition begins with this key, not with one by chance."""
    await origin.comparer.tell()

    async def work(session: AsyncSession) -> None:
        (await joint.coalition_at(session)).sketch_key_sealed = origin.instance.seal.close(KEY)

    await origin.change(work)


async def compare(*homes: Home) -> None:
    """Everybody tells, builds what it shows, and asks the others."""
    await talk(*homes)
    for _ in range(2):
        homes[0].clock.advance(10)
        await joint.compare(*homes)


async def people(home: Home, origin: Home) -> dict[str, float]:
    found: dict[str, float] = (await joint.support(home, origin))["people"]
    return found


async def ask(home: Home, other: Home, origin: Home, by: str | None = None) -> str:
    """What home's actor `by` is told who asks the other for its sketch: the status."""
    key = await Liar(home, origin).request_key(by)
    try:
        found = await home.instance.remote.fetch(f"{other.url}{joint.page(other, origin)}/sketch", key=key)
    except RemoteError as error:
        return str(error)
    assert (found.data["type"], found.data["attributedTo"]) == ("fc:Sketch", other.actor)
    return "200"


@pytest.mark.parametrize("dialects", [["sqlite"]])
@pytest.mark.timeout(600)
async def test_people_are_estimated_within_3_percent(instances: Instances) -> None:
    async with instances(5) as homes:
        org, *partners = homes
        await with_known_key(org)
        for home in partners:
            await join(home, org)
        items = []
        for place, home in enumerate(homes):
            # A ring: a quarter of those who sign with one sign with the next as well, spelt another way.
            first = place * (EACH - SHARED)
            ring = 5 * (EACH - SHARED)
            items.append(await signs(home, (n % ring for n in range(first, first + EACH)), spelling=place))
        await compare(*homes)
        different = 5 * (EACH - SHARED)
        for home in homes:
            told = await people(home, org)
            assert (told["low"], told["high"]) == (EACH, 5 * EACH)
            assert math.isclose(told["estimate"], different, rel_tol=0.03)
            assert 0 < told["error"] < 0.03
            assert math.isclose(told["estimate"], different, rel_tol=told["error"])
        assert len({tuple((await people(home, org)).values()) for home in homes}) == 1
        # Half of those of two partners withdraw, from each of the two.
        for place in (1, 2):
            for start in range(0, EACH // 2, 2500):
                await joint.withdraw_at(homes[place], items[place][start : min(start + 2500, EACH // 2)])
        await compare(*homes)
        left = [set(each) for each in items]
        for place in (1, 2):
            left[place] -= set(items[place][: EACH // 2])
        different = len(set().union(*left))
        assert different < 5 * (EACH - SHARED)
        for home in homes:
            told = await people(home, org)
            assert (told["low"], told["high"]) == (EACH, 4 * EACH)
            assert math.isclose(told["estimate"], different, rel_tol=min(0.03, told["error"]))


async def test_a_sketch_is_for_partners_alone(instances: Instances) -> None:
    async with instances(4) as (org, ally, river, air):
        await ours.write_forest(air.instance.settings, now=air.clock.now())
        await ours.publish_forest(air.instance.settings, now=air.clock.now())
        await join(ally, org)
        await join(river, org)
        await join_request(air, org)
        for home in (org, ally):
            await sign_at(home, 1000)
        await compare(org, ally, river)
        for home in (org, ally):
            path = f"{joint.page(home, org)}/sketch"
            assert await joint.status(home, path) == (401, None)
            assert await forged(river, home, path) == 401
            assert [await ask(partner, home, org) for partner in (org, ally, river)] == ["200"] * 3
            # Who only asked to join; a partner's server, not the partner; a campaign, be it the very one.
            strangers = [(air, None), (air, "forest"), (river, river.host), (org, "forest"), (org, org.host)]
            assert {await ask(each, home, org, by) for each, by in strangers} == {"403"}
        assert await ask(ally, river, org) == "404"
        await joint.leave(ally, org)
        await joint.remove(org, river)
        await settle(org, ally, river)
        assert [await ask(gone, org, org) for gone in (ally, river)] == ["403", "403"]


async def join_request(home: Home, origin: Home) -> None:
    """Asks to join, and is not answered."""
    await joint.ask(home, origin)
    await settle(home, origin)


async def forged(home: Home, other: Home, path: str) -> int:
    """The status for a request in this organisation's name with another key."""
    private = (await Liar(other, other).request_key(other.host)).private
    key: Any = signing.Key(f"{home.actor}#main-key", private)
    request = signing.cavage(signing.request("GET", f"{other.url}{path}"), key, at=home.clock.now())
    async with (
        aiohttp.ClientSession() as session,
        session.get(request.url, headers=dict(request.headers)) as found,
    ):
        assert found.headers["Cache-Control"] == "private, no-store"
        return found.status


async def test_below_1000_signatures_there_is_no_sketch(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        given = {home: await sign_at(home, 999) for home in (org, ally)}
        await compare(org, ally)
        assert [await ask(ally, org, org), await ask(org, ally, org)] == ["404", "404"]
        assert [(await people(home, org))["estimate"] for home in (org, ally)] == [None, None]
        for home in (org, ally):
            await sign_at(home, 1)
        await compare(org, ally)
        assert [await ask(ally, org, org), await ask(org, ally, org)] == ["200", "200"]
        assert [(await people(home, org))["estimate"] is None for home in (org, ally)] == [False, False]
        await joint.withdraw_at(ally, given[ally][:1])
        assert await ask(org, ally, org) == "404"
        await compare(org, ally)
        assert await ask(org, ally, org) == "404"
        assert [(await people(home, org))["estimate"] for home in (org, ally)] == [None, None]


async def test_the_estimate_is_of_those_who_count(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await with_known_key(org)
        for home in (ally, river):
            await join(home, org)
        await signs(org, range(1200))
        await signs(ally, range(1200))
        await signs(river, range(5000, 6200))
        await compare(org, ally, river)
        for home in (org, ally, river):
            assert await about(home, org, 2400)
        # Who lied, and has it lifted.
        mallory = Liar(ally, org)
        assert await mallory.update(org, await mallory.again(9000)) == 202
        await compare(org, river)
        for home in (org, river):
            assert (await joint.states(home, org))[ally.host] == "excluded"
            assert await about(home, org, 2400)
            assert (await people(home, org))["high"] == 2400
        [row] = await desk.listed(org, "partner", "evidence")
        await desk.said(org, "partner", "lift", row["id"])
        await compare(org, ally, river)
        assert await about(org, org, 2400)
        assert (await people(org, org))["high"] == 3600
        # Who leaves takes its people along.
        await joint.leave(ally, org)
        await settle(org, ally, river)
        await compare(org, river)
        for home in (org, river):
            assert await about(home, org, 2400)
            assert (await people(home, org))["high"] == 2400


async def about(home: Home, origin: Home, number: int) -> bool:
    told = await people(home, origin)
    return math.isclose(told["estimate"], number, rel_tol=told["error"])


async def test_a_sketch_that_was_built_before_its_tally_is_told_is_not_taken_for_old(
    instances: Instances,
) -> None:
    async with instances(2) as (org, ally):
        await with_known_key(org)
        await join(ally, org)
        await signs(org, range(2000))
        items = await signs(ally, range(2000, 4000))
        await compare(org, ally)
        for change, expected in (
            (lambda: signs(ally, range(1000)), 4000),
            (lambda: joint.withdraw_at(ally, items[:900]), 3100),
        ):
            await change()
            ally.clock.advance(10)
            await joint.compare(ally)
            await compare(ally, org)
            assert [await about(home, org, expected) for home in (org, ally)] == [True, True]


async def test_who_signed_since_a_sketch_was_built_is_not_taken_for_signing_twice(
    instances: Instances,
) -> None:
    async with instances(2) as (org, ally):
        await with_known_key(org)
        await join(ally, org)
        await signs(org, range(2000))
        await signs(ally, range(2000, 4000))
        await talk(org, ally)
        await joint.compare(ally)
        await signs(ally, range(4000, 4180))
        await talk(org, ally)
        await joint.compare(org)
        assert await about(org, org, 4180)

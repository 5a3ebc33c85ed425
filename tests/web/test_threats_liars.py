"""Partners who lie about their own count or that of others: no total moves, and forks are shown."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from federation import proofs, vocabulary
from federation.keys import SigningKey
from storage import tallies
from tests import desk
from tests.coalitions import Instances, heal
from tests.web import joint
from tests.web.joint import sign_at, talk, tell
from tests.web.liars import Company, Document, Liar, bare, company, compare

Route = Callable[[Company, Document], Awaitable[int | None]]


async def to_the_origin(company: Company, document: Document) -> int:
    return await company.mallory.update(company.org, document)


async def to_one_partner(company: Company, document: Document) -> int:
    return await company.mallory.update(company.river, document)


async def by_a_strangers_hand(company: Company, document: Document) -> int:
    return await company.stranger.announce(company.river, document)


async def to_whoever_asks(company: Company, document: Document) -> None:
    await company.mallory.serve(document)


ROUTES: list[Route] = [to_the_origin, to_one_partner, by_a_strangers_hand, to_whoever_asks]


async def expect_caught(company: Company, *documents: Document) -> None:
    """Every partner shows both documents and their author as excluded, and counts it for nothing."""
    assert await company.shown() == [company.truth | {company.ally.host: 0}] * 2
    for home in company.partners:
        [pair] = await company.evidence(home)
        assert sorted(map(proofs.covered, pair)) == sorted(map(proofs.covered, documents))
        assert await joint.states(home, company.org) == {
            company.org.host: "origin",
            company.ally.host: "excluded",
            company.river.host: "partner",
        }
        assert (await joint.support(home, company.org))["total"] == 12 + 7
        path = joint.page(home, company.org)
        assert f'href="{path}/evidence"' in await home.get(path, accept="text/html")


@pytest.mark.parametrize("route", ROUTES)
async def test_a_count_that_is_inflated_after_the_fact_is_seen_everywhere(
    instances: Instances, route: Route
) -> None:
    async with company(instances) as found:
        truth = await found.mallory.newest()
        inflated = await found.mallory.again(9000)
        assert await route(found, inflated) in (202, None)
        await compare(*found)
        await expect_caught(found, truth, inflated)


async def test_who_tells_each_partner_another_count_is_caught_until_an_admin_lifts_it(
    instances: Instances,
) -> None:
    async with company(instances) as found:
        version = (await found.mallory.newest())["fc:version"] + 1
        small, large = [await found.mallory.again(number, version=version) for number in (40, 9000)]
        assert await found.mallory.update(found.org, small) == 202
        assert await found.mallory.update(found.river, large) == 202
        await compare(*found)
        await expect_caught(found, small, large)
        for home, counted in ((found.org, [30, 0]), (found.river, [30, 30])):
            rows = await desk.listed(home, "partner", "evidence")
            [row] = [each for each in rows if each["id"].startswith("e")]
            assert (row["author"], row["state"]) == (found.ally.actor, "not counted")
            await desk.said(home, "partner", "lift", row["id"])
            # Each admin decides for one instance. The ally has told its true count anew meanwhile.
            assert [shown[found.ally.host] for shown in await found.shown()] == counted
        await compare(*found)
        assert await found.shown() == [found.truth] * 2
        # Who lies again is caught again.
        version = (await found.mallory.newest())["fc:version"]
        for number in (50, 8000):
            document = await found.mallory.again(number, version=version + 7)
            assert await found.mallory.update(found.org, document) == 202
        await compare(*found)
        assert await found.shown() == [found.truth | {found.ally.host: 0}] * 2


async def test_what_its_author_did_not_sign_as_it_is_moves_no_total(instances: Instances) -> None:
    async with company(instances) as found:
        mallory, river = found.mallory, found.river
        truth = await mallory.newest()
        more = truth["fc:version"] + 1
        inflated = await mallory.again(9000, version=more)
        other_key = SigningKey(f"{found.ally.actor}#main-key", (await mallory.key()).private)
        rivers = f"{river.urls.hosted('forest', found.org.host)}/tally"
        lies = {
            "of somebody else": await mallory.again(9000, attributedTo=river.actor, id=rivers, version=1000),
            "by another actor of the host": await mallory.again(9000, version=more, by=found.ally.host),
            "by another key": proofs.sign(bare(inflated), other_key, found.ally.clock.now()),
            "changed since": inflated | {"fc:signatures": 9001, "fc:countries": {"ZZ": 9001}},
            "with another proof": bare(inflated) | {"proof": truth["proof"]},
        }
        await expect_answers(found, lies, 401)
        await expect_nothing_moved(found, lies)


async def test_a_tally_against_the_rules_moves_no_total(instances: Instances) -> None:
    async with company(instances) as found:
        mallory = found.mallory
        more = (await mallory.newest())["fc:version"] + 1
        tomorrow = vocabulary.timestamp(found.ally.clock.now() + timedelta(hours=2))
        lies = {
            "with endorsements": await mallory.again(9000, version=more, endorsements=5),
            "whose countries are fewer": await mallory.again(9000, version=more, countries={"ZZ": 8999}),
            "whose countries are more": await mallory.again(30, version=more, countries={"IT": 9000}),
            "of so few that one is known": await mallory.again(
                30, version=more, countries={"LI": 1, "ZZ": 29}
            ),
            "of less than nothing": await mallory.again(-9000, version=more),
            "of a negative version": await mallory.again(9000, version=-1),
            "from the future": await mallory.again(9000, version=more, updated=tomorrow),
            "from another host": await mallory.again(
                9000, version=more, id=found.river.urls.activity("tally")
            ),
            "of somebody else, here": await mallory.again(9000, version=1000, attributedTo=found.river.actor),
        }
        await expect_answers(found, lies, 400)
        await expect_nothing_moved(found, lies)


async def test_old_foreign_and_uninvited_tallies_move_no_total(instances: Instances) -> None:
    async with company(instances) as found:
        mallory = found.mallory
        old = await mallory.newest()
        await sign_at(found.ally, 5, "IT")
        await talk(*found.partners)
        expected = found.truth | {found.ally.host: 35}
        assert await found.shown() == [expected] * 2
        version = (await mallory.newest())["fc:version"]
        assert version > old["fc:version"]
        lies = {
            "again": old,
            "of a past epoch": await mallory.again(9000, epoch=0, version=version + 7),
            "about another campaign": await mallory.again(
                9000, version=version + 1, campaign=found.air.urls.actor("forest")
            ),
            "of no partner": await found.stranger.again(9000, campaign=mallory.campaign, version=1000),
        }
        await expect_answers(found, lies, 202)
        await expect_nothing_moved(found, lies, expected)
        for home in found.honest:
            kept = await home.look(lambda session: tallies.heads(session, 1))
            assert kept.keys() == {each.actor for each in found.partners}


async def expect_answers(company: Company, lies: dict[str, Document], status: int) -> None:
    """Sends each to every honest partner: by its author, and passed on by a stranger."""
    for name, lie in lies.items():
        for home in company.honest:
            assert await company.mallory.update(home, lie) == status, name
            assert await company.stranger.announce(home, lie) == status, name


async def expect_nothing_moved(
    company: Company, lies: dict[str, Document], expected: dict[str, int] | None = None
) -> None:
    """Neither have the lies told moved anything, nor do they when they are fetched."""
    expected = expected or company.truth
    await talk(*company.honest)
    assert await company.shown() == [expected] * 2
    for name, lie in lies.items():
        await company.mallory.serve(lie)
        await joint.compare(*company.honest)
        assert await company.shown() == [expected] * 2, name
    assert [await company.evidence(home) for home in company.honest] == [[], []]


async def test_a_true_tally_counts_by_whoevers_hand_it_comes(instances: Instances) -> None:
    async with company(instances) as found:
        found.org.deaf_to.add(found.river.url)
        await sign_at(found.river, 100, "FR")
        await tell(found.river)
        assert await joint.seen(found.org, found.org) == found.truth
        told = await Liar(found.river, found.org).newest()
        assert await found.stranger.announce(found.org, told) == 202
        assert await joint.seen(found.org, found.org) == found.truth | {found.river.host: 107}
        heal(found.org)


async def test_a_tally_that_grows_tenfold_within_an_hour_is_flagged_at_every_partner(
    instances: Instances,
) -> None:
    async with company(instances) as found:
        mallory = found.mallory
        version = (await mallory.newest())["fc:version"]
        for number in (200, 1029):
            # Ten times of little is little.
            version += 1
            assert await mallory.update(found.org, await mallory.again(number, version=version)) == 202
            await talk(*found.honest)
        found.org.clock.advance(3600)
        for number in (1100, 10_289, 10_290, 20_000):
            assert await flagged(found) == [[], []]
            version += 1
            assert await mallory.update(found.org, await mallory.again(number, version=version)) == 202
            await talk(*found.honest)
            if number >= 10_290:
                break
        [at_the_origin], [at_the_partner] = await flagged(found)
        for row in (at_the_origin, at_the_partner):
            assert row["author"] == found.ally.actor
            assert row["what"] == "grew from 1,029 to 10,290 within an hour"
        # It counts all the same: somebody is to look at it.
        assert await found.shown() == [found.truth | {found.ally.host: 10_290}] * 2
        await desk.said(found.org, "partner", "lift", at_the_origin["id"])
        assert [len(rows) for rows in await flagged(found)] == [0, 1]


async def flagged(company: Company) -> list[list[Document]]:
    return [await desk.listed(home, "partner", "evidence") for home in company.honest]

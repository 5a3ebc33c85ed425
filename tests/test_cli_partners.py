"""`fedicause partner`, `sign` and `support` beside running servers: what they say, and what comes of it."""

import asyncio

import pytest
from click.testing import CliRunner

from fedicause import moderate
from fedicause.cli import main
from tests.coalitions import Home, Instances, settle
from tests.desk import homes, listed, refused, run, said
from tests.web import joint, writing
from tests.web.joint import sign_at, talk


async def test_a_partnership_from_the_request_to_its_end(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        named = f"forest@{org.host}"
        assert await said(ally, "partner", "join", org.urls.note("forest")) == (
            f"Friends of the Old Forest is asked to let you join {named}.\n"
            "The answer will show in: fedicause partner list\n"
        )
        [asked] = await listed(ally, "partner", "list")
        assert (asked["campaign"], asked["organisation"], asked["state"]) == (named, "you", "requested")
        assert (asked["waits_for"], asked["answered"]) == ("them", None)
        await settle(ally, org)
        [request] = await listed(org, "partner", "requests")
        assert (request["campaign"], request["organisation"]) == ("forest", "Alpine Allies")
        assert (request["host"], request["actor"], request["what"]) == (ally.host, ally.actor, "asks to join")
        table = (await said(org, "partner", "requests")).splitlines()
        assert table[0].split() == ["ID", "CAMPAIGN", "ORGANISATION", "HOST", "WHAT", "SINCE"]
        assert "asks to join" in table[1]
        number = str(request["id"])
        assert await said(org, "partner", "accept", number) == (
            "Alpine Allies is a partner of forest, and will be told.\n"
        )
        await settle(ally, org)
        assert await said(org, "partner", "requests") == "Nobody waits for an answer.\n"
        assert await said(ally, "sign", named, "--count", "1500", "--country", "it") == (
            f"1,500 test signatures of {named} recorded.\n"
        )
        await talk(ally, org)
        [partner] = await listed(org, "partner", "list")
        assert (partner["state"], partner["signatures"], partner["waits_for"]) == ("accepted", 1500, None)
        assert partner["heard"].endswith("Z")
        ours = {row["organisation"]: row for row in await listed(ally, "partner", "list")}
        assert set(ours) == {"you", org.name}
        assert (ours["you"]["state"], ours["you"]["signatures"]) == ("accepted", 1500)
        assert "Alpine Allies" in await said(org, "partner", "list")
        assert await said(ally, "partner", "leave", named) == (
            f"You have left {named}. Friends of the Old Forest will be told.\n"
        )
        await settle(ally, org)
        [partner] = await listed(org, "partner", "list")
        assert partner["state"] == "left"
        assert await refused(ally, "partner", "leave", named) == f"You are no partner of {named}"


async def test_a_request_is_refused_and_a_partner_removed(instances: Instances) -> None:
    async with homes(instances, 3) as (org, ally, river):
        for home in (ally, river):
            await joint.join(home, org, accept=False)
        first, second = await listed(org, "partner", "requests")
        assert await said(org, "partner", "refuse", str(first["id"])) == (
            "Alpine Allies is not let into forest, and will be told.\n"
        )
        await said(org, "partner", "accept", str(second["id"]))
        await settle(org, ally, river)
        [row] = await listed(ally, "partner", "list")
        assert (row["state"], row["waits_for"]) == ("refused", None)
        # Whoever has its answer is not answered again.
        for word in ("accept", "refuse"):
            assert "Nobody waits" in await refused(org, "partner", word, str(first["id"]))
        assert await said(org, "partner", "remove", str(second["id"])) == (
            "River Watch is no partner of forest any more. All partners will be told.\n"
        )
        await settle(org, river)
        assert {row["state"] for row in await listed(river, "partner", "list")} == {"removed", "accepted"}
        wrong = await refused(org, "partner", "remove", str(second["id"]))
        assert wrong == f"There is no partner of number {second['id']}: see `fedicause partner list`"


async def test_an_organisation_is_invited_and_answers(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        assert await said(org, "partner", "invite", "forest", ally.handle) == (
            "Alpine Allies is invited. The answer will show in: fedicause partner list\n"
        )
        await settle(org, ally)
        [invitation] = await listed(ally, "partner", "requests")
        assert invitation["what"] == "invites you"
        # As long as nobody has looked at the campaign, only its address is known.
        assert invitation["campaign"] == org.urls.actor("forest")
        number = str(invitation["id"])
        assert "could not be read yet" in await refused(ally, "partner", "accept", number)
        await ally.look_around()
        await ally.comparer.round()
        [invitation] = await listed(ally, "partner", "requests")
        assert invitation["campaign"] == f"forest@{org.host}"
        assert await said(ally, "partner", "refuse", number) == (
            f"You don't join forest@{org.host}. Its organisation will be told.\n"
        )
        await settle(ally, org)
        [row] = await listed(org, "partner", "list")
        assert row["state"] == "refused"
        await said(org, "partner", "invite", "forest", ally.url)
        await settle(org, ally)
        assert (await said(ally, "partner", "accept", number)).startswith(f"You join forest@{org.host}.")
        await settle(ally, org)
        [row] = await listed(org, "partner", "list")
        assert row["state"] == "accepted"
        again = await refused(org, "partner", "invite", "forest", ally.handle)
        assert again == "Alpine Allies is a partner already"


async def test_who_has_asked_is_let_in_by_an_invitation(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        await joint.join(ally, org, accept=False)
        assert await said(org, "partner", "invite", "forest", ally.actor) == (
            "Alpine Allies had asked to join, and is a partner now.\n"
        )


async def test_why_not_is_one_sentence(instances: Instances) -> None:
    async with homes(instances, 3) as (org, ally, river):
        await joint.join(ally, org)
        await writing.campaign(org.instance, "meadow", public=False)
        await river.leave()
        named = f"forest@{org.host}"
        nothing = f"{org.url}/campaigns/nothing"
        cases: list[tuple[Home, tuple[str, ...], int, str]] = [
            (ally, ("join", nothing), 1, f"{nothing} can't be read: there is nothing at that address"),
            (ally, ("join", f"{river.url}/campaigns/x"), 1, "can't be read: its server does not answer"),
            (ally, ("join", org.actor), 2, "That address leads to no campaign"),
            (ally, ("join", "forest"), 2, "not a handle"),
            (ally, ("join", org.urls.note("forest")), 1, f"You are a partner of {named} already"),
            (org, ("join", org.urls.note("forest")), 2, "That campaign is on this server"),
            (ally, ("leave", f"meadow@{org.host}"), 1, f"No campaign meadow@{org.host} is known here"),
            (ally, ("leave", nothing), 1, f"No campaign at {nothing} is known here"),
            (ally, ("leave", "forest"), 1, "write forest@HOST or its URL"),
            (org, ("accept", "99"), 1, "Nobody waits for an answer under 99"),
            (org, ("remove", "99"), 1, "There is no partner of number 99"),
            (org, ("invite", "nothing", ally.handle), 1, "There is no campaign `nothing`"),
            (org, ("invite", "meadow", ally.handle), 1, "`meadow` is a draft: publish it first"),
            (org, ("invite", "forest", org.handle), 2, "is on this server"),
            (org, ("invite", "forest", river.actor), 1, "can't be found: its server does not answer"),
            (ally, ("invite", "forest", f"@forest@{org.host}"), 1, "invite the organisation that runs it"),
            (org, ("lift", "e99"), 1, "There is no evidence e99"),
            (org, ("lift", "j99"), 1, "There is no jump j99"),
            (org, ("lift", "x\n1"), 1, "is no ID of: fedicause partner evidence"),
        ]
        for home, words, status, sentence in cases:
            assert sentence in await refused(home, "partner", *words, status=status), words
        assert (await run(org, "partner", "accept", "one")).exit_code == 2


async def block(home: Home, other: Home) -> None:
    await home.change(lambda session: moderate.block(session, other.host, "", now=home.clock.now()))


async def test_a_blocked_host_is_not_dealt_with(instances: Instances) -> None:
    async with homes(instances, 3) as (org, ally, river):
        await joint.join(ally, org, accept=False)
        for home, other in ((org, ally), (org, river), (river, org)):
            await block(home, other)
        [request] = await listed(org, "partner", "requests")
        for home, words in (
            (org, ("accept", str(request["id"]))),
            (org, ("invite", "forest", river.handle)),
            (river, ("join", org.urls.note("forest"))),
        ):
            assert "is blocked here" in await refused(home, "partner", *words)
        assert "is not let into forest" in await said(org, "partner", "refuse", str(request["id"]))


async def test_test_signatures_are_for_development_and_for_open_campaigns(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        await joint.ask(ally, org)
        named = f"forest@{org.host}"
        assert await refused(ally, "sign", named) == f"You are no partner of {named}"
        assert await refused(ally, "sign", "nothing") == "There is no campaign `nothing`"
        assert await refused(ally, "sign", f"nothing@{org.host}") == (
            f"No campaign nothing@{org.host} is known here"
        )
        for country in ("XX", "ZZ", "Italy", "I", "1T"):
            assert "is no country" in await refused(org, "sign", "forest", "--country", country, status=2)
        assert (await run(org, "sign", "forest", "--count", "0")).exit_code == 2
        assert await said(org, "sign", "forest") == "One test signature of forest recorded.\n"
        assert await said(org, "sign", org.urls.note("forest"), "--count", "12", "--country", "EL") == (
            f"12 test signatures of {org.urls.note('forest')} recorded.\n"
        )
        found = await listed(org, "support", "forest")
        assert (found["signatures"], found["countries"]) == (13, {"GR": 12, "ZZ": 1})
        await writing.campaign(org.instance, "meadow", public=False)
        assert await refused(org, "sign", "meadow") == "`meadow` takes no signatures: it is a draft"
        await writing.end(org.instance, "forest")
        assert await refused(org, "sign", "forest") == "`forest` takes no signatures: it is closed"
        production = {**org.environment, "FEDICAUSE_DEV": None, "FEDICAUSE_URL": "https://ours.test"}
        result = await asyncio.to_thread(CliRunner().invoke, main, ["sign", "forest"], env=production)
        assert result.exit_code == 1
        assert result.stderr == (
            "fedicause: Test signatures are for development mode alone (FEDICAUSE_DEV=1)\n"
        )


async def test_the_support_is_the_same_wherever_it_is_asked_for(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        await joint.join(ally, org)
        await sign_at(org, 20, "DE")
        await sign_at(ally, 1000, "IT")
        await talk(org, ally)
        named = f"forest@{org.host}"
        here = await listed(org, "support", "forest")
        there = await listed(ally, "support", named)
        assert here["total"] == there["total"] == 1020
        assert [row["host"] for row in here["hosts"]] == [row["host"] for row in there["hosts"]]
        assert here["countries"] == there["countries"] == {"IT": 1000, "DE": 20}
        for home, address in ((org, named), (ally, org.urls.note("forest")), (ally, f"@{named}")):
            assert (await listed(home, "support", address))["total"] == 1020
        shown = await said(ally, "support", named)
        assert shown.startswith("1,020 of 1,000 (102%) signatures and endorsements\n")
        assert "people: between 1,000 and 1,020" in shown
        assert "Friends of the Old Forest" in shown
        assert "Alpine Allies" in shown
        assert await refused(ally, "support", "forest") == "There is no campaign `forest`"
        assert "is known here" in await refused(ally, "support", f"meadow@{org.host}")
        await writing.delete(org.instance, "forest")
        await settle(org, ally)
        ally.clock.advance(10)
        await ally.look_around()
        assert await refused(ally, "support", named) == f"The campaign {named} was deleted"


@pytest.mark.parametrize(
    ("words", "nothing"),
    [
        (
            ("partner", "list"),
            "There are no partners yet. Join a campaign with: fedicause partner join URL\n",
        ),
        (("partner", "requests"), "Nobody waits for an answer.\n"),
        (("partner", "evidence"), "Nothing was found.\n"),
    ],
)
async def test_every_listing_says_so_where_there_is_nothing(
    instances: Instances, words: tuple[str, ...], nothing: str
) -> None:
    async with homes(instances, 1) as (org,):
        assert await said(org, *words) == nothing
        assert await listed(org, *words) == []

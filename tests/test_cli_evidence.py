"""What an admin is told of partners who lie, or are silent, and of counts that are wrong; and what helps."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from federation import coalition as activities
from federation import proofs
from fedicause import keyring
from storage import coalitions, local_actors, signatures
from tests.coalitions import Home, Instances, settle
from tests.desk import findings, homes, listed, noted, refused, run, said
from tests.web import joint, writing
from tests.web.joint import sign_at, talk


async def fork(liar: Home, origin: Home) -> None:
    """Signs a second tally of the version that the origin has, and sends it."""
    told = (await joint.tallies(origin, origin))[liar.actor]
    other = {key: value for key, value in told.items() if key != "proof"}
    other |= {"fc:signatures": 900, "fc:countries": {"IT": 900}}
    _, organisation = await liar.look(local_actors.organisation)
    keys = (organisation, liar.instance.seal, liar.urls)
    now = liar.clock.now()
    document = activities.update(
        id=liar.urls.new_activity(),
        actor=liar.actor,
        object=proofs.sign(other, keyring.proof_key(*keys), now),
        published=now,
        to=[origin.urls.actor("forest")],
    )
    inbox = f"{origin.urls.actor('forest')}/inbox"
    sent = await liar.instance.remote.deliver(
        inbox, json.dumps(document).encode(), keyring.signing_key(*keys)
    )
    assert sent.status == 202


async def test_evidence_is_listed_and_lifted(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        assert await said(org, "partner", "evidence") == "Nothing was found.\n"
        await joint.join(ally, org)
        await sign_at(ally, 20, "IT")
        await talk(org, ally)
        await fork(ally, org)
        [found] = await listed(org, "partner", "evidence")
        assert (found["id"], found["kind"], found["state"]) == ("e1", "fork", "not counted")
        assert (found["campaign"], found["organisation"], found["author"]) == (
            "forest",
            "Alpine Allies",
            ally.actor,
        )
        assert found["url"] == f"{org.url}/campaigns/forest/evidence"
        assert len(await joint.evidence(org, org)) == 1
        assert "signed two different versions of one tally" in await said(org, "partner", "evidence")
        assert (await joint.states(org, org))[ally.host] == "excluded"
        assert (await joint.support(org, org))["total"] == 0
        assert "evidence" in await noted(org)
        assert await said(org, "partner", "lift", "e1") == "Alpine Allies counts again on your site.\n"
        assert (await joint.states(org, org))[ally.host] == "partner"
        assert (await joint.support(org, org))["total"] in (20, 900)
        [found] = await listed(org, "partner", "evidence")
        assert found["state"] == "lifted"
        assert len(await joint.evidence(org, org)) == 1
        assert "was lifted on" in await refused(org, "partner", "lift", "e1")
        assert "evidence" not in await noted(org)


async def test_a_jump_is_listed_until_somebody_has_looked(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        await joint.join(ally, org)
        await sign_at(ally, 150, "IT")
        await talk(org, ally)
        await sign_at(ally, 1500, "IT")
        await talk(org, ally)
        [found] = await listed(org, "partner", "evidence")
        assert (found["id"], found["kind"], found["state"]) == ("j1", "jump", "counted")
        assert (found["before"], found["after"]) == (150, 1650)
        assert found["what"] == "grew from 150 to 1,650 within an hour"
        assert (await joint.seen(org, org))[ally.host] == 1650
        assert await said(org, "partner", "lift", "j1") == "It is marked as looked at.\n"
        assert await listed(org, "partner", "evidence") == []
        assert "There is no jump j1" in await refused(org, "partner", "lift", "j1")


async def test_the_doctor_recounts_signatures_and_repairs_them(instances: Instances) -> None:
    async with homes(instances, 2) as (org, ally):
        await joint.join(ally, org)
        await sign_at(ally, 20, "IT")
        await sign_at(ally, 11, "DE")
        people = await sign_at(ally, 12, "FR")
        await joint.withdraw_at(ally, people)
        await talk(org, ally)
        assert (await findings(ally))["signatures"]["state"] == "ok"

        async def spoil(session: Any) -> None:
            coalition = await joint.coalition_at(session)
            moved = {"IT": 100, "DE": -11, "ES": 7}
            await signatures.move(session, coalition.id, moved, serial=coalition.serial, now=ally.clock.now())
            assert (await coalitions.own_countries(session, coalition.id)) == {"IT": 120, "ES": 7}

        await ally.change(spoil)
        found = (await findings(ally, status=1))["signatures"]
        assert found["state"] == "problem"
        assert f"forest@{org.host}: 127 instead of 31" in found["text"]
        assert found["advice"] == "run `fedicause doctor --repair`"
        await talk(ally, org)
        repaired = await run(ally, "doctor", "--repair")
        assert repaired.exit_code == 0, repaired.output
        assert f"Recounted: forest@{org.host}." in repaired.stderr
        assert "nothing disagreed" in (await run(ally, "doctor", "--repair")).stderr
        await talk(ally, org)
        for home in (ally, org):
            found_there = await joint.support(home, org)
            assert (found_there["total"], found_there["countries"]) == (31, {"IT": 20, "DE": 11})


async def test_the_doctor_says_what_waits(instances: Instances) -> None:
    async with homes(instances, 4, ago=timedelta(hours=25)) as (org, ally, river, air):
        await joint.join(ally, org)
        await joint.join(river, org, accept=False)
        await joint.invite(org, air)
        await settle(org, air)
        assert (await findings(air))["requests"]["text"].startswith("one organisation waits for your answer")
        org.clock.advance(timedelta(hours=25).total_seconds())
        about_org, about_ally, about_river = [await noted(home) for home in (org, ally, river)]
        since = f"{datetime.now(UTC) - timedelta(hours=25):%Y-%m-%d}"
        assert about_org == {
            "requests": f"one organisation waits for your answer, since {since}",
            "partners": "not heard of for a day: Alpine Allies",
        }
        assert about_ally == {"partners": f"not heard of for a day: {org.host}"}
        assert about_river == {"partners": f"no answer yet: forest@{org.host}"}
        [row] = await listed(river, "partner", "list")
        assert row["state"] == "no answer yet"
        [row] = await listed(org, "partner", "requests")
        assert row["state"] == "requested"
        await joint.compare(org, ally)
        assert "partners" not in await noted(org)
        assert (await findings(org))["partners"]["text"] == "1 heard of within a day"
        # What is over needs nobody.
        await writing.end(org.instance, "forest")
        assert await noted(org) == {}

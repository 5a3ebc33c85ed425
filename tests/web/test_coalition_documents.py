"""What everybody may read of a coalition: roster, tallies and evidence, and whether they are new."""

import base64
import hashlib
from typing import Any

import pytest
import rfc8785

from federation import vocabulary
from federation.answers import Refused
from fedicause import keyring
from storage import local_actors
from tests.coalitions import Home, Instances
from tests.web import joint
from tests.web.joint import compare, document, join, page, sign_at, status, talk, tell

CONTEXT = [
    "https://www.w3.org/ns/activitystreams",
    "https://w3id.org/security/data-integrity/v2",
    {"fc": "https://w3id.org/fedicause/ns#"},
]


def digest(tallies: list[dict[str, Any]]) -> str:
    """As WIRE.md says it."""
    lines = sorted(
        b"%s %d %d %s\n"
        % (
            each["attributedTo"].encode(),
            each["fc:epoch"],
            each["fc:version"],
            each["proof"]["proofValue"].encode(),
        )
        for each in tallies
    )
    return base64.urlsafe_b64encode(hashlib.sha256(b"".join(lines)).digest()).decode().rstrip("=")


async def test_the_tallies_have_the_digest_of_what_they_are(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 12, "IT")
        await talk(org, ally, river)
        found = [await document(home, f"{page(home, org)}/tallies") for home in (org, ally, river)]
        for home, each in zip((org, ally, river), found, strict=True):
            assert each["id"] == f"{home.url}{page(home, org)}/tallies"
            assert each["type"] == "Collection"
            assert each["totalItems"] == len(each["items"]) == 3
            assert each["fc:digest"] == digest(each["items"])
            assert await status(home, f"{page(home, org)}/tallies") == (200, f'"{each["fc:digest"]}"')
        assert len({each["fc:digest"] for each in found}) == 1
        # Everybody shows each tally as its author signed it, whatever the way it came.
        assert len({rfc8785.dumps(each["items"]) for each in found}) == 1
        await sign_at(ally, 1)
        await tell(ally)
        changed = await document(org, f"{page(org, org)}/tallies")
        assert changed["fc:digest"] not in {each["fc:digest"] for each in found}


async def test_a_tally_is_as_the_wire_says(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await sign_at(ally, 12, "IT")
        await sign_at(ally, 3, "DE")
        await talk(org, ally)
        tally = (await joint.tallies(org, org))[ally.actor]
        where = f"{ally.url}{page(ally, org)}/tally"
        assert await document(ally, f"{page(ally, org)}/tally") == tally
        proof, updated = tally.pop("proof"), tally.pop("updated")
        assert tally == {
            "@context": CONTEXT,
            "id": where,
            "type": "fc:Tally",
            "attributedTo": ally.actor,
            "fc:campaign": org.urls.actor("forest"),
            "fc:epoch": 1,
            "fc:version": 1,
            "fc:signatures": 15,
            "fc:endorsements": 0,
            "fc:countries": {"IT": 12, "ZZ": 3},
        }
        assert vocabulary.time_of(updated) is not None
        assert (proof["type"], proof["cryptosuite"]) == ("DataIntegrityProof", "eddsa-jcs-2022")
        assert proof["verificationMethod"] == f"{ally.actor}#ed25519-key"


async def test_whoever_has_a_document_is_told_so_in_few_bytes(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await talk(org, ally)
        for home in (org, ally):
            for name in ("partners", "tallies", "tally", "evidence"):
                path = f"{page(home, org)}/{name}"
                found, tag = await status(home, path)
                assert (found, tag is None, str(tag)[0]) == (200, False, '"')
                for known in (str(tag), f'"other", {tag}', "*"):
                    assert await status(home, path, **{"If-None-Match": known}) == (304, tag)
                assert await status(home, path, **{"If-None-Match": '"other"'}) == (200, tag)
        before = await status(org, "/campaigns/forest/partners")
        await joint.remove(org, ally)
        org.clock.advance(2)
        assert await status(org, "/campaigns/forest/partners") != before


async def test_the_partner_shows_the_origins_roster(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        signed = await joint.roster(org, org)
        assert signed["@context"] == CONTEXT
        assert signed["id"] == f"{org.url}/campaigns/forest/partners"
        assert signed["items"] == [org.actor, ally.actor, river.actor]
        for home in (ally, river):
            assert await joint.roster(home, org) == signed


async def test_slugs_and_hosts_are_found_however_they_are_written(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        await talk(org, ally)
        assert ":" in org.host
        expected = await document(ally, f"/campaigns/forest@{org.host}/tallies")
        for address in (
            f"FOREST@{org.host}",
            f"forest%40{org.host}",
            f"forest@{org.host.replace(':', '%3A')}",
        ):
            assert await document(ally, f"/campaigns/{address}/tallies") == expected
        # At home too, by its own name.
        assert await joint.tallies(org, org) == {
            each["attributedTo"]: each
            for each in (await document(org, f"/campaigns/forest@{org.host}/tallies"))["items"]
        }
        for address in (f"forest@{ally.host}", "forest@", "@", f"forest@{org.host}@{org.host}", "forest%00"):
            assert (await status(ally, f"/campaigns/{address}/tallies"))[0] == 404


async def test_browsers_are_shown_the_page_and_servers_the_origin(instances: Instances) -> None:
    async with instances(2) as (org, ally):
        await join(ally, org)
        assert (await status(ally, page(ally, org)))[0] == 302
        shown = await ally.get(page(ally, org), accept="text/html")
        assert "Save the old forest" in shown
        note = await ally.get(page(ally, org))
        assert note["id"] == org.urls.note("forest")


async def test_sketches_are_for_partners_alone(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await sign_at(org, 1200)
        await sign_at(ally, 1100)
        await talk(org, ally)
        await compare(org, ally)
        await compare(org, ally)
        for home in (org, ally):
            assert (await status(home, f"{page(home, org)}/sketch"))[0] == 401
            people = (await joint.support(home, org))["people"]
            assert (people["low"], people["high"]) == (1200, 2300)
            assert abs(people["estimate"] - 2300) < 2300 * 0.05
            assert people["error"] < 0.05
        await expect_no_sketch(river, org)


async def expect_no_sketch(stranger: Home, origin: Home) -> None:
    _, organisation = await stranger.look(local_actors.organisation)
    key = keyring.signing_key(organisation, stranger.instance.seal, stranger.urls)
    with pytest.raises(Refused, match="403"):
        await stranger.instance.remote.fetch(f"{origin.url}/campaigns/forest/sketch", key=key)

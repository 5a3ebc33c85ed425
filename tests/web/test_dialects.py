"""The same words in every dialect of the fediverse: each endorses, and each way of taking it back does."""

from dataclasses import replace
from typing import Any

import pytest

from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER
from storage import testimonies
from storage.models import Campaign
from tests import dialects, signing
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.web import counting, writing
from tests.web.counting import FOREST, NOTE, endorsements, support

# WordPress has accounts that reply, but none that favours, shares, follows or blocks.
TALKATIVE = sorted(dialects.DIALECTS.keys() - {"wordpress"})
MICROBLOG = replace(dialects.MASTODON, software="microblogpub", actor_path="")

pytestmark = pytest.mark.usefixtures("campaign")


async def people(fediverse: Fediverse) -> dict[str, Person]:
    """One person on a server of each kind."""
    found = {}
    for software in TALKATIVE:
        found[software] = await (await fediverse.server(f"{software}.test", software)).person("bob")
    server = await fediverse.server("microblogpub.test")
    server.dialect = MICROBLOG
    found["microblogpub"] = await server.person("bob")
    assert found["microblogpub"].uri == "https://microblogpub.test"
    return found


async def everybody_likes(client: Client, fediverse: Fediverse) -> dict[str, Person]:
    everybody = await people(fediverse)
    for number, (software, person) in enumerate(everybody.items(), start=1):
        assert (await person.like(NOTE)).status == 202, software
        assert await endorsements(client, fediverse) == number, software
    return everybody


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("elsewhere.test")).person("bob")


async def test_a_favourite_endorses_once_its_undo_withdraws_and_the_next_one_endorses_again(
    client: Client, fediverse: Fediverse
) -> None:
    everybody = await everybody_likes(client, fediverse)
    for software, person in everybody.items():
        assert (await person.like(NOTE)).status == 202, software
        assert await endorsements(client, fediverse) == len(everybody), software
        assert (await person.undo()).status == 202, software
        assert await endorsements(client, fediverse) == len(everybody) - 1, software
        assert (await person.like(NOTE)).status == 202, software
        assert await endorsements(client, fediverse) == len(everybody), software


async def test_a_block_withdraws(client: Client, fediverse: Fediverse) -> None:
    everybody = await everybody_likes(client, fediverse)
    for number, (software, person) in enumerate(everybody.items(), start=1):
        assert (await person.block(FOREST)).status == 202, software
        assert await endorsements(client, fediverse) == len(everybody) - number, software


async def test_the_deletion_of_the_account_withdraws(client: Client, fediverse: Fediverse) -> None:
    everybody = await everybody_likes(client, fediverse)
    for number, (software, person) in enumerate(everybody.items(), start=1):
        assert (await person.delete_account(near=NOTE)).status == 202, software
        assert await endorsements(client, fediverse) == len(everybody) - number, software
        # What it said meanwhile comes late.
        assert (await person.like(NOTE)).status == 202, software
        assert await endorsements(client, fediverse) == len(everybody) - number, software


async def test_a_boost_is_a_share_and_no_endorsement(client: Client, fediverse: Fediverse) -> None:
    for software, person in (await people(fediverse)).items():
        assert (await person.announce(NOTE)).status == 202, software
        found = await support(client, fediverse)
        assert (found["shares"], found["endorsements"]) == (1, 0), software
        assert (await person.undo()).status == 202, software
        assert (await support(client, fediverse))["shares"] == 0, software


async def test_an_actor_that_is_gone_when_we_look_again_has_withdrawn(
    client: Client, fediverse: Fediverse
) -> None:
    """Few servers tell of it; snac's answer 410 is all that there is."""
    everybody = await everybody_likes(client, fediverse)
    assert client.app is not None
    for number, (software, person) in enumerate(everybody.items(), start=1):
        await client.app[RECEIVER].look_again(person.uri)
        assert await endorsements(client, fediverse) == len(everybody) - number + 1, software
        person.server.gone.add(signing.target(person.uri))
        await client.app[RECEIVER].look_again(person.uri)
        assert await endorsements(client, fediverse) == len(everybody) - number, software


@pytest.mark.parametrize("software", ["misskey", "pleroma", "snac", "fedify"])
async def test_a_reaction_endorses_when_its_emoji_says_yes(
    software: str, client: Client, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test", software)).person("bob")
    for reaction, counted in (("❤", 1), ("👍🏽", 1), ("⭐️", 1), ("👎", 0), ("🌳", 0), (":heart:", 0)):
        assert (await bob.like(NOTE, reaction=reaction)).status == 202
        assert await endorsements(client, fediverse) == counted, reaction
        assert (await bob.undo()).status == 202
        assert await endorsements(client, fediverse) == 0, reaction


@pytest.mark.parametrize("software", ["misskey", "pleroma", "snac", "fedify"])
async def test_taking_back_a_reaction_that_never_counted_leaves_the_favourite(
    software: str, client: Client, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test", software)).person("bob")
    assert (await bob.like(NOTE)).status == 202
    for reaction in ("🌳", "👎"):
        assert (await bob.like(NOTE, reaction=reaction)).status == 202
        assert (await bob.undo()).status == 202
        assert await endorsements(client, fediverse) == 1


async def test_takahe_favours_again_byte_for_byte(client: Client, fediverse: Fediverse) -> None:
    """Only the date and the signature are new; retries come like this as well."""
    bob = await (await fediverse.server("elsewhere.test", "takahe")).person("bob")
    assert (await bob.like(NOTE)).status == 202
    like = bob.said[0]
    undo = dialects.undo(bob.server.dialect, like, 1)
    for said, counted in ((undo, 0), (like, 1), (like, 1), (undo, 0), (undo, 0), (like, 1)):
        assert (await bob.say(said, None, NOTE)).status == 202
        assert await endorsements(client, fediverse) == counted


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
async def test_either_signature_scheme_is_taken_with_either_kind_of_key(
    *, scheme: Any, algorithm: Any, client: Client, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server()).person("bob", scheme=scheme, algorithm=algorithm)
    assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1


async def test_the_key_of_gotosocial_is_found_behind_its_stub(client: Client, fediverse: Fediverse) -> None:
    bob = await (await fediverse.server("elsewhere.test", "gotosocial")).person("bob")
    assert bob.key.id == "https://elsewhere.test/users/bob/main-key"
    assert (await bob.like(NOTE)).status == 202
    assert (bob.server.fetches("/users/bob/main-key"), bob.server.fetches("/users/bob")) == (1, 1)
    assert await endorsements(client, fediverse) == 1


async def test_an_undo_withdraws_whatever_it_says_of_the_like(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    whole = counting.like(bob.uri, id=f"{bob.uri}#likes/another")
    for undone in (
        whole,
        {name: value for name, value in whole.items() if name != "id"},
        {name: value for name, value in whole.items() if name != "actor"},
        whole | {"object": {"id": NOTE, "type": "Note"}},
        whole | {"id": "https://elsewhere.example/likes/1"},
        "the id alone",
    ):
        assert (await bob.like(NOTE)).status == 202
        assert await endorsements(client, fediverse) == 1
        said = bob.said[-1]["id"] if undone == "the id alone" else undone
        undo = {"id": f"{bob.uri}#undo/{len(bob.said)}", "type": "Undo", "actor": bob.uri, "object": said}
        assert (await bob.say(undo, FOREST)).status == 202
        assert await endorsements(client, fediverse) == 0, undone


async def test_a_like_that_comes_after_its_undo_is_undone(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    like = counting.like(bob.uri, id=f"{bob.uri}#likes/late")
    signed = bob.signed(like, counting.INBOX)
    fediverse.clock.advance(60)
    undo = {"id": f"{bob.uri}#undo", "type": "Undo", "actor": bob.uri, "object": like["id"]}
    assert (await bob.say(undo, FOREST)).status == 202
    assert (await fediverse.send(signed)).status == 202
    assert await endorsements(client, fediverse) == 0
    # By the signed time, whenever it comes; and the next one counts.
    assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1


async def test_the_last_signed_word_counts_in_whatever_order_they_come(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    fediverse.pace = 0.0
    like = counting.like(bob.uri)
    undo = {"id": f"{bob.uri}#undo", "type": "Undo", "actor": bob.uri, "object": like}
    words = []
    for said in (like, undo, like, undo):
        words.append(bob.signed(said, counting.INBOX))
        fediverse.clock.advance(10)
    for number in (2, 3, 0, 1):
        assert (await fediverse.send(words[number])).status == 202
        assert await endorsements(client, fediverse) == (1 if number == 2 else 0)


async def test_a_person_who_joins_endorses_until_they_leave(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    for target in (NOTE, FOREST):
        join = counting.like(bob.uri, type="Join", object=target, id=f"{bob.uri}#join/{len(bob.said)}")
        assert (await bob.say(join, FOREST)).status == 202
        assert await endorsements(client, fediverse) == 1
        leave = join | {"type": "Leave", "id": f"{bob.uri}#leave/{len(bob.said)}"}
        assert (await bob.say(leave, FOREST)).status == 202
        assert await endorsements(client, fediverse) == 0


async def test_an_organisation_that_joins_is_no_endorser(client: Client, fediverse: Fediverse) -> None:
    ally = await (await fediverse.server()).person("ally")
    ally.server.documents["/users/ally"] = ally.document | {"type": "Organization"}
    join = counting.like(ally.uri, type="Join", object=FOREST)
    assert (await ally.say(join, FOREST)).status == 202
    assert await endorsements(client, fediverse) == 0


async def test_whoever_moves_endorses_once(bob: Person, client: Client, fediverse: Fediverse) -> None:
    new = await (await fediverse.server("new.test")).person("bob")
    assert (await bob.like(NOTE)).status == 202
    # The new account has not confirmed it: anybody could say that they were Bob.
    assert (await bob.move(new.uri, near=NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1
    assert (await bob.undo(bob.said[0])).status == 202
    assert await endorsements(client, fediverse) == 0
    assert (await bob.like(NOTE)).status == 202
    new.more = {"alsoKnownAs": [bob.uri]}
    new.publish()
    assert (await bob.move(new.uri, near=NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1
    assert (await new.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1
    assert (await new.undo()).status == 202
    assert await endorsements(client, fediverse) == 0


async def test_a_closed_campaign_takes_no_more_favourites_and_honours_withdrawals(
    bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    carol = await bob.server.person("carol")
    assert (await bob.like(NOTE)).status == 202
    await writing.end(instance, "forest")
    assert (await carol.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1
    assert (await bob.undo()).status == 202
    assert await endorsements(client, fediverse) == 0
    assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 0


async def test_wordpress_replies_and_its_profile_has_no_id(
    client: Client, instance: Instance, campaign: Campaign, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test", "wordpress")).person("bob")
    assert "?" in bob.uri
    assert (await bob.reply(NOTE)).status == 202
    assert (await bob.update_profile(near=NOTE, summary="A new one")).status == 202
    assert "id" not in bob.said[-1]
    async with instance.database.reading() as session:
        assert len(await testimonies.waiting(session)) == 1

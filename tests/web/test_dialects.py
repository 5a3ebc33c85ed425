"""The same words in every dialect of the fediverse: each endorses, and each way of taking it back does."""

from typing import Any

import pytest

from tests import dialects
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person

NOTE = "https://ours.test/campaigns/forest"
FOREST = "https://ours.test/actors/forest"
# WordPress has accounts that reply, but none that favours, shares, follows or blocks.
TALKATIVE = sorted(dialects.DIALECTS.keys() - {"wordpress"})

pytestmark = pytest.mark.usefixtures("campaign")


@pytest.fixture(params=TALKATIVE)
async def bob(request: pytest.FixtureRequest, fediverse: Fediverse) -> Person:
    """Bob, on a server of each kind."""
    return await (await fediverse.server("elsewhere.test", request.param)).person("bob")


async def support(client: Client) -> dict[str, Any]:
    async with client.get("/api/campaigns/forest/support") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def endorsements(client: Client, fediverse: Fediverse) -> int:
    """What the public support says within 2 seconds."""
    fediverse.clock.advance(2)
    return int((await support(client))["endorsements"])


async def test_a_favourite_endorses_and_its_undo_withdraws(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1
    assert (await bob.undo()).status == 202
    assert await endorsements(client, fediverse) == 0
    assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1


async def test_a_second_favourite_is_not_counted_twice(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    for _ in range(3):
        assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1


async def test_a_block_withdraws(bob: Person, client: Client, fediverse: Fediverse) -> None:
    assert (await bob.like(NOTE)).status == 202
    assert (await bob.block(FOREST)).status == 202
    assert await endorsements(client, fediverse) == 0


async def test_the_deletion_of_the_account_withdraws(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    assert (await bob.like(NOTE)).status == 202
    assert (await bob.delete_account(near=NOTE)).status == 202
    assert await endorsements(client, fediverse) == 0


async def test_a_boost_is_a_share_and_no_endorsement(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    assert (await bob.announce(NOTE)).status == 202
    fediverse.clock.advance(2)
    assert (await support(client))["shares"] == 1
    assert (await bob.undo()).status == 202
    assert await endorsements(client, fediverse) == 0
    assert (await support(client))["shares"] == 0


@pytest.mark.parametrize("software", ["misskey", "pleroma", "snac", "fedify"])
@pytest.mark.parametrize(("reaction", "counted"), [("❤", 1), ("👍🏽", 1), ("⭐️", 1), ("👎", 0), ("🌳", 0)])
async def test_a_reaction_endorses_when_its_emoji_says_yes(
    *, software: str, reaction: str, counted: int, client: Client, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test", software)).person("bob")
    assert (await bob.like(NOTE, reaction=reaction)).status == 202
    assert await endorsements(client, fediverse) == counted
    assert (await bob.undo()).status == 202
    assert await endorsements(client, fediverse) == 0


@pytest.mark.parametrize("software", ["misskey", "pleroma", "snac", "fedify"])
async def test_taking_back_a_reaction_that_never_counted_leaves_the_favourite(
    software: str, client: Client, fediverse: Fediverse
) -> None:
    bob = await (await fediverse.server("elsewhere.test", software)).person("bob")
    assert (await bob.like(NOTE)).status == 202
    assert (await bob.like(NOTE, reaction="🌳")).status == 202
    assert (await bob.undo()).status == 202
    assert await endorsements(client, fediverse) == 1


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
async def test_either_signature_scheme_is_taken_with_either_kind_of_key(
    *, scheme: Any, algorithm: Any, client: Client, fediverse: Fediverse
) -> None:
    server = await fediverse.server()
    bob = await server.person("bob", scheme=scheme, algorithm=algorithm)
    assert (await bob.like(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1


async def test_a_person_who_joins_endorses_until_they_leave(client: Client, fediverse: Fediverse) -> None:
    bob = await (await fediverse.server()).person("bob")
    assert (await bob.join(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 1
    assert (await bob.leave(NOTE)).status == 202
    assert await endorsements(client, fediverse) == 0

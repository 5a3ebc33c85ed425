"""Many requests make us ask few questions; a slow server keeps nobody waiting, and its people still count."""

import asyncio
import gc
import itertools
import json
from collections.abc import Iterator

import pytest
from aiohttp import web

from federation import httpsig
from fedicause import moderate, work
from fedicause.instance import Instance
from fedicause.web.inbox import RECEIVER
from storage import parked
from tests import signing
from tests.conftest import Client
from tests.fediverse import Fediverse, Server
from tests.people import Person
from tests.web import counting

pytestmark = pytest.mark.usefixtures("campaign")


@pytest.fixture
async def victim(fediverse: Fediverse) -> Server:
    """A server about whose people Mallory lies; it has none of those keys."""
    return await fediverse.server("victim.test")


@pytest.fixture
async def mallory(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("mallory.test")).person("mallory")


@pytest.fixture
async def bob(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("elsewhere.test")).person("bob")


def naming(mallory: Person, host: str) -> Iterator[signing.Request]:
    """Requests that differ in nothing but whose key they name."""
    uri = f"https://{host}/users/somebody"
    signed = mallory.signed(counting.like(uri), counting.INBOX)
    value = signed.header("signature") or ""
    for number in itertools.count():
        yield signed.having("Signature", value.replace(mallory.key.id, f"https://{host}/keys/{number}"))


async def in_turns(fediverse: Fediverse, requests: list[signing.Request]) -> list[int]:
    """Our answers to many requests, twenty at a time."""
    fediverse.pace = 0.0
    found: list[int] = []
    for start in range(0, len(requests), 20):
        answers = await asyncio.gather(*map(fediverse.send, requests[start : start + 20]))
        found += [answer.status for answer in answers]
    return found


async def test_hundreds_of_bogus_keys_cause_few_fetches(
    mallory: Person, victim: Server, client: Client, fediverse: Fediverse
) -> None:
    requests = list(itertools.islice(naming(mallory, "victim.test"), 250))
    assert set(await in_turns(fediverse, requests)) == {401}
    # Those that were under way together when the fiftieth failed besides.
    assert victim.fetches() <= 50 + 20
    before = victim.fetches()
    assert set(await in_turns(fediverse, requests[-20:])) == {401}
    assert victim.fetches() == before
    # Ten minutes later it may be asked again.
    fediverse.clock.advance(601)
    honest = await victim.person("carol")
    assert (await honest.like(counting.NOTE)).status == 202
    assert await counting.endorsements(client, fediverse) == 1


async def test_one_bogus_key_is_asked_for_once(
    mallory: Person, victim: Server, client: Client, fediverse: Fediverse
) -> None:
    [request] = itertools.islice(naming(mallory, "victim.test"), 1)
    assert set(await in_turns(fediverse, [request] * 60)) == {401}
    assert victim.fetches() == 1
    fediverse.clock.advance(599)
    again = itertools.islice(naming(mallory, "victim.test"), 1)
    assert set(await in_turns(fediverse, list(again))) == {401}
    assert victim.fetches() == 1
    fediverse.clock.advance(2)
    again = itertools.islice(naming(mallory, "victim.test"), 1)
    assert set(await in_turns(fediverse, list(again))) == {401}
    assert victim.fetches() == 2


async def test_what_was_refused_is_not_kept_in_memory(
    mallory: Person, victim: Server, client: Client, fediverse: Fediverse
) -> None:
    """A failure that is remembered must not hold on to the requests that met it."""

    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, httpsig.Request) for each in gc.get_objects())

    [request] = itertools.islice(naming(mallory, "victim.test"), 1)
    before = kept()  # by other tests
    assert set(await in_turns(fediverse, [request] * 40)) == {401}
    assert kept() - before <= 1


async def test_bad_signatures_in_bobs_name_make_us_ask_for_his_key_once_in_a_while(
    mallory: Person, bob: Person, client: Client, fediverse: Fediverse
) -> None:
    """A signature that does not fit may mean a new key: that is looked up, but not for every forgery."""
    assert (await bob.like(counting.NOTE)).status == 202
    key = signing.Key(bob.key.id, mallory.key.private)
    said = counting.like(bob.uri, type="Undo", object=bob.said[0])
    forged = [
        mallory.signed(said | {"id": f"{bob.uri}#{number}"}, counting.INBOX, key=key) for number in range(60)
    ]
    fediverse.clock.advance(60)
    assert set(await in_turns(fediverse, forged)) == {401}
    assert bob.server.fetches() <= 2
    assert await counting.endorsements(client, fediverse) == 1


async def test_many_requests_of_one_new_key_fetch_it_once(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    bob.server.delay = 0.2
    said = [counting.like(bob.uri, id=f"{bob.uri}#likes/{number}") for number in range(20)]
    requests = [bob.signed(each, counting.INBOX) for each in said]
    assert set(await in_turns(fediverse, requests)) == {202}
    assert bob.server.fetches() == 1
    assert await counting.endorsements(client, fediverse) == 1


async def retry(client: Client, instance: Instance) -> int:
    """What the workers do every few seconds."""
    assert client.app is not None
    return await work.retry_parked(instance, client.app[RECEIVER])


@pytest.mark.parametrize("key_wait", [0.5])
async def test_a_key_that_comes_by_drops_is_not_waited_for_and_its_like_counts_later(
    bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    body = json.dumps(bob.document).encode()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": signing.ACTIVITY})
        await response.prepare(request)
        for start in range(0, len(body), 60):
            await response.write(body[start : start + 60])
            await asyncio.sleep(1.5 * 60 / len(body))
        return response

    bob.server.documents["/users/bob"] = drip
    begun = asyncio.get_running_loop().time()
    assert (await bob.like(counting.NOTE)).status == 202
    assert asyncio.get_running_loop().time() - begun < 1.4
    assert await counting.parked(instance) == 1
    assert await counting.endorsements(client, fediverse) == 0
    await asyncio.sleep(begun + 2 - asyncio.get_running_loop().time())
    # By now the Like is two days old, but it came in time.
    fediverse.clock.advance(24 * 3600)
    assert await retry(client, instance) == 1
    assert await counting.parked(instance) == 0
    assert await counting.endorsements(client, fediverse) == 1
    assert bob.server.fetches() == 1


async def test_a_like_from_a_server_that_is_down_counts_once_that_is_up(
    bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    await bob.server.stop()
    assert (await bob.like(counting.NOTE)).status == 202
    assert await counting.parked(instance) == 1
    fediverse.clock.advance(6)
    assert await retry(client, instance) == 1
    assert await counting.parked(instance) == 1
    await bob.server.start()
    fediverse.clock.advance(601)
    assert await retry(client, instance) == 1
    assert await counting.parked(instance) == 0
    assert await counting.endorsements(client, fediverse) == 1


async def test_what_is_parked_is_verified_like_everything_else(
    mallory: Person, bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    bob.server.status = 503
    key = signing.Key(bob.key.id, mallory.key.private)
    forged = {
        "by Mallory": mallory.signed(counting.like(bob.uri), counting.INBOX, key=key),
        "another body": bob.signed(counting.like(bob.uri, object=counting.FOREST), counting.INBOX),
        "for somebody else": bob.signed(counting.like(f"{bob.uri}/eve"), counting.INBOX),
    }
    assert await counting.statuses(fediverse, forged) == dict.fromkeys(forged, 202)
    tampered = forged["another body"].carrying(
        b'{"type": "Like", "actor": "https://elsewhere.test/users/bob"}'
    )
    assert (await fediverse.send(tampered)).status == 401
    assert await counting.parked(instance) == 3
    bob.server.status = None
    fediverse.clock.advance(601)
    assert await retry(client, instance) == 3
    assert await counting.parked(instance) == 0
    assert await counting.endorsements(client, fediverse) == 0


async def test_there_is_only_so_much_room_for_what_is_parked(
    bob: Person, mallory: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    async with instance.database.writing() as session:
        for _ in range(parked.MOST_OF_A_HOST - 1):
            await parked.add(
                session,
                host="elsewhere.test",
                method="POST",
                target="/inbox",
                headers=(),
                body=b"{}",
                now=instance.now(),
                next_at=instance.now(),
            )
    bob.server.status = mallory.server.status = 503
    assert (await bob.like(counting.NOTE)).status == 202
    refused = await bob.like(counting.NOTE)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert (await mallory.like(counting.NOTE)).status == 202
    assert await counting.parked(instance) == parked.MOST_OF_A_HOST + 1


async def test_whoever_is_blocked_meanwhile_is_not_heard_later(
    bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    bob.server.status = 503
    assert (await bob.like(counting.NOTE)).status == 202
    async with instance.database.writing() as session:
        await moderate.block(session, "elsewhere.test", "spam", now=instance.now())
    bob.server.status = None
    fediverse.clock.advance(601)
    assert await retry(client, instance) == 1
    assert await counting.endorsements(client, fediverse) == 0
    assert await counting.parked(instance) == 0

"""A server that is killed while it receives: what it has answered with 202 counts, and counts once."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from tests import signing
from tests.faults import ordeal
from tests.faults.crowd import Kind
from tests.faults.nursery import Forked, until
from tests.faults.ordeal import Aftermath
from tests.fediverse import Handler
from tests.people import Person
from tests.process import Process

pytestmark = pytest.mark.timeout(300)
KINDS: Final[tuple[Kind, ...]] = ("endorsement", "subscription")


def test_the_kills_fell_among_requests(aftermath: Aftermath) -> None:
    assert aftermath.crowd.unanswered > 0
    assert len(aftermath.crowd.answered) >= 5 * len(aftermath.in_hand)


def test_nothing_but_202_was_answered(aftermath: Aftermath) -> None:
    assert not aftermath.crowd.other_answers


def test_the_last_word_that_got_a_202_stands(aftermath: Aftermath) -> None:
    registers = aftermath.registers
    wrong = [
        (person.uri, kind)
        for person in aftermath.crowd.people
        for kind in KINDS
        if registers.get((person.uri, kind), False) not in person.may_be(kind)
    ]
    assert not wrong, f"{len(wrong)} registers are not what was said"


def test_nobody_counts_twice_or_unasked(aftermath: Aftermath) -> None:
    endorsers = [uri for uri, kind, _ in aftermath.rows if kind == "endorsement"]
    assert len(endorsers) == len(set(endorsers))
    assert set(endorsers) <= {person.uri for person in aftermath.crowd.people}


def test_every_count_is_that_of_the_registers(aftermath: Aftermath) -> None:
    assert aftermath.complaints == []
    assert aftermath.support["endorsements"] == aftermath.support["total"] == aftermath.endorsers


def test_no_parked_request_is_left(aftermath: Aftermath) -> None:
    assert aftermath.parked == 0


def test_a_start_after_a_kill_is_like_any_other(aftermath: Aftermath) -> None:
    assert [line for line in aftermath.log.splitlines() if " ERROR " in line or "Traceback" in line] == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_parked_like_outlives_two_kills(database_url: str, tmp_path: Path) -> None:
    async with ordeal.elsewhere() as world:
        server = await world.server()
        bob = await server.person("bob")
        recovered = asyncio.Event()
        server.documents[signing.target(bob.uri)] = _shown_once(recovered, bob)
        subject = Forked(tmp_path, database=database_url)
        await ordeal.prepare(subject, database_url)
        async with ordeal.running(subject):
            # Given a Like of Bob's that is parked, for his server is slow to show his key
            assert (await bob.like(subject.note)).status == 202
            assert (await subject.support())["endorsements"] == 0
            # When ours is killed, and again while it holds the Like in its hands
            await subject.kill()
            asked = server.fetches()
            await subject.start()
            assert await until(lambda: server.fetches() > asked, within=20)
            await subject.kill()
            # Then it is counted as soon as the key can be had: before the lease of 60 s ends
            recovered.set()
            await subject.start()
            assert await until(lambda: _endorsed_once(subject), within=20)


async def _endorsed_once(subject: Process) -> bool:
    return bool((await subject.support())["endorsements"] == 1)


def _shown_once(recovered: asyncio.Event, person: Person) -> Handler:
    async def show(_: web.Request) -> web.Response:
        await recovered.wait()
        return web.json_response(person.document, content_type=signing.ACTIVITY)

    return show

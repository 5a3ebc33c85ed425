"""What was signed counts once, within an hour of the signature; nobody else can send it again."""

import asyncio
from datetime import timedelta

import pytest

from fedicause import rounds
from fedicause.instance import Instance
from tests import signing
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.people import Person
from tests.signing import Request
from tests.web import counting

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("campaign")


@pytest.fixture(params=["cavage", "rfc9421"])
async def bob(request: pytest.FixtureRequest, fediverse: Fediverse) -> Person:
    fediverse.pace = 0.0
    return await (await fediverse.server()).person("bob", scheme=request.param)


async def test_a_request_counts_once(bob: Person, client: Client, fediverse: Fediverse) -> None:
    like = bob.signed(counting.like(bob.uri), counting.INBOX)
    assert (await fediverse.send(like)).status == 202
    assert (await fediverse.send(like)).status == 401
    undo = bob.signed(
        {"id": f"{bob.uri}#undo", "type": "Undo", "actor": bob.uri, "object": counting.like(bob.uri)},
        counting.INBOX,
        at=fediverse.clock.now() + SECOND,
    )
    assert (await fediverse.send(undo)).status == 202
    assert (await fediverse.send(like)).status == 401
    assert await counting.endorsements(client, fediverse) == 0
    # Signed anew, it is a new word.
    assert (await fediverse.send(bob.signed(counting.like(bob.uri), counting.INBOX))).status == 202
    assert await counting.endorsements(client, fediverse) == 1


async def test_of_the_same_request_sent_many_times_at_once_one_is_taken(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    share = counting.like(bob.uri, type="Announce", id=f"{bob.uri}#share")
    request = bob.signed(share, counting.INBOX)
    answers = await asyncio.gather(*(fediverse.send(request) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [202] + [401] * 7
    assert (await counting.support(client, fediverse))["shares"] == 1


async def test_a_signature_is_remembered_for_as_long_as_it_is_in_time(
    bob: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    early = bob.signed(counting.like(bob.uri), counting.INBOX, at=fediverse.clock.now() + HOUR)
    assert (await fediverse.send(early)).status == 202
    fediverse.clock.advance(2 * 3600)
    await rounds.sweep_up(instance)
    assert (await fediverse.send(early)).status == 401


async def test_what_was_signed_too_early_or_too_late_is_refused(
    bob: Person, client: Client, fediverse: Fediverse
) -> None:
    def signed(ago: timedelta) -> Request:
        return bob.signed(counting.like(bob.uri), counting.INBOX, at=fediverse.clock.now() - ago)

    forged = {
        "stale": signed(HOUR + SECOND),
        "of last year": signed(timedelta(days=365)),
        "from the future": signed(-HOUR - SECOND),
        "from next year": signed(timedelta(days=-365)),
    }
    if bob.scheme == "cavage":
        right = signed(timedelta())
        forged |= {
            "no date": right.lacking("date"),
            "another date": right.having("Date", "Sat, 21 Nov 2026 11:59:59 GMT"),
            "a date that is none": right.having("Date", "yesterday"),
            "expired": expiring(right, "1700000000"),
        }
    else:
        expired = fediverse.clock.now() - timedelta(minutes=1)
        forged["expired"] = bob.signed(
            counting.like(bob.uri), counting.INBOX, at=expired - timedelta(minutes=1), expires=expired
        )
    assert await counting.statuses(fediverse, forged) == dict.fromkeys(forged, 401)
    assert await counting.endorsements(client, fediverse) == 0
    right = {"an hour early": signed(-HOUR + 3 * SECOND), "an hour late": signed(HOUR - 3 * SECOND)}
    assert await counting.statuses(fediverse, right) == dict.fromkeys(right, 202)
    assert await counting.endorsements(client, fediverse) == 1


def expiring(request: Request, moment: str) -> Request:
    return request.having("Signature", f"{request.header('signature')},expires={moment}")


async def test_a_time_that_is_not_signed_is_none(client: Client, fediverse: Fediverse) -> None:
    """`(created)` is what counts where it is signed, whatever `Date` says beside it."""
    bob = await (await fediverse.server()).person("bob")
    covered = ("(request-target)", "host", "(created)", "digest")
    old = bob.signed(
        counting.like(bob.uri),
        counting.INBOX,
        at=fediverse.clock.now() - 2 * HOUR,
        covered=covered,
        algorithm="hs2019",
    )
    fresh_date = signing.cavage(
        signing.request("POST", counting.INBOX, old.body), bob.key, at=fediverse.clock.now()
    ).header("date")
    assert fresh_date is not None
    assert (await fediverse.send(old.having("Date", fresh_date))).status == 401
    new = bob.signed(counting.like(bob.uri), counting.INBOX, covered=covered, algorithm="hs2019")
    assert (await fediverse.send(new.lacking("date"))).status == 202
    assert await counting.endorsements(client, fediverse) == 1

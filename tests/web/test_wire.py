"""Nothing personal leaves the instance where it was given: not by the wire, and not into a log."""

import base64
import gzip
import itertools
import json
import logging
from collections.abc import Iterable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import sign
from tests import wire
from tests.coalitions import Home, Instances, settle
from tests.web import joint
from tests.web.joint import join, talk

ADDRESSES = (
    "mathilde.kranz+petition@post.example",
    "Ottokar.Zwirn@BUREAU.example",
    " ghislaine_quatrefages+Forêt@courrier.example ",
    "jürgen.straßenäcker@bücher.example",
)
NAMES = ("Mathilde", "Ottokar", "Ghislaine", "Quatrefages", "Straßenäcker")
# The others, whose addresses all have this in them.
CROWD = "quietsupporter"


def crowd(number: int, first: int = 0) -> list[str]:
    return [f"{CROWD}{n}@mailbox.example" for n in range(first, first + number)]


async def key_of(home: Home) -> bytes:
    sealed = (await joint.coalition(home)).sketch_key_sealed
    assert sealed is not None
    return home.instance.seal.open(sealed)


async def signs(home: Home, addresses: Iterable[str], country: str = "DE") -> list[bytes]:
    """These people sign with this organisation; returns what stands for their addresses."""
    key = await key_of(home)
    items = [sketches.item(key, address) for address in addresses]

    async def work(session: AsyncSession) -> None:
        coalition = await joint.coalition_at(session)
        await sign.confirm(session, coalition.id, dict.fromkeys(items, country), now=home.clock.now())

    await home.change(work)
    return items


async def test_nothing_personal_travels_or_is_logged(
    instances: Instances, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    recorded = wire.Wire()
    async with instances(3) as (org, ally, river), recorded.before(org, ally, river):
        homes = (org, ally, river)
        await join(ally, org)
        await join(river, org)
        items = [
            *await signs(org, [*ADDRESSES, *crowd(1000)]),
            *await signs(ally, [*ADDRESSES[:2], *crowd(1100, 500)], "FR"),
            *await signs(river, ADDRESSES[2:], "IT"),
        ]
        for _ in range(2):
            await talk(*homes)
            org.clock.advance(10)
            await joint.compare(*homes)
        assert (await joint.support(river, org))["people"]["estimate"] is not None
        for home in homes:
            await joint.withdraw_at(home, items[:3])
        for _ in range(2):
            await talk(*homes)
            org.clock.advance(10)
            await joint.compare(*homes)
        await joint.leave(ally, org)
        await settle(*homes)
        await joint.compare(*homes)
        assert (await joint.support(org, org))["signatures"] == 1001 + 1
        key = await key_of(org)
        carriers = [
            (home, each.type)
            for home in homes
            for each in home.asked
            if each.method == "POST" and sketches.key_text(key).encode() in each.body
        ]
    sent = recorded.bytes()
    for expected in (
        b'"type":"Join"', b'"type":"Leave"', b'"fc:Tally"', b'"fc:Sketch"', b'"fc:value"', b"/tallies HTTP",
        b"/evidence HTTP", b"/sketch HTTP", b"HTTP/1.1 304", b'"fc:sketchKey"', b"HTTP/1.1 202",
    ):  # fmt: skip
        assert expected in sent.replace(b'": "', b'":"'), expected
    # What the search below can undo, and nothing else.
    assert recorded.packings() <= {b"gzip", b"identity"}
    wanted = wire.traces(ADDRESSES, NAMES, [key]) | {"one of the crowd": CROWD.encode()}
    wanted |= {f"keyed hash {number}": item for number, item in enumerate(items[:50])}
    assert wire.search(sent, wanted) == set()
    assert wire.search(caplog.text.encode() + repr(caplog.messages).encode(), wanted) == set()
    for number, item in enumerate(items):
        assert repr(item)[2:-1] not in caplog.text, number
    # The key goes to whoever was let in, and to nobody else.
    assert carriers == [(ally, "Accept"), (river, "Accept")]
    assert caplog.records
    assert "asyncio" not in {each.name for each in caplog.records}


@pytest.mark.parametrize(
    "packed",
    [
        lambda found: found,
        base64.b64encode,
        lambda found: base64.urlsafe_b64encode(b"?" + found).rstrip(b"="),
        lambda found: found.hex().upper().encode(),
        gzip.compress,
        lambda found: base64.b64encode(gzip.compress(b'{"to":"' + found + b'"}')),
        lambda found: gzip.compress(json.dumps({"to": found.hex()}).encode()),
    ],
)
def test_the_search_finds_what_is_hidden(packed: object) -> None:
    assert callable(packed)
    key = bytes(32)
    for name, trace in wire.traces(ADDRESSES, NAMES, [key]).items():
        hidden = b'HTTP/1.1 200 OK\r\n\r\n{"a":"' + packed(trace) + b'"}' + bytes(range(256))
        assert name in wire.search(hidden, {name: trace})


def test_the_search_finds_an_address_however_it_is_escaped() -> None:
    wanted = wire.traces(ADDRESSES, NAMES, [])
    for written in (
        json.dumps(ADDRESSES).encode(),
        b"/sign?mail=mathilde.kranz%2Bpetition%40post.example",
        b"<p>OTTOKAR.ZWIRN&#64;bureau.example</p>",
    ):
        assert any(name.startswith("address") for name in wire.search(written, wanted))


async def test_what_a_statement_is_given_is_in_no_log_and_in_no_error(
    instances: Instances, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with instances(2) as homes:
        key = bytes(32)
        for org, address in itertools.product(homes, ADDRESSES):
            given = {"address": address, "item": sketches.item(key, address)}

            async def ask(session: AsyncSession, given: dict[str, object] = given) -> None:
                await session.execute(text("SELECT CAST(:address AS TEXT)"), {"address": given["address"]})
                await session.execute(text("SELECT 1 FROM nowhere WHERE a = :address AND b = :item"), given)

            with pytest.raises(DBAPIError) as broken:
                await org.change(ask)
            logging.getLogger("fedicause").error("it broke", exc_info=broken.value)
    assert "nowhere" in caplog.text
    wanted = wire.traces(ADDRESSES, NAMES, [key])
    assert wire.search(caplog.text.encode(), wanted) == set()
    for address in ADDRESSES:
        assert repr(sketches.item(key, address))[2:-1] not in caplog.text

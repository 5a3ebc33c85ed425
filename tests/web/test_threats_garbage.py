"""A partner whose answers are garbage: whatever it is, the others are heard, and the partner again later."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from federation import vocabulary
from tests.coalitions import Instances
from tests.web.joint import compare, evidence, join, seen, sign_at, talk

ASKED: Final = ("/partners", "/tallies", "/evidence")


def saying(body: bytes, **headers: str) -> Handler:
    """Answers everything with these bytes."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": vocabulary.ACTIVITY_JSON, **headers})

    return answer


def bent(**more: Any) -> Handler:
    """A collection at the right address, with something wrong in it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        whole = {"@context": vocabulary.AS2, "id": str(request.url), "type": "Collection", **more}
        return web.Response(
            body=json.dumps(whole).encode(), headers={"Content-Type": vocabulary.ACTIVITY_JSON}
        )

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    answer = web.StreamResponse(headers={"Content-Type": vocabulary.ACTIVITY_JSON, "Content-Length": "5000"})
    await answer.prepare(request)
    await answer.write(b'{"id": "')
    assert request.transport is not None
    request.transport.close()
    return answer


GARBAGE: Final[Mapping[str, Handler]] = {
    "no JSON": saying(b"<html>Nothing to see</html>"),
    "half a document": saying(b'{"type": "Collection", "items": [{"id": "htt'),
    "another thing": saying(b'[[], {}, "x", 5]'),
    "a number": saying(b"1e999"),
    "too deep": saying(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "too much": saying(b'{"a": "' + b"x" * 3_000_000 + b'"}'),
    "no gzip": saying(b"\x00\xff" * 50, **{"Content-Encoding": "gzip"}),
    "items that are none": bent(items=5, orderedItems={"a": []}, totalItems="many"),
    "items of every kind": bent(items=[None, [], "https://[", {"type": ["Tally"]}, {"type": {}}, -1], fc=1),
    "hangs up": hang_up,
}


# Who keeps it in which database makes no difference to what comes in.
@pytest.mark.parametrize("dialects", [["sqlite"]])
async def test_who_answers_garbage_harms_only_how_it_is_heard_itself(instances: Instances) -> None:
    async with instances(3) as (org, ally, river):
        await join(ally, org)
        await join(river, org)
        await sign_at(ally, 10)
        await talk(org, ally, river)
        for expected, (kind, answer) in enumerate(GARBAGE.items(), 1):
            # When a partner answers whatever it is asked for with garbage, while people sign at another
            ally.spoiled = dict.fromkeys(ASKED, answer)
            await sign_at(ally, 1)
            await sign_at(river, 1)
            await river.comparer.tell()
            org.clock.advance(60)
            await compare(org)
            # Then that one is heard, and of the partner counts what it said last
            shown = await seen(org, org)
            assert (shown[river.host], shown[ally.host]) == (expected, 10), kind
        assert await evidence(org, org) == []
        # And when it has come to its senses, it counts for all that it has collected
        ally.spoiled.clear()
        await ally.comparer.tell()
        await compare(org)
        assert (await seen(org, org))[ally.host] == 10 + len(GARBAGE)

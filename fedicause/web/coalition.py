"""What everybody may read of a coalition: its roster, tallies and evidence; and what partners alone may.

At the origin below the call, at a partner below its own page of it.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from operator import attrgetter, itemgetter
from typing import Final

from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import httpsig, sketches, tallies, vocabulary
from fedicause.coalition import compare, roster
from fedicause.instance import Instance
from fedicause.web import gather, headers, served
from fedicause.web.inbox import RECEIVER
from fedicause.web.keys import INSTANCE, SHELF
from storage import coalitions, evidence, foreign, members
from storage import sketches as sketch_rows
from storage import tallies as rows
from storage.coalition_models import Coalition, Evidence

_HEADERS: Final = {
    **headers.JSON,
    "Content-Type": vocabulary.ACTIVITY_JSON,
    "Cache-Control": "public, max-age=1",
    "Vary": "Accept",
}
_SECRET: Final = {**_HEADERS, "Cache-Control": "private, no-store"}
MOST_EVIDENCE: Final = 768 * 1024
"""Bytes: a document of more than 1 MiB would be read by nobody."""
COME_AGAIN: Final = 30
"""Seconds, when a key can't be had now."""

routes = web.RouteTableDef()


class _Shown(Struct, frozen=True):
    """A document and its strong ETag."""

    body: bytes
    etag: str


@routes.get("/campaigns/{campaign}/partners")
async def partners(request: web.Request) -> web.Response:
    """The newest roster as the origin signed it."""

    async def read(session: AsyncSession, instance: Instance, coalition: Coalition, page: str) -> _Shown:
        if not coalition.roster:
            raise gather.Missing(page)
        return _Shown(coalition.roster.encode(), json.loads(coalition.roster)["proof"]["proofValue"])

    return await _answer(request, "partners", read)


@routes.get("/campaigns/{campaign}/tallies")
async def newest(request: web.Request) -> web.Response:
    """The newest known tally of each organisation on the roster; the ETag is the digest."""

    async def read(session: AsyncSession, instance: Instance, coalition: Coalition, page: str) -> _Shown:
        heads = await compare.on_roster(session, coalition)
        digest = compare.digest_of(heads)
        listed = [json.loads(row.document) for row in sorted(heads, key=lambda row: row.author_uri)]
        document = tallies.collection(id=f"{page}/tallies", tallies=listed, digest=digest)
        return _Shown(served.json_bytes(document), digest)

    return await _answer(request, "tallies", read)


@routes.get("/campaigns/{campaign}/tally")
async def own(request: web.Request) -> web.Response:
    """Our own newest tally."""

    async def read(session: AsyncSession, instance: Instance, coalition: Coalition, page: str) -> _Shown:
        uri = await roster.own_uri(session, instance.urls)
        row = (await rows.heads(session, coalition.id, [uri])).get(uri)
        if row is None:
            raise gather.Missing(page)
        return _Shown(row.document.encode(), row.proof_value)

    return await _answer(request, "tally", read)


@routes.get("/campaigns/{campaign}/evidence")
async def forks(request: web.Request) -> web.Response:
    """Who signed two documents as one version, and both of them."""

    async def read(session: AsyncSession, instance: Instance, coalition: Coalition, page: str) -> _Shown:
        found = await evidence.of(session, coalition.id)
        pairs = [(json.loads(row.one), json.loads(row.other)) for row in _fitting(found)]
        document = tallies.evidence(id=f"{page}/evidence", pairs=pairs)
        return _Shown(served.json_bytes(document), f"e{len(found)}-{found[-1].id if found else 0}")

    return await _answer(request, "evidence", read)


@routes.get("/campaigns/{campaign}/sketch")
async def sketch(request: web.Request) -> web.Response:
    """Our own sketch, for organisations on the roster alone: 401 unsigned, 403 for everybody else."""
    instance = request.app[INSTANCE]
    raw = httpsig.Request(request.method, request.raw_path, tuple(request.headers.items()), b"")
    try:
        signer = await httpsig.verify(
            raw,
            base_url=instance.settings.url,
            key_for=request.app[RECEIVER].key_for,
            now=instance.now(),
        )
    except httpsig.Forged as error:
        return web.Response(
            status=401, text=f"The signature is not accepted: {error}.\n", headers=_SECRET_TEXT
        )
    except httpsig.KeyPending:
        return web.Response(
            status=503,
            text="Your key can't be had now.\n",
            headers={**_SECRET_TEXT, "Retry-After": str(COME_AGAIN)},
        )
    async with instance.database.reading() as session:
        coalition, page = await _coalition(session, instance, request.match_info["campaign"])
        member = await members.of(session, coalition.id, signer.actor)
        signed = json.loads(coalition.roster) if coalition.roster else {"items": []}
        is_in = signer.actor in signed["items"] and (member is None or member.state == "accepted")
        uri = await roster.own_uri(session, instance.urls)
        found = await sketch_rows.one(session, coalition.id, uri)
    if not is_in:
        return web.Response(status=403, text="Sketches are for partners.\n", headers=_SECRET_TEXT)
    if found is None or coalition.signatures < sketches.FROM:
        raise gather.Missing(page)
    return web.Response(body=found.document.encode(), headers=_SECRET)


def _fitting(found: list[Evidence]) -> list[Evidence]:
    """What others can read in one document: something about everybody, before more about one."""
    nth: Counter[str] = Counter()
    ranked = []
    for row in found:
        nth[row.author_uri] += 1
        ranked.append((nth[row.author_uri], row.id, row))
    fitting, size = [], 0
    for _, _, row in sorted(ranked, key=itemgetter(0, 1))[: tallies.MOST_ITEMS]:
        size += len(row.one.encode()) + len(row.other.encode())
        if size <= MOST_EVIDENCE:
            fitting.append(row)
    return sorted(fitting, key=attrgetter("id"))


_SECRET_TEXT: Final = {"Cache-Control": "private, no-store"}
_Read = Callable[[AsyncSession, Instance, Coalition, str], Awaitable[_Shown]]


async def _answer(request: web.Request, name: str, read: _Read) -> web.Response:
    """What `read` gives, or 304 for who has it; read at most once a second."""
    instance, address = request.app[INSTANCE], request.match_info["campaign"]

    async def look() -> _Shown:
        async with instance.database.reading() as session:
            coalition, page = await _coalition(session, instance, address)
            return await read(session, instance, coalition, page)

    shown = (await request.app[SHELF].look(("coalition", name, address), look)).view
    tag = f'"{shown.etag}"'
    known = request.headers.get("If-None-Match", "")
    if tag in [each.strip() for each in known.split(",")] or known.strip() == "*":
        return web.Response(status=304, headers={"ETag": tag, "Cache-Control": _HEADERS["Cache-Control"]})
    return web.Response(body=shown.body, headers={**_HEADERS, "ETag": tag})


async def _coalition(session: AsyncSession, instance: Instance, address: str) -> tuple[Coalition, str]:
    """The coalition of `slug` or `slug@origin`, and our page of it; raises gather.Missing and gather.Gone."""
    slug, origin = served.split_address(address)
    if origin is None or origin == instance.settings.host:
        campaign = await gather.public_campaign(session, slug)
        found, page = await coalitions.of_campaign(session, campaign.id), instance.urls.note(campaign.slug)
    else:
        theirs = await foreign.by_address(session, slug, origin)
        if theirs is None or theirs.state == "deleted":
            raise gather.Missing(address)
        found = await coalitions.of_foreign(session, theirs.id)
        page = instance.urls.hosted(theirs.slug, theirs.origin)
    if found is None:
        raise gather.Missing(address)
    return found, page

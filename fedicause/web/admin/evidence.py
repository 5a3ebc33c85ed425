"""What makes a partner's numbers hard to believe, for somebody to judge."""

import json
from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from federation import vocabulary
from fedicause.coalition import forgive
from fedicause.web import gather
from fedicause.web.admin import frame, memberships
from fedicause.web.keys import INSTANCE
from storage import coalitions, evidence, members

PATH: Final = "/admin/partners"
_ROW: Final = "{row:[1-9][0-9]{0,17}}"
_MOST_LINES: Final = 400

routes = web.RouteTableDef()


class Line(Struct, frozen=True):
    """A value in both documents, by its place in them."""

    place: str
    one: str
    other: str

    @property
    def differs(self) -> bool:
        return self.one != self.other


@routes.get(PATH + "/evidence/" + _ROW)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    """Both documents that somebody signed as one version, side by side."""
    async with request.app[INSTANCE].database.reading() as session:
        found = await evidence.by_id(session, int(request.match_info["row"]))
        coalition = await coalitions.by_id(session, found.coalition_id) if found else None
        if found is None or coalition is None:
            raise gather.Missing("evidence")
        member = await members.of(session, coalition.id, found.author_uri)
        known = await memberships.named(session, coalition)
        others = [
            row
            for row in await evidence.standing(session, coalition.id)
            if row.author_uri == found.author_uri and row.id != found.id and row.kind == "tally"
        ]
    one, other = dict(_flat(json.loads(found.one))), dict(_flat(json.loads(found.other)))
    lines = [Line(place, one.get(place, ""), other.get(place, "")) for place in {**one, **other}]
    return await frame.render_admin(
        request,
        "admin/partners_evidence.html",
        tab="coalitions",
        found=found,
        name=(member.name if member else "") or vocabulary.host_of(found.author_uri),
        campaign=known,
        others=len(others),
        lines=lines[:_MOST_LINES],
        documents=[
            json.dumps(json.loads(text), indent=2, ensure_ascii=False) for text in (found.one, found.other)
        ],
    )


@routes.post(PATH + "/evidence/" + _ROW + "/lift")
@frame.staff("campaigns")
async def lift(request: web.Request) -> web.Response:
    """Counts its author again, here."""
    row = int(request.match_info["row"])
    await frame.change(
        request,
        lambda session, here: forgive.lift(session, here, row),
        deed="evidence.lift",
        about=lambda found: (
            f"{vocabulary.host_of(found.author_uri)}: {found.kind} {found.epoch}.{found.version}"
        ),
    )
    return frame.done(f"{PATH}/evidence/{row}", "lifted")


@routes.post(PATH + "/jumps/" + _ROW + "/seen")
@frame.staff("campaigns")
async def seen(request: web.Request) -> web.Response:
    """A sudden growth was looked at."""
    row = int(request.match_info["row"])
    await frame.change(
        request,
        lambda session, here: forgive.pass_over(session, here, row),
        deed="jump.seen",
        about=lambda found: f"{vocabulary.host_of(found.author_uri)}: {found.before:,} → {found.after:,}",
    )
    return frame.done(PATH, "seen")


def _flat(document: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a document, by its place."""
    if isinstance(document, dict) and document:
        for name, value in document.items():
            yield from _flat(value, f"{place}.{name}" if place else name)
    elif isinstance(document, list) and document:
        for number, value in enumerate(document, start=1):
            yield from _flat(value, f"{place}[{number}]")
    else:
        yield (
            place or "–",
            document if isinstance(document, str) else json.dumps(document, ensure_ascii=False),
        )

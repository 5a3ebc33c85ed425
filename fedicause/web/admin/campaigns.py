"""The campaigns of the organisation: all of them, how they stand, and what was done with them last."""

from collections import Counter
from datetime import datetime
from typing import Final

from aiohttp import web
from msgspec import Struct

from fedicause import support
from fedicause.web.admin import campaign_head, frame
from fedicause.web.keys import INSTANCE
from storage import campaigns

LONGEST_SEARCH: Final = 100

routes = web.RouteTableDef()


class Row(Struct, frozen=True):
    """A campaign in the list. `total` is its support; of a deleted one nothing is left but the slug."""

    slug: str
    title: str
    language: str
    kind: str
    topic: str
    state: str
    total: int
    goal: int | None
    languages: tuple[str, ...]
    outdated: int
    publish_at: datetime | None
    ends_at: datetime | None
    changed_at: datetime


@routes.get(campaign_head.PATH)
@frame.staff("read")
async def show(request: web.Request) -> web.Response:
    """All but the deleted ones, the last changed first; or those in one `state`, or with some words (`q`)."""
    rows = await _rows(request)
    numbers = Counter(row.state for row in rows)
    chosen = request.query.get("state", "")
    chosen = chosen if chosen in campaign_head.STATES else ""
    words = " ".join(request.query.get("q", "")[:LONGEST_SEARCH].split())
    listed = [
        row
        for row in rows
        if (row.state == chosen if chosen else row.state != "deleted")
        and all(word in _searched(row) for word in words.casefold().split())
    ]
    return await frame.render_admin(
        request,
        "admin/campaigns.html",
        listed=listed,
        states=[(state, numbers[state]) for state in campaign_head.STATES if numbers[state]],
        number=sum(number for state, number in numbers.items() if state != "deleted"),
        chosen=chosen,
        words=words,
    )


async def _rows(request: web.Request) -> list[Row]:
    instance = request.app[INSTANCE]
    async with instance.database.reading() as session:
        listed = await campaigns.with_deleted(session)
        supports = await support.of_campaigns(
            session, instance.urls, [each.campaign for each in listed], instance.now()
        )
    rows = [_row(each, supports[each.campaign.id]["total"]) for each in listed]
    return sorted(rows, key=lambda row: row.changed_at, reverse=True)


def _row(listed: campaigns.Listed, total: int) -> Row:
    campaign, texts = listed.campaign, dict(listed.texts)
    return Row(
        slug=campaign.slug,
        title=texts[campaign.language].title if texts else campaign.slug,
        language=campaign.language,
        kind=campaign.kind,
        topic=campaign.topic,
        state=campaign_head.state_of(campaign),
        total=total,
        goal=campaign.goal,
        languages=tuple(texts),
        outdated=len(campaign_head.outdated(campaign, texts)) if texts else 0,
        publish_at=campaign.publish_at,
        ends_at=campaign.ends_at,
        changed_at=campaign_head.changed_at(campaign, texts),
    )


def _searched(row: Row) -> str:
    return f"{row.title} {row.slug} {row.topic}".casefold()

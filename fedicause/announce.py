"""What our actors say, queued for every server that must hear it."""

import json
import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import outgoing, vocabulary
from fedicause.fediverse import describe
from fedicause.urls import Urls
from storage import activities, audiences, blocks, campaigns, deliveries, hosts, local_actors, notices
from storage.audiences import Listener
from storage.models import Activity, LocalActor

log = logging.getLogger(__name__)

REFRESH_EVERY: Final = timedelta(minutes=10)
"""How often at most a host hears the counts of one campaign."""

# Who reads the counts in an Update: Mastodon from 4.4, and what was made of it. Others keep their own.
READS_COUNTS: Final = frozenset({"mastodon", "hometown", "fedibird", "kmyblue"})


async def say(
    session: AsyncSession,
    *,
    urls: Urls,
    actor: LocalActor,
    document: dict[str, Any],
    listed: bool,
    inboxes: Collection[str],
    now: datetime,
    replaces: str | None = None,
) -> Activity:
    """Keeps an activity of ours and queues it for these inboxes, each once, but dead, blocked and our own.

    What was queued with the same `replaces` (the URI of what both are about) and is not being sent gives way.
    """
    activity = await activities.add(
        session,
        uri=document["id"],
        actor_id=actor.id,
        type=document["type"],
        document=json.dumps(document, ensure_ascii=False, separators=(",", ":")),
        listed=listed,
        now=now,
    )
    reached = await _reached(session, urls, inboxes)
    await hosts.ensure(session, reached.values(), now)
    await deliveries.add(session, activity_id=activity.id, inboxes=reached, replaces=replaces, now=now)
    await notices.post(session, "deliveries")
    return activity


async def subscribers(session: AsyncSession, actor: LocalActor) -> list[str]:
    """The inboxes (shared where there is one) of everybody who follows an actor of ours, each once."""
    return await audiences.followers(session, actor.id)


async def listeners(session: AsyncSession, *, now: datetime) -> dict[int, list[Listener]]:
    """By campaign actor whose counts have moved and may be told again: the hosts that know the call."""
    outdated = await audiences.outdated(session, before=now - REFRESH_EVERY)
    if not outdated:
        return {}
    _, organisation = await local_actors.organisation(session)
    return {
        actor_id: await audiences.listeners(session, (actor_id, organisation.id)) for actor_id in outdated
    }


async def progress(
    session: AsyncSession, *, urls: Urls, actor_id: int, listeners: Sequence[Listener], now: datetime
) -> int:
    """Queues a campaign's counts of now for those of its `listeners` that read them; returns for how many.

    An Update that leaves `updated` as it is changes the numbers and notifies nobody.
    """
    campaign = await campaigns.by_actor(session, actor_id)
    actor = await local_actors.by_id(session, actor_id)
    if campaign is None or actor is None or campaign.state not in campaigns.PUBLIC_STATES:
        return 0
    due = await audiences.to_refresh(
        session,
        actor_id,
        [each.host_id for each in listeners],
        software=READS_COUNTS,
        before=now - REFRESH_EVERY,
    )
    if due:
        note = await describe.note(session, urls, campaign)
        document = outgoing.update(
            id=urls.new_activity(),
            actor=note["attributedTo"],
            object=note,
            published=now,
            cc=note["cc"],
        )
        await say(
            session,
            urls=urls,
            actor=actor,
            document=document,
            listed=False,
            inboxes={each.inbox for each in listeners if each.host_id in due},
            now=now,
            replaces=note["id"],
        )
        await audiences.put_refreshes(session, actor_id, sorted(due), now)
    await audiences.announced(session, actor_id, now)
    return len(due)


async def _reached(session: AsyncSession, urls: Urls, inboxes: Collection[str]) -> dict[str, str]:
    """The inboxes that are written to, with their hosts."""
    blocked = await blocks.targets(session)
    own = vocabulary.host_of(urls.base)
    reached = {}
    for inbox in inboxes:
        try:
            host = vocabulary.host_of(inbox)
        except vocabulary.Malformed as error:
            log.warning("an inbox that is no address was left out: %s", error)
            continue
        if host != own and not blocks.covers(blocked, inbox, host):
            reached[inbox] = host
    return reached

"""Reads from storage what the directory shows: campaigns of ours and of those whom we follow, by topic."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import support
from fedicause.instance import Instance
from fedicause.web import cards, gather, views
from storage import campaigns, foreign

FIRST: Final = 6
"""Campaigns of a topic on the front page."""


async def front(instance: Instance) -> views.Directory:
    async with instance.database.reading() as session:
        site = await gather.site_of(session, instance)
        found = await _cards(session, instance, site)
    return views.Directory(
        site=site,
        topics=cards.by_topic(found, FIRST),
        campaigns=len(found),
        support=_together([card.progress for card in found]),
        organisations=len({(card.runner.host, card.runner.name) for card in found}),
        is_mixed=_is_mixed(found),
        languages=cards.languages(found),
    )


async def topic(instance: Instance, name: str) -> views.TopicPage:
    """All campaigns of a topic, however its case is written; raises gather.Missing."""
    if "\0" in name:  # PostgreSQL takes none in a text
        raise gather.Missing(name)
    async with instance.database.reading() as session:
        site = await gather.site_of(session, instance)
        found = await _cards(session, instance, site, topic=name)
        named = [*await campaigns.topics(session), *await foreign.topics(session)]
    if not found:
        raise gather.Missing(name)
    return views.TopicPage(
        site=site,
        topic=cards.by_topic(found, len(found))[0],
        others=_other_topics(named, name),
        is_mixed=_is_mixed(found),
        languages=cards.languages(found),
    )


async def _cards(
    session: AsyncSession, instance: Instance, site: views.Site, *, topic: str | None = None
) -> list[views.Card]:
    """Everything that the directory shows: the open ones first, and of these our own."""
    own = await campaigns.published(session, topic=topic)
    others = await foreign.listed(session, topic=topic)
    urls, now = instance.urls, instance.now()
    counted = await support.of_campaigns(session, urls, [each.campaign for each in own], now)
    heard = await support.of_foreigns(session, urls, [each.campaign for each in others], now)
    found = [
        cards.ours(
            instance,
            site.name,
            each.campaign,
            each.texts,
            counted[each.campaign.id],
            subscriptions=each.counts.subscriptions,
        )
        for each in own
    ] + [cards.theirs(instance, each.campaign, each.texts, heard[each.campaign.id]) for each in others]
    return sorted(found, key=lambda card: card.closed)


def _together(progresses: Sequence[views.Progress]) -> views.Progress:
    """The support of all campaigns; whoever supports two is in it twice."""
    return views.Progress(
        total=sum(each.total for each in progresses),
        endorsements=sum(each.endorsements for each in progresses),
        signatures=sum(each.signatures for each in progresses),
        shares=sum(each.shares for each in progresses),
        subscriptions=None,
        goal=None,
    )


def _is_mixed(found: Sequence[views.Card]) -> bool:
    return not all(card.is_ours for card in found)


def _other_topics(named: Sequence[campaigns.Topic], name: str) -> list[views.Topic]:
    """The topics but this one, by name, each once however it is written."""
    grouped: dict[str, list[campaigns.Topic]] = {}
    for each in named:
        grouped.setdefault(each.name.lower(), []).append(each)
    grouped.pop(name.lower(), None)
    return [
        views.Topic(same[0].name, cards.topic_path(same[0].name), sum(each.campaigns for each in same), ())
        for _, same in sorted(grouped.items())
    ]

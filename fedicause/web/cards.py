"""Campaigns as listings show them: ours, and those of organisations that we follow or collect with."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from markupsafe import Markup

from federation import content, vocabulary
from fedicause.instance import Instance
from fedicause.web import art, views
from storage.coalition_models import ForeignCampaign, ForeignText
from storage.models import Campaign, CampaignText, Update

_EXCERPT: Final = 170


def ours(
    instance: Instance,
    name: str,
    campaign: Campaign,
    texts: Mapping[str, CampaignText],
    support: Mapping[str, Any],
    *,
    subscriptions: int,
) -> views.Card:
    """A campaign of our organisation, which has this `name`; `support` is its document."""
    url = instance.urls.note(campaign.slug)
    runner = views.Runner(name, vocabulary.host_of(instance.urls.base), url)
    progress = _progress(support, campaign, subscriptions, is_known=True)
    return _card(instance, campaign, runner, texts, progress, partners=_partners(support), is_ours=True)


def theirs(
    instance: Instance,
    campaign: ForeignCampaign,
    texts: Mapping[str, ForeignText],
    support: Mapping[str, Any],
) -> views.Card:
    """A campaign of another organisation, as it was last told us."""
    runner = views.Runner(campaign.organisation_name, campaign.origin, campaign.note_uri)
    progress = _progress(support, campaign, None, is_known=support["updated"] is not None)
    return _card(instance, campaign, runner, texts, progress, partners=_partners(support), is_ours=False)


def key(slug: str, origin: str) -> str:
    """The name that a campaign of another instance has on this one."""
    return f"{slug}@{origin}"


def by_topic(cards: Sequence[views.Card], first: int) -> list[views.Topic]:
    """The topics, the one with the most campaigns first, each with its first ones."""
    grouped: dict[str, list[views.Card]] = {}
    for card in cards:
        grouped.setdefault(card.topic.lower(), []).append(card)
    ordered = sorted(grouped.values(), key=lambda group: (-len(group), group[0].topic.lower()))
    return [
        views.Topic(group[0].topic, group[0].topic_path, len(group), tuple(group[:first]))
        for group in ordered
    ]


def topic_path(name: str) -> str:
    return f"/topics/{quote(name, safe='')}"


def languages(cards: Sequence[views.Card]) -> frozenset[str]:
    return frozenset(language for card in cards for language in card.texts)


def words(text: CampaignText | ForeignText | Update) -> views.Words:
    html, excerpt = clean(text.html)
    return views.Words(text.language, text.title, html, excerpt)


@lru_cache(maxsize=256)
def clean(html: str) -> tuple[Markup, str]:
    """HTML that may stand on a page, whoever stored it, and its beginning as text."""
    text = " ".join(content.plain(html).split())
    if len(text) > _EXCERPT:
        text = text[:_EXCERPT].rsplit(" ", 1)[0].rstrip(",;:–—- ") + "…"
    return Markup(content.clean(html)), text  # noqa: S704


def _partners(support: Mapping[str, Any]) -> int:
    """The organisations beside the one whose campaign it is; who is excluded is none."""
    counted = [host for host in support["hosts"] if host["state"] != "excluded"]
    return max(len(counted) - 1, 0)


def _progress(
    support: Mapping[str, Any],
    campaign: Campaign | ForeignCampaign,
    subscriptions: int | None,
    *,
    is_known: bool,
) -> views.Progress:
    return views.Progress(
        total=support["total"],
        endorsements=support["endorsements"],
        signatures=support["signatures"],
        shares=support["shares"],
        subscriptions=subscriptions,
        goal=support["goal"],
        next=None if campaign.state == "closed" else support["next"],
        is_known=is_known,
    )


def _card(
    instance: Instance,
    campaign: Campaign | ForeignCampaign,
    runner: views.Runner,
    texts: Mapping[str, CampaignText] | Mapping[str, ForeignText],
    progress: views.Progress,
    *,
    partners: int,
    is_ours: bool,
) -> views.Card:
    left = campaign.ends_at - instance.now() if campaign.ends_at and campaign.state == "published" else None
    name = campaign.slug if is_ours else key(campaign.slug, runner.host)
    return views.Card(
        key=name,
        path=f"/campaigns/{quote(name, safe='@:')}",
        runner=runner,
        is_ours=is_ours,
        partners=partners,
        kind=campaign.kind,
        topic=campaign.topic,
        topic_path=topic_path(campaign.topic),
        language=campaign.language,
        texts={language: words(text) for language, text in texts.items()},
        picture=_picture(campaign),
        progress=progress,
        closed=campaign.state == "closed",
        days_left=max(left.days, 0) if left else None,
        won=isinstance(campaign, Campaign) and campaign.state == "closed" and bool(campaign.outcome),
    )


def _picture(campaign: Campaign | ForeignCampaign) -> views.Picture:
    if not campaign.picture:
        return views.Picture(f"/art/{quote(campaign.slug)}.svg", "", art.WIDTH, art.HEIGHT, drawn=True)
    return views.Picture(
        url=f"/media/{quote(campaign.picture)}",
        alt=campaign.picture_alt or "",
        width=campaign.picture_width or art.WIDTH,
        height=campaign.picture_height or art.HEIGHT,
        drawn=False,
    )

"""Reads from storage what each page shows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.vocabulary import Malformed
from fedicause import support
from fedicause.campaigning import goals
from fedicause.instance import Instance
from fedicause.signing import asks, collecting
from fedicause.web import cards, kinds, nothing, standings, views
from fedicause.web.special import Special
from fedicause.web.standings import Standing
from storage import campaigns, coalitions, counts, evidence, foreign, local_actors, updates
from storage.coalition_models import Coalition, ForeignCampaign
from storage.models import Campaign, CampaignText, Update

Missing = nothing.Missing
Gone = nothing.Gone


async def about(instance: Instance) -> views.About:
    async with instance.database.reading() as session:
        return views.About(await site_of(session, instance), frozenset())


async def campaign(instance: Instance, slug: str) -> views.CampaignPage:
    """Raises Missing (drafts too) and Gone."""
    async with instance.database.reading() as session:
        found = await public_campaign(session, slug)
        return await page_of(session, instance, found, await campaigns.texts(session, found.id))


async def page_of(
    session: AsyncSession, instance: Instance, found: Campaign, texts: Mapping[str, CampaignText]
) -> views.CampaignPage:
    """The page of a campaign of ours with these texts, drafts and what isn't kept yet too."""
    site = await site_of(session, instance)
    card, counted = await _card(session, instance, site, found, texts)
    coalition = await coalitions.of_campaign(session, found.id)
    standing = await _standing(session, instance, found, coalition, counted)
    news = await updates.of_campaign(session, found.id)
    voices = await kinds.voices(session, instance, found, coalition)
    special = await kinds.of_campaign(session, instance, found, coalition, texts)
    form = _form(site, found.kind, privacy=found.privacy, asked=found.asks, special=special, texts=texts)
    return views.CampaignPage(
        site=site,
        card=card,
        standing=standing,
        collects_here=True,
        form=form if found.state != "closed" else None,
        address=instance.urls.note(found.slug),
        handle=f"{found.slug}@{site.host}",
        published_at=found.published_at or found.created_at,
        edited_at=_edited_later(found),
        ends_at=found.ends_at,
        closed_at=found.closed_at,
        news=[_news(card, each) for each in news],
        voices=voices,
        languages=cards.languages([card]),
        outcome=found.outcome or "",
        special=special,
    )


async def hosted(instance: Instance, slug: str, origin: str) -> views.CampaignPage:
    """The page of a campaign of the instance at `origin`, an authority; raises Missing and Gone."""
    async with instance.database.reading() as session:
        site = await site_of(session, instance)
        shown = await public_foreign(session, slug, origin)
        found = shown.campaign
        counted = await support.of_foreign(session, instance.urls, found, instance.now())
        coalition = await coalitions.of_foreign(session, found.id)
        standing = await _standing(session, instance, found, coalition, counted)
        is_open = coalition is not None and await collecting.is_open(session, instance.urls, coalition.id)
        path = f"/campaigns/{cards.key(found.slug, found.origin)}"
        special = await kinds.asked(session, instance, coalition, path, found.kind)
    card = cards.theirs(instance, found, shown.texts, counted)
    return views.CampaignPage(
        site=site,
        card=card,
        standing=standing,
        collects_here=any(host["host"] == site.host for host in counted["hosts"]),
        form=_form(site, found.kind, origin=found.organisation_name) if is_open else None,
        address=found.note_uri,
        handle=cards.key(found.slug, found.origin),
        published_at=found.published_at,
        edited_at=_edited_later(found),
        ends_at=found.ends_at,
        closed_at=found.closed_at,
        news=(),
        voices=(),
        languages=cards.languages([card]),
        special=special,
    )


async def update(instance: Instance, slug: str, number: int) -> views.UpdatePage:
    """Raises Missing and Gone."""
    async with instance.database.reading() as session:
        site = await site_of(session, instance)
        found = await public_campaign(session, slug)
        card, _ = await _card(session, instance, site, found, await campaigns.texts(session, found.id))
        rows = await updates.of_campaign(session, found.id)
    news = {row.number: _news(card, row) for row in rows}
    if number not in news:
        raise Missing(slug)
    return views.UpdatePage(
        site=site,
        card=card,
        news=news[number],
        newer=news.get(number + 1),
        older=news.get(number - 1),
        address=instance.urls.update(found.slug, number),
        languages=cards.languages([card]),
    )


async def actor_page(instance: Instance, name: str) -> str:
    """The path of the page for the people who look at an actor of ours; raises Missing and Gone."""
    async with instance.database.reading() as session:
        actor = await local_actors.by_name(session, name)
        if actor is None:
            raise Missing(name)
        if actor.kind != "campaign":
            return "/about"
        return f"/campaigns/{(await public_campaign(session, actor.name)).slug}"


async def public_campaign(session: AsyncSession, slug: str) -> Campaign:
    """The campaign, if everybody may see it; raises Missing (drafts too) and Gone."""
    found = await campaigns.by_slug(session, slug)
    if found is None or found.state == "draft":
        raise Missing(slug)
    if found.state == "deleted":
        # Whoever never published it has nothing to miss.
        raise Gone(slug) if found.published_at else Missing(slug)
    return found


async def public_foreign(session: AsyncSession, slug: str, origin: str) -> foreign.Listed:
    """The campaign of another instance, if it is one that our directory shows; raises Missing and Gone."""
    found = await foreign.by_address(session, slug, origin)
    if found is None:
        raise Missing(slug)
    if found.state == "deleted":
        raise Gone(slug)
    for each in await foreign.listed(session, topic=found.topic):
        if each.campaign.id == found.id:
            return each
    # Nobody is followed for it any more, or its host is blocked.
    raise Missing(slug)


async def _card(
    session: AsyncSession,
    instance: Instance,
    site: views.Site,
    found: Campaign,
    texts: Mapping[str, CampaignText],
) -> tuple[views.Card, dict[str, Any]]:
    """The card of a campaign of ours, and its support."""
    counted = await support.of_campaign(session, instance.urls, found, instance.now())
    subscriptions = (await counts.of(session, found.actor_id)).subscriptions
    return cards.ours(instance, site.name, found, texts, counted, subscriptions=subscriptions), counted


async def _standing(
    session: AsyncSession,
    instance: Instance,
    campaign: Campaign | ForeignCampaign,
    coalition: Coalition | None,
    counted: dict[str, Any],
) -> Standing:
    found = await evidence.standing(session, coalition.id) if coalition else []
    return standings.read(
        counted,
        here=vocabulary.host_of(instance.urls.base),
        now=instance.now(),
        thresholds=goals.of_campaign(campaign.thresholds, campaign.registered_at),
        forged_roster=any(row.kind == "roster" for row in found),
    )


async def site_of(session: AsyncSession, instance: Instance) -> views.Site:
    """Our organisation and this server."""
    organisation, actor = await local_actors.organisation(session)
    host = vocabulary.host_of(instance.urls.base)
    return views.Site(
        name=organisation.name,
        handle=f"{actor.name}@{host}",
        host=host,
        url=instance.urls.base,
        language=organisation.language,
        summary=organisation.summary,
        website=_website(organisation.website),
    )


def _form(
    site: views.Site,
    kind: str,
    *,
    origin: str | None = None,
    privacy: str | None = None,
    asked: str | None = None,
    special: Special = views.NOTHING,
    texts: Mapping[str, CampaignText] | None = None,
) -> views.SignForm:
    """The form of a campaign of ours, or of the organisation `origin`."""
    organisations = [(collecting.OWN, site.name)]
    if origin is not None:
        organisations.append((collecting.ORIGIN, origin))
    asking, answers = asks.read(asked), special.answers
    if special.recipients and special.recipients.by_postcode:
        # Without it nobody is found.
        asking = (asks.Ask("postcode", must=True), *(each for each in asking if each.field != "postcode"))
    return views.SignForm(
        organisations,
        asking,
        (privacy or "").strip(),
        takes_organisations=kind == "open-letter",
        choices=answers.words(answers.own) if answers else (),
        is_one_choice=kind == "consultation",
        letters=kinds.letters(texts) if texts and special.recipients and special.recipients.number else {},
    )


def _website(address: str | None) -> str | None:
    """The address, if it is one that a link may lead to."""
    try:
        return address if address and vocabulary.host_of(address) else None
    except Malformed:
        return None


def _edited_later(campaign: Campaign | ForeignCampaign) -> datetime | None:
    """The day of the last change, unless that is the day it began: the page gives dates, not times."""
    published, edited = campaign.published_at, campaign.edited_at
    return edited if edited and published and edited.date() > published.date() else None


def _news(card: views.Card, row: Update) -> views.News:
    return views.News(row.number, f"{card.path}/updates/{row.number}", cards.words(row), row.published_at)

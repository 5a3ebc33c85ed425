"""Reads from storage what a page shows of what is special about a kind of campaign."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.instance import Instance
from fedicause.people import signatories
from fedicause.signing import lobby, options
from fedicause.web import cards
from fedicause.web.special import Answers, Cosigner, Letter, Recipient, Recipients, Reply, Special, Voice
from storage import debates, targets, testimonies
from storage.coalition_models import Coalition
from storage.columns import to_milliseconds
from storage.kinds_models import Target
from storage.models import Campaign, CampaignText
from storage.pages import Asked
from storage.testimonies import Shown

NAMES: Final = 12
VOICES: Final = 24
THREADS: Final = 12
RECIPIENTS: Final = 12
DEPTH: Final = 5
"""How far a debate is indented; what answers the innermost stands beside it."""
_ANSWERS: Final = 300


async def of_campaign(
    session: AsyncSession,
    instance: Instance,
    campaign: Campaign,
    coalition: Coalition | None,
    texts: Mapping[str, CampaignText],
) -> Special:
    """Of a campaign of ours."""
    path = f"/campaigns/{campaign.slug}"
    people = await asked(session, instance, coalition, path, campaign.kind)
    threads: tuple[Reply, ...] = ()
    has_more = False
    if campaign.kind == "consultation":
        page = await debates.openings(session, campaign.id, Asked(), THREADS)
        threads, has_more = await threaded(session, campaign.id, page.items), page.older is not None
    return Special(
        organisations=people.organisations,
        names=people.names,
        has_more=people.has_more,
        answers=await _answers(session, campaign, coalition, texts),
        threads=threads,
        has_more_threads=has_more,
        recipients=await _recipients(session, campaign),
    )


async def asked(
    session: AsyncSession, instance: Instance, coalition: Coalition | None, path: str, kind: str
) -> Special:
    """Who signed here, of a campaign of ours or of another's."""
    if coalition is None:
        return Special()
    found = await signatories.names(session, instance.seal, coalition.id, Asked(), NAMES)
    return Special(
        organisations=await cosigners(session, instance, coalition, path) if kind == "open-letter" else (),
        names=tuple(found.items),
        has_more=found.older is not None,
    )


async def cosigners(
    session: AsyncSession, instance: Instance, coalition: Coalition, path: str
) -> tuple[Cosigner, ...]:
    """The organisations that signed here, for the page at this path."""
    return tuple(
        Cosigner(
            name=each.name,
            website=each.website,
            role=role,
            proof=each.proof,
            logo=_logo(path, each.id, each.created_at) if each.has_logo else "",
            logo_width=each.logo_width,
            logo_height=each.logo_height,
        )
        for each, role in await signatories.organisations(session, instance.seal, coalition.id)
    )


def _logo(path: str, cosigner_id: int, put_at: datetime) -> str:
    # Another picture has another address.
    return f"{path}/organisations/{cosigner_id}/logo?{to_milliseconds(put_at)}"


async def voices(
    session: AsyncSession, instance: Instance, campaign: Campaign, coalition: Coalition | None
) -> list[Voice]:
    """Replies from the fediverse and signers' reasons, the newest first; replies to a consultation debate."""
    found: list[Voice] = []
    if campaign.kind != "consultation":
        found = [voice(each) for each in await testimonies.allowed(session, campaign.id, VOICES)]
    if coalition is not None:
        for each in await signatories.reasons(session, instance.seal, coalition.id, VOICES):
            found.append(Voice(each.name, "", "", _paragraphs(each.text), each.signed_at))
    return sorted(found, key=lambda each: each.published_at, reverse=True)[:VOICES]


async def threaded(
    session: AsyncSession, campaign_id: int, openings: Sequence[debates.Said]
) -> tuple[Reply, ...]:
    """These replies with all that answers them."""
    under: dict[str, list[str]] = {}
    level, known = [each.note_uri for each in openings], {each.note_uri for each in openings}
    roots = {uri: uri for uri in level}
    for depth in range(4 * DEPTH):
        found = await debates.answers(session, campaign_id, level, _ANSWERS - len(known) + len(openings))
        found = [each for each in found if each.note_uri not in known]
        for each in found:
            # As deep as it goes, answers stand beside what they answer.
            place = each.in_reply_to if depth < DEPTH else roots[each.in_reply_to]
            roots[each.note_uri] = each.note_uri if depth < DEPTH - 1 else place
            under.setdefault(place, []).append(each.note_uri)
        known |= {each.note_uri for each in found}
        level = [each.note_uri for each in found]
        if not level or len(known) - len(openings) >= _ANSWERS:
            break
    shown = await testimonies.by_notes(session, known)

    def reply(uri: str) -> Reply:
        return Reply(voice(shown[uri]), tuple(reply(each) for each in under.get(uri, ()) if each in shown))

    return tuple(reply(each.note_uri) for each in openings if each.note_uri in shown)


def voice(shown: Shown) -> Voice:
    html, _ = cards.clean(shown.html)
    user = shown.author_handle.lstrip("@").partition("@")[0]
    return Voice(
        name=shown.author_name.strip()[:80] or user,
        handle=f"{user}@{shown.author_host}",
        url=shown.url,
        html=html,
        published_at=shown.published_at,
    )


def _paragraphs(text: str) -> Markup:
    return Markup("").join(
        Markup("<p>{}</p>").format(Markup("<br>").join(escape(line) for line in part.split("\n")))
        for part in text.split("\n\n")
    )


async def _answers(
    session: AsyncSession, campaign: Campaign, coalition: Coalition | None, texts: Mapping[str, CampaignText]
) -> Answers | None:
    labels: Mapping[str, Sequence[str]] = {}
    if campaign.kind == "consultation":
        labels = options.in_languages(texts, campaign.language)
    elif campaign.kind == "pledge" and campaign.roles:
        labels = {campaign.language: options.read(campaign.roles)}
    number = len(labels.get(campaign.language, ()))
    if not number:
        return None
    return Answers(labels, campaign.language, await options.numbers(session, coalition, number))


async def _recipients(session: AsyncSession, campaign: Campaign) -> Recipients | None:
    if campaign.kind != "message":
        return None
    found = await targets.every(session, campaign.id)
    first = tuple(recipient(each) for each in found[:RECIPIENTS]) if len(found) <= RECIPIENTS else ()
    return Recipients(len(found), first, any(each.postcodes for each in found))


def recipient(target: Target) -> Recipient:
    """A target as everybody may see it: without its address."""
    return Recipient(target.name, target.office, target.area, target.country, target.postcodes)


def letters(texts: Mapping[str, CampaignText]) -> dict[str, Letter]:
    """What is written to decision-makers, by language."""
    return {language: Letter(*lobby.default(text)) for language, text in texts.items()}

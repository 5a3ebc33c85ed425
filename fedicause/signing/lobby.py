"""Writes to decision-makers what people ask them for, each as often as the campaign allows."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import content
from fedicause import mail
from fedicause.here import Here
from fedicause.people import signatories
from fedicause.signing import targets
from fedicause.signing.collecting import Place
from storage import campaigns, local_actors, people
from storage import targets as stored
from storage.kinds_models import Target
from storage.models import Campaign, CampaignText
from storage.pledges import Found
from storage.targets import Mailbox

PER_HOUR: Final = 20
"""Letters to one target, where the campaign says nothing else."""
DIGEST_EVERY: Final = timedelta(hours=24)
DIGESTED: Final = 500
"""Letters in one digest; the others come in the next one."""
DIGEST_LENGTH: Final = 200_000
"""Characters that people wrote themselves in one digest."""
AT_ONCE: Final = 50


class Draft(Struct, frozen=True):
    """What somebody is about to send, and to whom it may go."""

    subject: str
    text: str
    targets: Sequence[Target]


def default(text: CampaignText) -> tuple[str, str]:
    """Subject and words of a letter unless its signer changes them: the call, where there is nothing else."""
    return text.subject or text.title, text.letter or "\n\n".join(content.plain(text.html).split("\n"))


async def draft(
    session: AsyncSession, place: Place, written: Mapping[str, Any], found: Found
) -> Draft | None:
    """The letter of who signs this, if it is a message of ours that has somebody to go to."""
    if place.kind != "message" or place.campaign_id is None:
        return None
    texts = await campaigns.texts(session, place.campaign_id)
    subject, text = default(_text(texts, place.language, found.language))
    every = await stored.every(session, place.campaign_id)
    if not every:
        return None
    responsible = targets.responsible(every, found.country, written.get("postcode", ""))
    return Draft(written.get("subject") or subject, written.get("letter") or text, responsible)


async def write(
    session: AsyncSession, here: Here, found: Found, place: Place, chosen: frozenset[int], *, answers: bool
) -> None:
    """Lets the letters of a confirmed signature wait for the targets that were chosen.

    With `answers` the signer's address goes along.
    """
    written = signatories.details(here.seal, found.details_sealed)
    about = await draft(session, place, written, found)
    if about is None:
        return
    person = await people.by_id(session, found.person_id) if answers else None
    letter = {
        "sender": written["name"],
        "place": " ".join(filter(None, (written.get("postcode"), written.get("city")))),
        "subject": written.get("subject"),
        "text": written.get("letter"),
        "language": found.language,
        "reply_to": here.seal.open(person.address_sealed).decode() if person else None,
    }
    sealed = here.seal.close(json.dumps(letter, ensure_ascii=False).encode())
    contents = {each.id: sealed for each in about.targets if each.id in chosen}
    await stored.put_letters(session, found.signature_id, contents, here.now)


async def send(session: AsyncSession, here: Here, after: int = 0) -> int | None:
    """Queues what may go now to some targets, those with row keys above `after`.

    Returns the last of these keys, None when there are no more.
    """
    mailboxes = await stored.mailboxes(session, after, AT_ONCE)
    for mailbox in mailboxes:
        texts = await campaigns.texts(session, mailbox.campaign.id)
        send_to = _digest if mailbox.campaign.is_digest else _each
        await send_to(session, here, mailbox, texts)
    return mailboxes[-1].target.id if mailboxes else None


async def _each(
    session: AsyncSession, here: Here, mailbox: Mailbox, texts: Mapping[str, CampaignText]
) -> None:
    target, campaign = mailbox.target, mailbox.campaign
    before = await stored.sent_since(session, target.id, here.now - timedelta(hours=1))
    room = min((campaign.per_hour or PER_HOUR) - before, AT_ONCE)
    if room <= 0:
        return
    waiting = await stored.waiting(session, target.id, room)
    common = await _common(session, here, campaign, texts, target)
    drafts = []
    for each in waiting:
        letter = json.loads(here.seal.open(each.content_sealed))
        subject, text, language = _words(texts, campaign, target, letter)
        composed = mail.compose(
            "target",
            language,
            **common,
            headline=subject,
            text=text,
            sender=letter["sender"],
            place=letter["place"],
            answers=letter["reply_to"] is not None,
        )
        drafts.append(mail.Draft("target", target.mail, composed, reply_to=letter["reply_to"]))
    await mail.queue_many(session, here, drafts)
    await stored.sent(session, [each.id for each in waiting], here.now)


async def _digest(
    session: AsyncSession, here: Here, mailbox: Mailbox, texts: Mapping[str, CampaignText]
) -> None:
    target, campaign = mailbox.target, mailbox.campaign
    if await stored.sent_since(session, target.id, here.now - DIGEST_EVERY):
        return
    waiting, letters, size = [], [], 0
    for each in await stored.waiting(session, target.id, DIGESTED):
        letter = json.loads(here.seal.open(each.content_sealed))
        size += len(letter["text"] or "")
        if size > DIGEST_LENGTH:
            break
        waiting.append(each)
        letters.append(letter)
    if not letters:
        return
    text = _text(texts, campaign.language, target.language)
    subject, words = default(text)
    common = await _common(session, here, campaign, texts, target)
    composed = mail.compose(
        "digest",
        target.language or text.language,
        **common,
        headline=subject,
        text=words,
        # Who changed the letter is heard with what they wrote.
        own=[each for each in letters if each["text"] or each["subject"]],
        others=[each for each in letters if not each["text"] and not each["subject"]],
        number=len(letters),
    )
    await mail.queue(session, here, kind="target", to=target.mail, composed=composed)
    await stored.sent(session, [each.id for each in waiting], here.now)


async def _common(
    session: AsyncSession,
    here: Here,
    campaign: Campaign,
    texts: Mapping[str, CampaignText],
    target: Target,
) -> dict[str, Any]:
    organisation, _ = await local_actors.organisation(session)
    return {
        "organisation": organisation.name,
        "site": here.urls.base,
        "title": _text(texts, campaign.language, target.language).title,
        "campaign": here.urls.note(campaign.slug),
    }


def _words(
    texts: Mapping[str, CampaignText], campaign: Campaign, target: Target, letter: Mapping[str, Any]
) -> tuple[str, str, str]:
    """Subject, words and language: the signer's own, or the campaign's in the target's language."""
    is_own = letter["text"] is not None
    wanted = letter["language"] if is_own else target.language or campaign.language
    text = _text(texts, campaign.language, wanted)
    subject, words = default(text)
    return letter["subject"] or subject, letter["text"] or words, wanted if is_own else text.language


def _text(texts: Mapping[str, CampaignText], own: str, wanted: str) -> CampaignText:
    return texts.get(wanted) or texts.get(own) or next(iter(texts.values()))

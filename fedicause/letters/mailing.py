"""Mails updates to those who signed and agreed to hear more, and lets them end that with one press."""

import base64
import hmac
import logging
import secrets
from typing import Final

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import mail
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.mail import Composed, Draft
from fedicause.people import crm
from fedicause.seal import WrongSecret
from storage import campaigns, doors, letters, mailings, organisations, people
from storage.mailings import Open, Recipient
from storage.people_models import Person

log = logging.getLogger(__name__)

STEP: Final = 100
"""Letters written in one transaction, beside which people want to sign."""
LOOKED_AT: Final = 5000
"""Signatures looked at for them: few may have agreed to letters."""
MOST_WAITING: Final = 2000
"""Letters in bulk that wait to be sent: before there is room again, no more are written."""
_MAC_BYTES: Final = 18
# Where a letter's own link comes; nobody can have written it into the news.
_BLANK: Final = secrets.token_hex(24)


async def step(session: AsyncSession, here: Here) -> bool:
    """Queues the letters to the next few who get one; whether there is more to do at once.

    Letters and how far it came are one transaction: whatever is killed, nobody is written to twice.
    """
    if await mailings.waiting(session, MOST_WAITING) >= MOST_WAITING:
        return False
    found = await mailings.claim(session)
    if found is None:
        return False
    mailing = found.mailing
    upto = min(mailing.serial + LOOKED_AT, mailing.until)
    own = await roster.own_uri(session, here.urls)
    getting = await mailings.recipients(session, mailing, own, upto=upto, limit=STEP)
    if len(getting) == STEP:
        upto = getting[-1].serial
    if getting:
        drafts = await _drafts(session, here, found, getting)
        await mail.queue_many(session, here, drafts)
        mailing.letters += len(drafts)
    mailing.serial = upto
    if upto >= mailing.until:
        mailing.ended_at = here.now
        log.info("an update goes to %d people by mail", mailing.letters)
    await session.flush()
    return True


async def is_due(session: AsyncSession) -> bool:
    """Whether there is anything for `step` to do."""
    return (
        await mailings.is_any_open(session) and await mailings.waiting(session, MOST_WAITING) < MOST_WAITING
    )


def token(here: Here, person_id: int, blind: bytes) -> str:
    """What the link holds by which somebody ends our news: it never expires, and nothing is stored for it."""
    # Row keys are used again, keyed hashes of addresses are not.
    mac = here.seal.blind("unsubscribe", b"%d %s" % (person_id, blind))[:_MAC_BYTES]
    return f"{person_id}.{base64.urlsafe_b64encode(mac).decode()}"


async def is_known(session: AsyncSession, here: Here, given: str) -> bool:
    """Whether this token leads to somebody whom we know."""
    return await _whose(session, here, given) is not None


async def end(session: AsyncSession, here: Here, given: str) -> bool:
    """Takes back, for whoever has this token, that we may write; whether there was anybody.

    Whatever they signed: the consent was to news of this and other campaigns. What waits is not sent.
    """
    person = await _whose(session, here, given)
    if person is None:
        return False
    own = await roster.own_uri(session, here.urls)
    await crm.unsubscribed(session, here, person.id)
    await doors.take_back_consents(session, person.id, own, here.now)
    await letters.recall(session, [person.id], here.now, kinds=("update",))
    return True


async def _whose(session: AsyncSession, here: Here, given: str) -> Person | None:
    number, _, mac = given.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) <= 18 and mac.isascii()):
        return None
    person = await people.by_id(session, int(number))
    if person is None or not hmac.compare_digest(token(here, person.id, person.blind), given):
        return None
    return person


async def _drafts(session: AsyncSession, here: Here, found: Open, getting: list[Recipient]) -> list[Draft]:
    titles = {
        language: text.title for language, text in (await campaigns.texts(session, found.campaign.id)).items()
    }
    organisation = await organisations.name(session) or ""
    composed: dict[str, Composed] = {}
    drafts = []
    for each in getting:
        language = each.language
        if language not in composed:
            title = titles.get(language) or titles.get(found.campaign.language) or found.campaign.slug
            composed[language] = _composed(here, found, language, organisation, title)
        own = token(here, each.person_id, each.blind)
        blank = composed[language]
        letter = replace(blank, text=blank.text.replace(_BLANK, own), html=blank.html.replace(_BLANK, own))
        try:
            to = mail.address(here.seal.open(each.address_sealed).decode())
        except (WrongSecret, mail.NoAddress):
            log.warning("an address can't be read; its letter is left out")
            continue
        link = here.urls.unsubscribe(own, letter.language)
        drafts.append(Draft("update", to, letter, each.person_id, unsubscribe=link))
    return drafts


def _composed(here: Here, found: Open, language: str, organisation: str, title: str) -> Composed:
    """The letter in one language, with a blank for the token of whoever gets it."""
    update, slug = found.update, found.campaign.slug
    return mail.compose(
        "update",
        language,
        organisation=organisation,
        site=here.urls.base,
        title=title,
        campaign=here.urls.note(slug),
        headline=update.title,
        address=here.urls.update(slug, update.number),
        written_in=update.language,
        text=update.markdown,
        html=update.html,
        unsubscribe=here.urls.unsubscribe(_BLANK, language),
    )

"""Somebody's own page, behind a mailed link: what they signed, taken back as easily as it was given."""

import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import mail, meter, sign
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.meter import Limit
from fedicause.people import crm, dossier, receipt
from fedicause.people.dossier import Entry
from fedicause.signing import acquaint, answer, pledge
from storage import coalitions, doors, letters, organisations, people, pledges, seen, traces
from storage.doors import Behind, Signed

_ASKED_FOR: Final = ("page",)
_NEWS: Final = ("update",)
_TOKEN_BYTES: Final = 24
_NAMELESS: Final = json.dumps({"name": ""}).encode()


class NoDoor(Exception):
    """This link leads nowhere, or no longer."""


class NotSigned(Exception):
    """The person behind this link has no such signature that could be changed."""


class Page(Struct, frozen=True):
    """What is behind somebody's door until it closes."""

    address: str
    until: datetime
    entries: Sequence[Entry]


class Asked(Struct, frozen=True):
    """Who wants their page; `proof` is good for one time until `proof_until`. It counts on these `limits`."""

    address: str
    language: str
    proof: str
    proof_until: datetime
    limits: Sequence[Limit] = ()


async def ask(session: AsyncSession, here: Here, asked: Asked) -> bool:
    """Sends the owner of an address the link to their page, if they have ever signed anything here.

    False if the proof was used before. Nothing else tells known addresses from unknown ones. Raises
    meter.TooMany.
    """
    await meter.pay(session, asked.limits, here.now)
    if await seen.add(session, {asked.proof}, asked.proof_until):
        return False
    blind = here.seal.blind("mail address", sketches.canonical(asked.address).encode())
    door = secrets.token_urlsafe(_TOKEN_BYTES)
    # For nobody too: it is what takes time.
    organisation = await organisations.name(session) or ""
    person = (await people.by_blinds(session, [blind])).get(blind)
    signed = await doors.signed(session, person.id) if person is not None else []
    newest = signed[0].signature if signed else None
    about = (newest.coalition_id, newest.item, newest.asked_at) if newest else (0, blind, here.now)
    composed = mail.compose(
        "page",
        asked.language,
        organisation=organisation,
        site=here.urls.base,
        page=here.urls.me(door, asked.language),
        decline=here.urls.decline(answer.link_token(here, *about), asked.language),
        hours=pledge.OWN_PAGE_FOR // timedelta(hours=1),
    )
    if person is None or newest is None or person.declined_at is not None:
        return True
    if person.bounced_at is not None and here.now - person.bounced_at > acquaint.BOUNCE_HOLDS:
        person.bounced_at = None
        await session.flush()
    day_ago = here.now - timedelta(days=1)
    written = await people.letters_since(session, [person.id], day_ago, _ASKED_FOR)
    if written.get(person.id, 0) < pledge.LETTERS_A_DAY:
        await people.add_doors(session, {_hash(door): person.id}, here.now + pledge.OWN_PAGE_FOR)
        to = here.seal.open(person.address_sealed).decode()
        await mail.queue_many(session, here, [mail.Draft("page", to, composed, person.id)])
    return True


async def look(session: AsyncSession, here: Here, token: str) -> Page:
    """What is behind a door; raises NoDoor."""
    behind = await _behind(session, here, token)
    signed = await doors.signed(session, behind.person.id)
    entries = [await dossier.entry(session, here, each) for each in signed]
    return Page(here.seal.open(behind.person.address_sealed).decode(), behind.expires_at, entries)


async def withdraw(session: AsyncSession, here: Here, token: str, signature_id: int) -> None:
    """Takes a signature back: it counts no more, and of what was written nothing stays.

    That it was taken back stays, for the receipt; one that was not confirmed is forgotten. Raises NoDoor,
    NotSigned.
    """
    behind, signed = await _mine(session, here, token, signature_id)
    signature, words = signed.signature, signed.pledge
    if signature.state == "pending":
        await pledges.forget(session, [signature_id])
        return
    own = await roster.own_uri(session, here.urls)
    await sign.withdraw(session, signature.coalition_id, [signature.item], own_uri=own, now=here.now)
    await pledges.disown(session, [signature_id])
    signature.ticked = 0
    words.details_sealed = here.seal.close(_NAMELESS)
    words.shown, words.network = "nothing", None
    words.reason_sealed, words.reason_state = None, "pending"
    about = await dossier.campaign(session, here, signature.coalition_id)
    await crm.withdrawn(session, here, [signature_id])
    await doors.agree(session, signed, offered=dossier.writers(about, signed), wanted=(), now=here.now)
    await letters.recall(session, [behind.person.id], here.now, kinds=_NEWS)


async def change(
    session: AsyncSession,
    here: Here,
    token: str,
    signature_id: int,
    *,
    shown: str,
    reason: str,
    may_write: Collection[str],
) -> None:
    """Changes how a name is shown, why they signed, and who may write (URIs). Raises NoDoor, NotSigned.

    Another reason is looked at by a moderator before anybody sees it.
    """
    behind, signed = await _mine(session, here, token, signature_id)
    signed.pledge.shown, signed.signature.is_named = shown, shown != "nothing"
    if reason != dossier.reason(here, signed):
        signed.pledge.reason_sealed = here.seal.close(reason.encode()) if reason else None
        signed.pledge.reason_state = "pending"
    about = await dossier.campaign(session, here, signed.signature.coalition_id)
    offered = dossier.writers(about, signed)
    before = await crm.may_write(session, here, signature_id)
    taken_back = await doors.agree(session, signed, offered=offered, wanted=may_write, now=here.now)
    if signed.signature.state == "confirmed":
        await crm.changed(session, here, signature_id, before=before)
    if await roster.own_uri(session, here.urls) in taken_back:
        await letters.recall(session, [behind.person.id], here.now, kinds=_NEWS)


async def receipt_of(session: AsyncSession, here: Here, token: str, signature_id: int) -> dict[str, Any]:
    """The receipt of a signature that was confirmed, or taken back. Raises NoDoor, NotSigned."""
    behind = await _behind(session, here, token)
    for each in await doors.signed(session, behind.person.id):
        signature = each.signature
        is_back = signature.state == "withdrawn"
        at = signature.withdrawn_at if is_back else signature.confirmed_at
        if signature.id == signature_id and signature.state in {"confirmed", "withdrawn"} and at is not None:
            about = await dossier.campaign(session, here, signature.coalition_id)
            return await receipt.of_signature(
                session,
                here,
                coalition_id=signature.coalition_id,
                page=about.page,
                event="withdrawn" if is_back else "confirmed",
                at=at,
            )
    raise NotSigned


async def export(session: AsyncSession, here: Here, token: str) -> dict[str, Any]:
    """Everything held about the person behind a door; raises NoDoor."""
    behind = await _behind(session, here, token)
    return await dossier.export(session, here, behind.person.id)


async def erase(session: AsyncSession, here: Here, token: str) -> dict[str, Any]:
    """Removes somebody everywhere on this instance, and their signatures from the counts; raises NoDoor.

    Returns the receipt, for which nobody can ask again.
    """
    behind = await _behind(session, here, token)
    locked = await _locked(session, behind.person.id)
    own = await roster.own_uri(session, here.urls)
    signed = [each.signature for each in await doors.signed(session, behind.person.id)]
    for coalition_id in locked:
        items = [each.item for each in signed if each.coalition_id == coalition_id]
        await sign.withdraw(session, coalition_id, items, own_uri=own, now=here.now)
    await session.flush()
    pages = {each: (await dossier.campaign(session, here, each)).page for each in locked}
    known = await traces.of(session, behind.person.id)
    await pledges.disown(session, [each.id for each in signed])
    await crm.erased(session, here, behind.person.id)
    await traces.remove(session, behind.person.id)
    removed = {table: len(rows) for table, rows in known.items()}
    return await receipt.of_erasure(session, here, pages=pages, removed=removed)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


async def _behind(session: AsyncSession, here: Here, token: str) -> Behind:
    behind = await doors.behind(session, _hash(token), here.now)
    if behind is None:
        raise NoDoor
    return behind


async def _mine(session: AsyncSession, here: Here, token: str, signature_id: int) -> tuple[Behind, Signed]:
    """One that can be changed, by nobody else until this transaction ends."""
    behind = await _behind(session, here, token)
    await _locked(session, behind.person.id)
    for each in await doors.signed(session, behind.person.id):
        if each.signature.id == signature_id and each.signature.state in {"pending", "confirmed"}:
            return behind, each
    raise NotSigned


async def _locked(session: AsyncSession, person_id: int) -> list[int]:
    """The coalitions in which somebody signed, whose counts nobody else moves now."""
    found = await doors.coalitions_of(session, person_id)
    # In their order: two at once wait for each other, not each for the other.
    for coalition_id in found:
        await coalitions.locked(session, coalition_id)
    return found

"""Somebody signs: asks to, is written to, and confirms; or it was somebody else, and is forgotten.

Whether an address is known, waits or has signed shows in the letter to its owner alone, never to who asked.
"""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import sketches
from fedicause import mail, sign
from fedicause.coalition import roster
from fedicause.here import Here
from fedicause.meter import Limit
from fedicause.people import crm, signatories
from fedicause.signing import acquaint, answer, collecting, cosign, lobby, pursue, unconfirmed
from fedicause.signing.acquaint import Given
from fedicause.signing.collecting import Place
from fedicause.signing.cosign import Claim
from fedicause.signing.lobby import Draft
from fedicause.signing.pursue import NOTHING, Said
from storage import letters, people, pledges, seen, share_links, signatures
from storage.coalition_models import Signature
from storage.people_models import Person

LETTERS_A_DAY: Final = 4
"""To one address, because of what somebody writes into forms."""
OWN_PAGE_FOR: Final = timedelta(hours=48)
"""For how long the link to one's own page works that comes with a letter."""
_ASKED_FOR: Final = ("confirm", "known")
_TOKEN_BYTES: Final = 24

Outcome = Literal["taken", "used", "closed", "missing"]


class Wish(Struct, frozen=True):
    """A form as it was sent, for the campaign of `slug` at `origin` (None: here), that counts on `limits`.

    `proof` is the fingerprint of the proof that came with it, good for one time until `proof_until`.
    """

    slug: str
    origin: str | None
    given: Given
    proof: str
    proof_until: datetime
    limits: Sequence[Limit] = ()


class Confirmed(Struct, frozen=True):
    """A signature that counts; `share` is the token under which its campaign is passed on."""

    share: str
    is_new: bool


class Waiting(Struct, frozen=True):
    """What a mailed link is about, as it is shown to whoever opens it."""

    state: str
    name: str
    reason: str
    shown: str
    country: str
    asked_at: datetime
    place: Place
    is_open: bool
    ticked: int = 0
    organisation: Claim | None = None
    draft: Draft | None = None


async def ask(session: AsyncSession, here: Here, wishes: Sequence[Wish]) -> list[Outcome]:
    """Takes forms, in a few statements however many they are: signatures that wait, and letters."""
    outcomes: list[Outcome] = ["taken"] * len(wishes)
    used = await _spend(session, wishes)
    places: dict[tuple[str, str | None], Place | Outcome] = {}
    fresh: dict[tuple[int, bytes], tuple[Place, Given]] = {}
    for number, wish in enumerate(wishes):
        address = (wish.slug, wish.origin)
        if number in used:
            outcomes[number] = "used"
            continue
        if address not in places:
            places[address] = await _place(session, here, *address)
        place = places[address]
        if not isinstance(place, Place):
            outcomes[number] = place
            continue
        item = sketches.item(place.key, wish.given.address)
        # Of two forms with one address the later one is meant.
        fresh[place.coalition_id, item] = (place, wish.given)
    if fresh:
        await _take(session, here, fresh)
    return outcomes


async def look(session: AsyncSession, here: Here, token: str) -> Waiting | None:
    """What a mailed link is about; None when it is forgotten."""
    found = (await pledges.by_tokens(session, [_hash(token)])).get(_hash(token))
    if found is None:
        return None
    of = [found.coalition_id]
    place = (await collecting.of_coalitions(session, here, of, closed_too=True)).get(found.coalition_id)
    if place is None:
        return None
    is_open = bool(await pledges.open_coalitions(session, of))
    details = signatories.details(here.seal, found.details_sealed)
    return Waiting(
        state=found.state,
        name=details["name"],
        reason=here.seal.open(found.reason_sealed).decode() if found.reason_sealed else "",
        shown=found.shown,
        country=found.country,
        asked_at=found.asked_at,
        place=place,
        is_open=is_open,
        ticked=found.ticked,
        organisation=await cosign.claim(session, details, found.person_id),
        draft=await lobby.draft(session, place, details, found) if found.state == "pending" else None,
    )


async def confirm(
    session: AsyncSession, here: Here, tokens: Sequence[str], said: Mapping[str, Said] | None = None
) -> list[Confirmed | None]:
    """Counts the signatures behind mailed links; None for each that is forgotten, or came too late.

    `said` is what was chosen beside the button, by token.
    """
    hashes = [_hash(token) for token in tokens]
    found = await pledges.by_tokens(session, set(hashes))
    usable = await pledges.open_coalitions(session, {each.coalition_id for each in found.values()})
    found = {
        key: each
        for key, each in found.items()
        if each.state == "confirmed" or (each.state == "pending" and each.coalition_id in usable)
    }
    new = [each for each in found.values() if each.state == "pending"]
    for coalition_id in sorted({each.coalition_id for each in new}):
        given = {each.item: each.country for each in new if each.coalition_id == coalition_id}
        await sign.confirm(session, coalition_id, given, now=here.now)
    told = {_hash(token): chosen for token, chosen in (said or {}).items()}
    for each in found.values():
        kind = usable.get(each.coalition_id, "")
        await pursue.pursue(session, here, each, kind, told.get(each.token, NOTHING))
    await crm.confirmed(session, here, [each.signature_id for each in new])
    await share_links.count(session, Counter(each.link_id for each in new if each.link_id is not None))
    links = await share_links.ensure(
        session, {each.signature_id: each.coalition_id for each in found.values()}, here.now
    )
    fresh = {each.token for each in new}
    return [
        Confirmed(links[found[key].signature_id], key in fresh) if key in found else None for key in hashes
    ]


async def decline(session: AsyncSession, here: Here, token: str, *, withdraw: bool) -> bool:
    """It was not the owner of the address who signed: what waits is forgotten, and no more letters go there.

    A signature that counts stays, unless it is withdrawn too. Returns whether there was anything.
    """
    found = (await pledges.by_tokens(session, [_hash(token)])).get(_hash(token))
    if found is None:
        return False
    await crm.unsubscribed(session, here, found.person_id)
    if found.state == "pending":
        await pledges.forget(session, [found.signature_id])
    elif withdraw or found.state == "withdrawn":
        own = await roster.own_uri(session, here.urls)
        await sign.withdraw(session, found.coalition_id, [found.item], own_uri=own, now=here.now)
        await pledges.forget_words(session, [found.signature_id])
    await letters.recall(session, [found.person_id], here.now)
    await people.decline(session, found.person_id, here.now)
    return True


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


async def _spend(session: AsyncSession, wishes: Sequence[Wish]) -> set[int]:
    """Which of these wishes, by place, come with a proof that was used before."""
    last = max(wish.proof_until for wish in wishes)
    known = await seen.add(session, {wish.proof for wish in wishes}, last)
    used = set()
    for number, wish in enumerate(wishes):
        if wish.proof in known:
            used.add(number)
        known.add(wish.proof)
    return used


async def _place(session: AsyncSession, here: Here, slug: str, origin: str | None) -> Place | Outcome:
    try:
        return await collecting.find(session, here, slug, origin)
    except collecting.Closed:
        return "closed"
    except collecting.NotCollected:
        return "missing"


async def _take(
    session: AsyncSession, here: Here, fresh: Mapping[tuple[int, bytes], tuple[Place, Given]]
) -> None:
    persons = await acquaint.people_of(session, here, [given for _, given in fresh.values()])
    ids = {each.id for each in persons.values()}
    counted = await people.letters_since(session, ids, here.now - timedelta(days=1), _ASKED_FOR)
    links = await share_links.ids(session, {given.via for _, given in fresh.values() if given.via})
    known: dict[tuple[int, bytes], Signature] = {}
    for coalition_id in {coalition_id for coalition_id, _ in fresh}:
        items = [item for of, item in fresh if of == coalition_id]
        rows = await signatures.by_items(session, coalition_id, items)
        known |= {(coalition_id, item): row for item, row in rows.items()}
    asked: list[pledges.Asked] = []
    drafts: list[mail.Draft] = []
    doors: dict[bytes, int] = {}
    for key, (place, given) in fresh.items():
        person = persons[acquaint.blind(here, given)]
        signature = known.get(key)
        written = counted.get(person.id, 0)
        if written >= LETTERS_A_DAY or person.declined_at is not None or _is_fake(signature):
            continue
        counted[person.id] = written + 1
        to = here.seal.open(person.address_sealed).decode()
        if signature is not None and signature.state == "confirmed":
            door = secrets.token_urlsafe(_TOKEN_BYTES)
            doors[_hash(door)] = person.id
            token = answer.link_token(here, *key, signature.asked_at)
            drafts.append(
                answer.known(
                    here,
                    place,
                    to=to,
                    language=given.language,
                    person_id=person.id,
                    token=token,
                    door=door,
                )
            )
        else:
            token = answer.link_token(here, *key, here.now)
            asked.append(_asked(here, key, place, given, person=person, token=token, links=links))
            drafts.append(
                answer.confirm(
                    here,
                    place,
                    kind="confirm",
                    to=to,
                    language=given.language,
                    person_id=person.id,
                    token=token,
                    days=unconfirmed.FORGOTTEN_AFTER.days,
                )
            )
    await pledges.put(session, asked, here.now)
    await people.add_doors(session, doors, here.now + OWN_PAGE_FOR)
    await mail.queue_many(session, here, drafts)


def _is_fake(signature: Signature | None) -> bool:
    return signature is not None and signature.state == "invalid"


def _asked(
    here: Here,
    key: tuple[int, bytes],
    place: Place,
    given: Given,
    *,
    person: Person,
    token: str,
    links: Mapping[str, tuple[int, int]],
) -> pledges.Asked:
    coalition_id, item = key
    link_id, of = links.get(given.via or "", (None, None))
    details = {"name": given.name, **given.more}
    return pledges.Asked(
        coalition_id=coalition_id,
        item=item,
        country=given.country,
        person_id=person.id,
        details_sealed=here.seal.close(json.dumps(details, ensure_ascii=False).encode()),
        shown=given.shown,
        reason_sealed=here.seal.close(given.reason.encode()) if given.reason else None,
        language=given.language,
        token=_hash(token),
        network=given.network,
        link_id=link_id if of == coalition_id else None,
        ticked=given.ticked,
        consents=[place.organisations[which] for which in sorted(given.consents & set(place.organisations))],
    )

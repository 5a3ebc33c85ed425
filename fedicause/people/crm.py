"""Tells the organisation's own system who agreed to be written to, who took that back, and who is erased.

Told is what is durable: the row is written with the change, and sent until it arrives, at least once.

Each is a POST of JSON: `id` (of the event: whoever gets it twice knows it by that), `type`, `at`, `person`
(the same name for one person for ever) and `mail`; with consents also `name`, `country`, `language`,
`campaign` and when it was given. `Fedicause-Signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of
`SECONDS.BODY` under the shared secret.
"""

import asyncio
import hmac
import json
import logging
import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.answers import RemoteError
from fedicause.coalition import roster
from fedicause.fediverse import judge
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.seal import WrongSecret
from fedicause.signing import collecting
from storage import notices, webhooks
from storage.webhooks import Agreed, Claimed, New, Result

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=2)
AT_ONCE: Final = 16
GIVEN_UP_AFTER: Final = timedelta(days=14)


async def confirmed(session: AsyncSession, here: Here, signature_ids: Collection[int]) -> None:
    """New signatures count: those who agreed that our organisation writes to them are told of."""
    if not here.has_crm or not signature_ids:
        return
    own = await roster.own_uri(session, here.urls)
    rows = await webhooks.agreed(session, own, signature_ids)
    given = [row for row in rows if row.withdrawn_at is None and row.state == "confirmed"]
    await _tell(session, here, "consent.given", given)


async def may_write(session: AsyncSession, here: Here, signature_id: int) -> bool:
    """Whether our organisation may write to whoever signed this: for `changed`."""
    if not here.has_crm:
        return False
    own = await roster.own_uri(session, here.urls)
    return any(row.withdrawn_at is None for row in await webhooks.agreed(session, own, [signature_id]))


async def changed(session: AsyncSession, here: Here, signature_id: int, *, before: bool) -> None:
    """Somebody gave a consent or took it back; `before` is what `may_write` said."""
    if not here.has_crm:
        return
    own = await roster.own_uri(session, here.urls)
    rows = await webhooks.agreed(session, own, [signature_id])
    given = [row for row in rows if row.withdrawn_at is None]
    if bool(given) != before:
        await _tell(session, here, "consent.given" if given else "consent.withdrawn", given or rows)


async def withdrawn(session: AsyncSession, here: Here, signature_ids: Collection[int]) -> None:
    """These consents are about to go: to be called while they still hold."""
    if not here.has_crm or not signature_ids:
        return
    own = await roster.own_uri(session, here.urls)
    await _tell_of_the_end(session, here, await webhooks.agreed(session, own, signature_ids))


async def unsubscribed(session: AsyncSession, here: Here, person_id: int) -> None:
    """Somebody takes back every consent to our organisation: to be called while they still hold."""
    if not here.has_crm:
        return
    own = await roster.own_uri(session, here.urls)
    await _tell_of_the_end(session, here, await webhooks.of_person(session, own, person_id))


async def erased(session: AsyncSession, here: Here, person_id: int) -> None:
    """Somebody is about to be erased: to be called while they are still there.

    What was not told of them yet never is. Of who was never told of nothing is said.
    """
    if not here.has_crm:
        return
    own = await roster.own_uri(session, here.urls)
    rows = await webhooks.of_person(session, own, person_id)
    if rows and await webhooks.forget(session, _name(here, rows[0].blind), here.now):
        await _tell(session, here, "person.erased", rows[-1:])


async def send(instance: Instance, claimed: Sequence[Claimed]) -> list[Result]:
    """Sends these, a few at once; what came of each."""
    return list(await asyncio.gather(*(_send(instance, each) for each in claimed)))


def signature(secret: str, at: int, body: bytes) -> str:
    """The value of the header that shows who sent it, and when (in seconds since 1970)."""
    return f"t={at},v1={hmac.new(secret.encode(), b'%d.%s' % (at, body), 'sha256').hexdigest()}"


async def _send(instance: Instance, claimed: Claimed) -> Result:
    settings, now = instance.settings, instance.now()
    if settings.crm_url is None or settings.crm_secret is None:
        return Result(claimed, "expired", error="there is no address any more")
    try:
        body = instance.seal.open(claimed.content_sealed)
    except WrongSecret:
        return Result(claimed, "unreadable", error="sealed with another secret")
    headers = {
        "Content-Type": "application/json",
        "Fedicause-Event": claimed.event,
        "Fedicause-Signature": signature(settings.crm_secret, int(now.timestamp()), body),
    }
    try:
        answer = await instance.remote.post(settings.crm_url, body, headers)
        error = "" if 200 <= answer < 300 else f"answered {answer}"
    except RemoteError as failed:
        error = f"{type(failed).__name__}: {failed}"[:200]
    if not error:
        return Result(claimed, "sent")
    if now - claimed.created_at >= GIVEN_UP_AFTER:
        log.error("the organisation's system was not told of an event for %s: %s", GIVEN_UP_AFTER, error)
        return Result(claimed, "expired", error=error)
    pause = judge.pause_before(claimed.attempts + 1, settings.first_retry)
    return Result(claimed, None, now + pause, error)


async def _tell_of_the_end(session: AsyncSession, here: Here, rows: Sequence[Agreed]) -> None:
    """Of what was never confirmed nothing was told either."""
    held = [row for row in rows if row.withdrawn_at is None and row.state != "pending"]
    await _tell(session, here, "consent.withdrawn", held)


async def _tell(session: AsyncSession, here: Here, kind: str, rows: Sequence[Agreed]) -> None:
    if not rows:
        return
    places = await collecting.of_coalitions(
        session, here, {row.coalition_id for row in rows}, closed_too=True
    )
    new = []
    for row in rows:
        event = str(uuid.uuid4())
        place = places.get(row.coalition_id)
        content = {
            "id": event,
            "type": kind,
            "at": vocabulary.timestamp(here.now),
            "person": _name(here, row.blind),
            "mail": here.seal.open(row.address_sealed).decode() if row.address_sealed else "",
        }
        if kind != "person.erased":
            content |= {"campaign": place.page if place else None} | _consent(here, kind, row)
        sealed = here.seal.close(json.dumps(content, ensure_ascii=False).encode())
        new.append(New(event, kind, _name(here, row.blind), sealed))
    await webhooks.add(session, new, here.now)
    await notices.post(session, "webhooks")


def _consent(here: Here, kind: str, row: Agreed) -> dict[str, Any]:
    if kind == "consent.withdrawn":
        return {"given": vocabulary.timestamp(row.given_at)}
    details = json.loads(here.seal.open(row.details_sealed))
    return {
        "name": str(details.get("name", "")),
        "country": row.country,
        "language": row.language,
        "given": vocabulary.timestamp(row.given_at),
    }


def _name(here: Here, blind: bytes) -> str:
    """What somebody is called there: tells nothing of them, and is the same every time."""
    return here.seal.blind("crm person", blind).hex()[:32]

"""Looks again, from time to time, for what nobody may have told us: boosts, replies, accounts that are gone.

Servers tell an un-boost or a deleted reply only to those they follow (Takahē, snac), and the end of an
account to followers alone (GoToSocial), or to nobody (WordPress).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from federation.answers import Gone, Missing, RemoteError
from federation.vocabulary import Malformed
from fedicause.instance import Instance
from fedicause.receive import Receiver
from fedicause.record import Looked
from storage import actors, registers, testimonies

log = logging.getLogger(__name__)

SHARES_AND_REPLIES_EVERY: Final = timedelta(days=1)
ACTORS_EVERY: Final = timedelta(days=30)
AT_ONCE: Final = 16
"""Of each kind in one round: a round a minute is 23,000 of each in a day."""

T = TypeVar("T")


async def look_round(instance: Instance, receiver: Receiver) -> None:
    """Asks about a few of each that are due, and withdraws what their servers say is gone (404 or 410).

    Of an actor only 410 says so; whoever can't be asked now is asked again when it is due again.
    """
    now = instance.now()
    async with instance.database.reading() as session:
        shares = await registers.shares_to_check(session, now - SHARES_AND_REPLIES_EVERY, AT_ONCE)
        replies = await testimonies.to_check(session, now - SHARES_AND_REPLIES_EVERY, AT_ONCE)
        people = await actors.endorsers_to_check(session, now - ACTORS_EVERY, AT_ONCE)
    gone_shares = await _gone(instance, shares, lambda share: share.activity_uri)
    gone_replies = await _gone(instance, replies, lambda reply: reply.note_uri)
    if shares or replies or people:
        await receiver.record(Looked(shares, replies, people, gone_shares, gone_replies))
    await asyncio.gather(*(_look_at(receiver, uri) for uri in people))


async def _gone(instance: Instance, things: list[T], uri_of: Callable[[T], str]) -> list[T]:
    async def is_gone(uri: str) -> bool:
        try:
            await instance.remote.fetch(uri)
        except (Gone, Missing):
            return True
        except (RemoteError, Malformed) as error:
            log.debug("could not look again: %s", type(error).__name__)
        return False

    answers = await asyncio.gather(*(is_gone(uri_of(thing)) for thing in things))
    return [thing for thing, gone in zip(things, answers, strict=True) if gone]


async def _look_at(receiver: Receiver, uri: str) -> None:
    try:
        await receiver.look_again(uri)
    except (RemoteError, Malformed) as error:
        log.debug("could not look at an actor again: %s", type(error).__name__)

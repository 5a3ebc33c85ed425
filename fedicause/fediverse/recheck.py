"""Looks again, from time to time, for what nobody may have told us: boosts, replies, accounts that are gone.

Servers tell an un-boost or a deleted reply only to those they follow (Takahē, snac), and the end of an
account to followers alone (GoToSocial), or to nobody (WordPress).
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from federation.answers import Gone, Missing, RemoteError
from federation.vocabulary import Malformed
from fedicause import announce
from fedicause.fediverse.record import Looked
from fedicause.instance import Instance
from fedicause.receive import Receiver
from storage import actors, registers, testimonies

log = logging.getLogger(__name__)

SHARES_AND_REPLIES_EVERY: Final = timedelta(days=1)
ACTORS_EVERY: Final = timedelta(days=30)
AT_ONCE: Final = 16
"""Of each kind in one round: a round a minute is 23,000 of each in a day."""


async def look_round(instance: Instance, receiver: Receiver) -> None:
    """Asks about a few of each that are due, and withdraws what their servers say is gone.

    Of a reply 404 says so too, of a boost only from the Mastodon family: others never served theirs. Of an
    actor 410 alone says so. Whoever can't be asked now is asked again when it is due again.
    """
    now = instance.now()
    async with instance.database.reading() as session:
        shares = await registers.shares_to_check(session, now - SHARES_AND_REPLIES_EVERY, AT_ONCE)
        replies = await testimonies.to_check(session, now - SHARES_AND_REPLIES_EVERY, AT_ONCE)
        people = await actors.endorsers_to_check(session, now - ACTORS_EVERY, AT_ONCE)
    if not (shares or replies or people):
        return
    kept_shares = await asyncio.gather(
        *(
            _stands(instance, each.activity_uri, missing_is_gone=each.software in announce.READS_COUNTS)
            for each in shares
        )
    )
    kept_replies = await asyncio.gather(
        *(_stands(instance, each.note_uri, missing_is_gone=True) for each in replies)
    )
    gone_shares = [each for each, kept in zip(shares, kept_shares, strict=True) if not kept]
    gone_replies = [each for each, kept in zip(replies, kept_replies, strict=True) if not kept]
    await receiver.record(Looked(shares, replies, people, gone_shares, gone_replies))
    await asyncio.gather(*(_look_at(receiver, uri) for uri in people))


async def _stands(instance: Instance, uri: str, *, missing_is_gone: bool) -> bool:
    """Whether something is still there, as far as anybody says."""
    try:
        await instance.remote.fetch(uri)
    except Gone:
        return False
    except Missing:
        return not missing_is_gone
    except (RemoteError, Malformed) as error:
        log.debug("could not look again: %s", type(error).__name__)
    return True


async def _look_at(receiver: Receiver, uri: str) -> None:
    try:
        await receiver.look_again(uri)
    except (RemoteError, Malformed) as error:
        log.debug("could not look at an actor again: %s", type(error).__name__)

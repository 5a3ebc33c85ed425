"""Takes back letters that could not be delivered, as a mail server returns them."""

import email
import re
from email.message import Message
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from storage import letters

LARGEST: Final = 1024 * 1024
"""Bytes of a returned message that are read; what matters comes first."""
_TOKEN: Final = re.compile(r"bounce\+([0-9a-f]{32})@", re.IGNORECASE)
_TO: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_QMAIL: Final = b"Hi. This is the qmail-send program"


class NotReturned(Exception):
    """This message does not say that a letter of ours failed for good; the text says why not."""


async def take(session: AsyncSession, here: Here, message: bytes) -> None:
    """Notes a letter that came back: nothing more goes to that person. Raises NotReturned.

    Automatic answers, reports of a delay, and failures that pass (a full mailbox) come to the same address,
    and stop nothing.
    """
    parsed = email.message_from_bytes(message[:LARGEST])
    token = _token(parsed, message[:LARGEST])
    if token is None:
        raise NotReturned("it does not say to which of our letters it belongs")
    if not _has_failed(parsed, message[:LARGEST]):
        raise NotReturned("it reports no lasting failure")
    try:
        await letters.bounced(session, token, here.now)
    except letters.Unknown as error:
        raise NotReturned("no letter of ours returns to this address") from error


def _token(parsed: Message, message: bytes) -> str | None:
    for name in _TO:
        for value in parsed.get_all(name, []):
            if found := _TOKEN.search(str(value)):
                return found[1].lower()
    # Some pipes drop the address; the returned letter still begins with it.
    found = _TOKEN.search(message.decode("ascii", errors="replace"))
    return found[1].lower() if found else None


def _has_failed(parsed: Message, message: bytes) -> bool:
    """Whether a report says so: RFC 3464, or what Exim and qmail write instead."""
    reports = [part for part in parsed.walk() if part.get_content_type() == "message/delivery-status"]
    if reports:
        return any(_is_lasting(fields) for report in reports for fields in _fields(report))
    if parsed.get("X-Failed-Recipients"):
        return True
    return _QMAIL in message


def _fields(report: Message) -> list[Message]:
    """The groups of fields of a report: one of the message, then one for each address."""
    payload = report.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _is_lasting(fields: Message) -> bool:
    action = str(fields.get("Action", "")).strip().lower()
    status = str(fields.get("Status", "")).strip()
    return action == "failed" and not status.startswith("4.") and not status.startswith("5.2.2")

"""Makes a message (RFC 5322) of a letter: its headers, and its words as text and as HTML."""

from datetime import datetime
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, parseaddr, quote
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from fedicause import mail
from fedicause.mail import Draft
from fedicause.settings import Settings

# Written by a machine, so that no machine answers. A letter to a decision-maker is somebody's own.
_BY_HAND: Final = frozenset({"target"})
_WIRE: Final = policy.compat32.clone(linesep="\r\n", mangle_from_=False)
_LINE: Final = 78
_UTF8: Final = Charset("utf-8")
_UTF8.body_encoding = QP


class Sender(Struct, frozen=True):
    """From whom letters come: a name, an address, and the domain to which they return."""

    name: str
    address: str

    @classmethod
    def of(cls, settings: Settings, organisation: str) -> "Sender":
        """By `FEDICAUSE_MAIL_FROM`; without a name there, the organisation's."""
        name, address = parseaddr(settings.mail_from or f"campaigns@{settings.mail_domain}")
        return cls(mail.one_line(name or organisation), address)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def return_path(self, token: str) -> str:
        """The envelope's sender: whatever returns says by it which letter it was."""
        return f"bounce+{token}@{self.domain}"


def message(draft: Draft, sender: Sender, *, kind: str, token: str, written_at: datetime) -> bytes:
    """The message, the same whenever it is made of the same letter: a repetition can be told by its id.

    Nothing here can begin another header: every value is one printable line.
    """
    composed = draft.composed
    headers = [
        ("Date", format_datetime(written_at)),
        ("From", _from(sender)),
        ("To", draft.to),
        ("Message-ID", f"<{token}@{sender.domain}>"),
        ("Subject", _folded("Subject", mail.one_line(composed.subject))),
        ("Content-Language", composed.language),
    ]
    if draft.reply_to:
        headers.append(("Reply-To", draft.reply_to))
    if kind not in _BY_HAND:
        headers.append(("Auto-Submitted", "auto-generated"))
    if draft.unsubscribe:
        headers += [
            ("List-Unsubscribe", f"<{_address(draft.unsubscribe)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return lines.encode() + _body(composed, token)


def _body(composed: mail.Composed, token: str) -> bytes:
    parts = [_part("plain", composed.text), _part("html", composed.html)]
    return MIMEMultipart("alternative", boundary=f"=_{token}", _subparts=parts).as_bytes(policy=_WIRE)


def _part(subtype: str, text: str) -> MIMENonMultipart:
    part = MIMENonMultipart("text", subtype)
    part.set_payload("\n".join(text.splitlines()) + "\n", _UTF8)
    return part


def _from(sender: Sender) -> str:
    """A display name (RFC 5322, 3.2.5) and an address."""
    name = sender.name
    phrase = _folded("From", f'"{quote(name)}"' if _is_plain(name) else name)
    last = len("From: ") + len(phrase) if "\r\n" not in phrase else len(phrase.rpartition("\r\n")[2])
    gap = " " if last + len(sender.address) + 3 <= _LINE else "\r\n "
    return f"{phrase}{gap}<{sender.address}>"


def _is_plain(text: str) -> bool:
    """Whether text can stand in a header as it is: what looks like an encoded word would be decoded."""
    return text.isascii() and "=?" not in text


def _folded(header: str, text: str) -> str:
    """Text in lines of a bearable length, in encoded words (RFC 2047) where it is not ASCII."""
    charset = "us-ascii" if _is_plain(text) else "utf-8"
    return Header(text, charset, header_name=header).encode(linesep="\r\n")


def _address(url: str) -> str:
    """A URL of ours between angle brackets; ValueError if it would end them."""
    if not url.isascii() or not url.isprintable() or set(url) & set("<> ") or not urlsplit(url).netloc:
        raise ValueError("no URL for a header")
    return url

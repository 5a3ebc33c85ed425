"""The tables of people: who signs here and agreed to what, the letters to them, and who else is told."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId, partial

WAITING_REASON = "reason_state = 'pending' AND reason_sealed IS NOT NULL"
ALLOWED_REASON = "reason_state = 'allowed' AND reason_sealed IS NOT NULL"
HIDDEN_REASON = "reason_state = 'hidden' AND reason_sealed IS NOT NULL"


class Person(Base):
    """Somebody who signed here, by mail address: `blind` is its keyed hash, by which it is found again.

    `domain` is the address's, for telling waves of fakes; `bounced_at` when a letter came back.
    """

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    blind: Mapped[bytes] = mapped_column(unique=True)
    address_sealed: Mapped[bytes]
    domain: Mapped[str] = mapped_column(String(255), index=True)
    language: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    bounced_at: Mapped[datetime | None]
    declined_at: Mapped[datetime | None]


class Pledge(Base):
    """What somebody wrote into the form: sealed, beside the signature that counts.

    `shown` is how the name may be shown; `token` the SHA-256 of what the confirmation letter's link holds;
    `network` a keyed hash of the address range it came from, forgotten after a week.
    """

    __tablename__ = "pledges"
    __table_args__ = (
        CheckConstraint("shown IN ('name', 'initials', 'nothing')", name="shown"),
        CheckConstraint("reason_state IN ('pending', 'allowed', 'hidden')", name="reason_state"),
        partial("ix_pledges_reasons", "signature_id", where=WAITING_REASON),
        partial("ix_pledges_heard", "signature_id", where=ALLOWED_REASON),
        partial("ix_pledges_hidden", "signature_id", where=HIDDEN_REASON),
    )
    signature_id: Mapped[int] = mapped_column(ForeignKey("signatures.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    details_sealed: Mapped[bytes]
    shown: Mapped[str] = mapped_column(String(16))
    reason_sealed: Mapped[bytes | None]
    reason_state: Mapped[str] = mapped_column(String(16), default="pending")
    language: Mapped[str] = mapped_column(String(16))
    token: Mapped[bytes | None] = mapped_column(unique=True)
    network: Mapped[bytes | None] = mapped_column(index=True)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("share_links.id"), index=True)
    reminded_at: Mapped[datetime | None]


class Consent(Base):
    """Whether an organisation may write to somebody: given apart from the signature, taken back as easily."""

    __tablename__ = "consents"
    __table_args__ = (UniqueConstraint("signature_id", "organisation_uri"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    signature_id: Mapped[int] = mapped_column(ForeignKey("signatures.id"))
    organisation_uri: Mapped[str]
    organisation_name: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Door(Base):
    """A mailed link to a person's own page: the SHA-256 of its token."""

    __tablename__ = "doors"
    token: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ShareLink(Base):
    """A random token under which somebody passes a campaign on; `signatures` came through it. No tracking."""

    __tablename__ = "share_links"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"))
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), index=True)
    signatures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Letter(Base):
    """A letter that waits to be sent; its address and words are sealed, and forgotten once it was.

    `kind` tells what it is about (confirm, remind, known, page, update, target, staff); `return_token` is
    part of the address that it returns to. Nobody waits for a letter in bulk: others go first. A claimed row
    has `next_at` = `lease_until`.
    """

    __tablename__ = "letters"
    __table_args__ = (Index(None, "ended_at", "is_bulk", "next_at"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    domain: Mapped[str] = mapped_column(String(255))
    content_sealed: Mapped[bytes]
    is_bulk: Mapped[bool]
    return_token: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    lease_until: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))


class Mailing(Base):
    """An update on its way by mail to those who agreed to hear more: queued as far as signature `serial`.

    Who confirmed after it was posted, with a number above `until`, gets none.
    """

    __tablename__ = "mailings"
    __table_args__ = (partial("ix_mailings_open", "update_id", where="ended_at IS NULL"),)
    update_id: Mapped[int] = mapped_column(ForeignKey("updates.id"), primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"))
    serial: Mapped[int] = mapped_column(default=0)
    until: Mapped[int]
    letters: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class HistoryPoint(Base):
    """The support of a coalition at the end of a day (UTC), or so far today; `hosts`: JSON, by authority."""

    __tablename__ = "history"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    day: Mapped[datetime] = mapped_column(primary_key=True)
    endorsements: Mapped[int]
    signatures: Mapped[int]
    shares: Mapped[int]
    hosts: Mapped[str]


class Anonymised(Base):
    """A coalition whose signers were forgotten after its campaign had closed. Its items tell nothing then."""

    __tablename__ = "anonymised"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    at: Mapped[datetime]
    signatures: Mapped[int]


class Webhook(Base):
    """Something that the organisation's own system must hear: sealed, and empty once it has.

    `subject` is the person, under the name that this system knows; what is about one person goes in order.
    A claimed row has `next_at` = `lease_until`.
    """

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "ended_at", "next_at"), Index(None, "subject", "id"))
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    event: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(32))
    content_sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))

"""The tables of what is handed over, told to the organisation's own systems, and forgotten in the end."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId


class Handover(Base):
    """What our organisation said of the files that it handed over, as it signed it: JSON, and no person.

    `number` counts those of one coalition.
    """

    __tablename__ = "handovers"
    __table_args__ = (UniqueConstraint("coalition_id", "number"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"))
    number: Mapped[int]
    made_at: Mapped[datetime]
    document: Mapped[str]


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

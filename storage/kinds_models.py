"""The tables of what is special about a kind of campaign: targets and letters, answers."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId, partial

UNSENT = "content_sealed IS NOT NULL"


class Ballot(Base):
    """How often each combination of a campaign's answers or roles was ticked, when that was last counted."""

    __tablename__ = "ballots"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    counted: Mapped[str]
    counted_at: Mapped[datetime]


class Target(Base):
    """A decision-maker to whom a campaign's letters go. `postcodes` as written: prefixes and ranges."""

    __tablename__ = "targets"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    name: Mapped[str]
    office: Mapped[str]
    area: Mapped[str]
    country: Mapped[str] = mapped_column(String(2))
    postcodes: Mapped[str]
    mail: Mapped[str]
    language: Mapped[str] = mapped_column(String(16))


class TargetLetter(Base):
    """Somebody's letter to a target. Its words are sealed, and forgotten once it is on its way."""

    __tablename__ = "target_letters"
    __table_args__ = (partial("ix_target_letters_unsent", "target_id", "id", where=UNSENT),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    target_id: Mapped[int] = mapped_column(ForeignKey("targets.id"), index=True)
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), index=True)
    content_sealed: Mapped[bytes | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None] = mapped_column(index=True)

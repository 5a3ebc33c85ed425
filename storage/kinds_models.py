"""The tables of what is special about a kind of campaign: organisations, targets and letters, answers."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId, partial

UNSENT = "content_sealed IS NOT NULL"


class Cosigner(Base):
    """An organisation that signs a campaign: through the signature of somebody, or by its own account's ☆.

    `role` is what that person is there, where they want it shown. `proof` says how we know: by `mail` at the
    domain of its website, by its `account`, by our `staff`; empty for nothing yet.
    """

    __tablename__ = "cosigners"
    __table_args__ = (
        CheckConstraint("proof IN ('', 'mail', 'account', 'staff')", name="proof"),
        CheckConstraint("state IN ('waiting', 'listed', 'hidden')", name="state"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), index=True)
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), unique=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id"), index=True)
    name: Mapped[str]
    website: Mapped[str]
    role_sealed: Mapped[bytes | None]
    logo: Mapped[bytes | None]
    logo_type: Mapped[str | None] = mapped_column(String(32))
    logo_width: Mapped[int | None]
    logo_height: Mapped[int | None]
    proof: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]


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

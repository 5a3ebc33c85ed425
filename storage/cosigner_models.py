"""The organisations that sign."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId


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

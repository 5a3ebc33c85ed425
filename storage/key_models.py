"""The keys that our actors had before."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base


class FormerKey(Base):
    """An Ed25519 key (Multikey) that proofs in other hands still name; its private half is gone.

    `withdrawn_at`: from then on nothing that it signed is to be believed.
    """

    __tablename__ = "former_keys"
    actor_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    public: Mapped[str]
    retired_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]

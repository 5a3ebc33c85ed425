"""What was handed over."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
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

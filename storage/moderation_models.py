"""The tables of what moderators are asked to look at, and of what they took out."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId


class Report(Base):
    """A Flag: somebody asks a moderator to look at something."""

    __tablename__ = "reports"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"))
    objects: Mapped[str]
    content: Mapped[str]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]


class Invalidation(Base):
    """Signatures that somebody of the staff found to be fakes, all at once: those that bear its row key.

    `wanted` is JSON, what was chosen, empty once all is done: no network is remembered longer. `before` is
    what our tally was; `confirmed` and `pending` say how many signatures of each state were taken out.
    """

    __tablename__ = "invalidations"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), index=True)
    made_at: Mapped[datetime]
    wanted: Mapped[str]
    before: Mapped[int]
    confirmed: Mapped[int] = mapped_column(default=0)
    pending: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    restored: Mapped[int] = mapped_column(default=0)
    restored_at: Mapped[datetime | None]

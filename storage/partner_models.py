"""The tables of what only comes of having partners: older tallies, sketches of who signed, and jumps."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId


class PastTally(Base):
    """A tally that a newer one has replaced: kept for a while, so that a second version of it is seen."""

    __tablename__ = "past_tallies"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    author_uri: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[str]


class Sketch(Base):
    """The newest HyperLogLog sketch known of one author's signers. `document` is as it travels.

    `serial`: how far our own has come in our signatures; `spoilt`: withdrawals since it was built.
    """

    __tablename__ = "sketches"
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), primary_key=True)
    author_uri: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    version: Mapped[int]
    signatures: Mapped[int]
    value: Mapped[bytes]
    document: Mapped[str]
    serial: Mapped[int] = mapped_column(default=0)
    spoilt: Mapped[int] = mapped_column(default=0)
    built_at: Mapped[datetime]


class Jump(Base):
    """A tally that grew too fast to go unnoticed; for the admin to look at."""

    __tablename__ = "jumps"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    coalition_id: Mapped[int] = mapped_column(ForeignKey("coalitions.id"), index=True)
    author_uri: Mapped[str]
    before: Mapped[int]
    after: Mapped[int]
    seen_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]

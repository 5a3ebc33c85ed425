"""The tables of what processes keep together: limits, keys that could not be had, whose turn it is."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base


class Meter(Base):
    """How much of something has come of late, by keyed hash: it is used up until `used_until`."""

    __tablename__ = "meters"
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    used_until: Mapped[datetime] = mapped_column(index=True)


class KeyFailure(Base):
    """A key that could not be had, by the SHA-256 of its id: not asked for again before `until`.

    `is_final`: there is none, as far as its server says; else nobody answered.
    """

    __tablename__ = "key_failures"
    __table_args__ = (Index(None, "host", "failed_at"),)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(300))
    failed_at: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    is_final: Mapped[bool]


class Turn(Base):
    """A round of work that one process does for all: nobody else begins it before `until`."""

    __tablename__ = "turns"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    until: Mapped[datetime]

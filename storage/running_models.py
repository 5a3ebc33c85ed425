"""The tables of how the instance runs: its processes, and when something last happened."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base


class Process(Base):
    """A `serve` or `work`, and in `report` (JSON, nothing personal) what it has counted so far.

    `name`: machine:number. `ended_at`: when it stopped by itself; one that crashed is just no longer seen.
    """

    __tablename__ = "processes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(300))
    version: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    report: Mapped[str]


class Landmark(Base):
    """When something last happened that leaves no other trace here."""

    __tablename__ = "landmarks"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime]

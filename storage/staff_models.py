"""The tables of who runs the instance, is logged in, and did what: nobody else needs them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, RowId


class User(Base):
    """Somebody who runs the instance."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('owner', 'campaigner', 'moderator', 'reader')", name="role"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    totp_sealed: Mapped[bytes | None]
    totp_last: Mapped[int | None]
    disabled_at: Mapped[datetime | None]


class Session(Base):
    """Somebody of the staff who is logged in: the SHA-256 of the cookie's token."""

    __tablename__ = "sessions"
    token: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    is_half: Mapped[bool]


class Attempt(Base):
    """Failed log-ins of late, by what is throttled: an address or a network, as keyed hashes."""

    __tablename__ = "attempts"
    key: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)


class Audit(Base):
    """What somebody of the staff did."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(index=True)
    deed: Mapped[str] = mapped_column(String(64))
    about: Mapped[str]

"""The tables."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from storage.columns import UtcTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite gives a 64-bit rowid only to a column declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


def partial(name: str, *columns: str, where: str) -> Index:
    """An index of the rows that meet a condition only."""
    return Index(name, *columns, sqlite_where=text(where), info={"where": where})


def tell_postgresql() -> None:
    """Gives the conditions of indexes to PostgreSQL too, for whoever makes migrations.

    Naming it loads its dialect: 2 MB that a server on SQLite does without.
    """
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                index.dialect_kwargs["postgresql_where"] = text(index.info["where"])


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcTime(), str: Text(), int: BigInteger(), bytes: LargeBinary()}  # noqa: RUF012


class Organisation(Base):
    """Who runs the instance: one row."""

    __tablename__ = "organisations"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"), unique=True)
    name: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    website: Mapped[str | None]
    language: Mapped[str] = mapped_column(String(16), default="en")


class LocalActor(Base):
    """An actor of ours: the instance, the organisation, a campaign. Handles and slugs are one namespace."""

    __tablename__ = "local_actors"
    __table_args__ = (CheckConstraint("kind IN ('instance', 'organisation', 'campaign')", name="kind"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    rsa_public: Mapped[str]
    rsa_sealed: Mapped[bytes]
    ed25519_public: Mapped[str]
    ed25519_sealed: Mapped[bytes]
    proof_key: Mapped[int] = mapped_column(default=1, server_default="1")
    """The number of the Ed25519 key, which is part of its id; RSA keys change under one id."""
    rsa_former_sealed: Mapped[bytes | None]
    """The RSA key before this one, as long as others may know no other."""
    rekeyed_at: Mapped[datetime | None]


class Campaign(Base):
    """`changed_at` moves with every change of it, for whoever edits; `edited_at` with those that others saw.

    A draft with `publish_at` is published then; what was closed with an `outcome` is won.
    `roles`: what volunteers may choose, a JSON list; `per_hour` letters go to a target, or a digest a day.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('petition', 'open-letter', 'message', 'pledge', 'consultation')", name="kind"
        ),
        CheckConstraint("state IN ('draft', 'published', 'closed', 'deleted')", name="state"),
        Index(None, "state", "published_at"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"), unique=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str] = mapped_column(String(100))
    goal: Mapped[int | None]
    language: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    picture: Mapped[str | None]
    picture_alt: Mapped[str | None]
    picture_type: Mapped[str | None] = mapped_column(String(32))
    picture_width: Mapped[int | None]
    picture_height: Mapped[int | None]
    thresholds: Mapped[str | None] = mapped_column(String(16))
    registered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    asks: Mapped[str | None]
    privacy: Mapped[str | None]
    roles: Mapped[str | None]
    per_hour: Mapped[int | None]
    is_digest: Mapped[bool] = mapped_column(server_default=false())
    retention_months: Mapped[int | None]
    changed_at: Mapped[datetime | None]
    publish_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class CampaignText(Base):
    """The call in one language: Markdown as written, HTML as sanitised.

    `options`: the answers to choose from, a JSON list; `subject` and `letter`: what is written to targets.
    """

    __tablename__ = "campaign_texts"
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(16), primary_key=True)
    title: Mapped[str]
    markdown: Mapped[str]
    html: Mapped[str]
    edited_at: Mapped[datetime]
    options: Mapped[str | None]
    subject: Mapped[str | None]
    letter: Mapped[str | None]


class Update(Base):
    """News of a campaign: a later Note of its actor, at /campaigns/{slug}/updates/{number}."""

    __tablename__ = "updates"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    number: Mapped[int]
    language: Mapped[str] = mapped_column(String(16))
    title: Mapped[str]
    markdown: Mapped[str]
    html: Mapped[str]
    published_at: Mapped[datetime]


class Counts(Base):
    """The counts of one local actor, moved in the transaction of every change; `doctor` recounts them."""

    __tablename__ = "counts"
    subject_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"), primary_key=True)
    endorsements: Mapped[int] = mapped_column(default=0)
    shares: Mapped[int] = mapped_column(default=0)
    subscriptions: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime]
    announced_at: Mapped[datetime | None]


class Host(Base):
    """Another server: what it runs, how it signs, whether it answers.

    `why` it does not: the status that it answers, or one of federation.answers.Why.
    """

    __tablename__ = "hosts"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(300), unique=True)
    first_seen_at: Mapped[datetime]
    software: Mapped[str | None] = mapped_column(String(100))
    software_checked_at: Mapped[datetime | None]
    scheme: Mapped[str | None] = mapped_column(String(16))
    failures: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_answer_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    why: Mapped[str | None] = mapped_column(String(16))


class Actor(Base):
    """An actor of another server, as it last described itself."""

    __tablename__ = "actors"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uri: Mapped[str] = mapped_column(unique=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"), index=True)
    type: Mapped[str] = mapped_column(String(32))
    handle: Mapped[str]
    name: Mapped[str]
    url: Mapped[str | None]
    inbox: Mapped[str]
    shared_inbox: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    fetched_at: Mapped[datetime] = mapped_column(index=True)
    gone_at: Mapped[datetime | None]
    moved_to: Mapped[str | None]


class ActorKey(Base):
    __tablename__ = "actor_keys"
    key_uri: Mapped[str] = mapped_column(primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), index=True)
    public_pem: Mapped[str]
    fetched_at: Mapped[datetime]


class Register(Base):
    """The last signed word of one remote actor on one subject: endorsement, share or subscription.

    `activity_uri` is the id of the last activity that said yes, `earlier_uris` a JSON list of others that did
    (few do it under a new id); servers reuse ids, so they are never a key.
    """

    __tablename__ = "registers"
    __table_args__ = (
        CheckConstraint("kind IN ('endorsement', 'share', 'subscription')", name="kind"),
        Index(None, "actor_id"),
    )
    subject_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    present: Mapped[bool]
    held: Mapped[bool] = mapped_column(server_default=false())
    signed_at: Mapped[datetime]
    activity_uri: Mapped[str | None]
    earlier_uris: Mapped[str | None]
    checked_at: Mapped[datetime | None]


class Void(Base):
    """The id of a Like or a reply that was taken back before it arrived: it is void once."""

    __tablename__ = "voids"
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    activity_uri: Mapped[str] = mapped_column(primary_key=True)
    signed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SeenSignature(Base):
    """The fingerprint of a request signature, kept longer than the clock window."""

    __tablename__ = "seen_signatures"
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Wave(Base):
    """How many actors of a host endorsed for the first time in one hour (hours since 1970)."""

    __tablename__ = "waves"
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)
    endorsers: Mapped[int]


class Testimony(Base):
    """A public reply from the fediverse; shown once a moderator allows it."""

    __tablename__ = "testimonies"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'allowed', 'hidden', 'deleted')", name="state"),
        Index(None, "campaign_id", "state", "published_at"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id"), index=True)
    note_uri: Mapped[str] = mapped_column(unique=True)
    in_reply_to: Mapped[str] = mapped_column(index=True)
    url: Mapped[str | None]
    html: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    signed_at: Mapped[datetime]
    published_at: Mapped[datetime]
    received_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]


class Block(Base):
    """A host (with its subdomains) or an actor that is not listened to."""

    __tablename__ = "blocks"
    target: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class Activity(Base):
    """What an actor of ours said, as it travels."""

    __tablename__ = "activities"
    __table_args__ = (Index(None, "actor_id", "listed", "id"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    uri: Mapped[str] = mapped_column(unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"))
    type: Mapped[str] = mapped_column(String(32))
    document: Mapped[str]
    listed: Mapped[bool]
    published_at: Mapped[datetime]


class Delivery(Base):
    """An activity that an inbox must hear: a row until it has, or until it is given up.

    Without `next_at` it waits for the one before it to the same inbox.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        partial(
            "ix_deliveries_due", "host", "next_at", "id", where="ended_at IS NULL AND next_at IS NOT NULL"
        ),
        partial("ix_deliveries_queue", "inbox", "next_at", "id", where="ended_at IS NULL"),
        partial(
            "ix_deliveries_replaced", "replaces", "inbox", where="ended_at IS NULL AND replaces IS NOT NULL"
        ),
        partial("ix_deliveries_ended", "ended_at", where="ended_at IS NOT NULL"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id"), index=True)
    inbox: Mapped[str]
    host: Mapped[str] = mapped_column(String(300))
    replaces: Mapped[str | None]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class DeadInbox(Base):
    """An inbox that answered 404 or 410: nothing is sent there until its actor is fetched again."""

    __tablename__ = "dead_inboxes"
    inbox: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int]
    died_at: Mapped[datetime]


class Refresh(Base):
    """When a host was last told the counts of a campaign."""

    __tablename__ = "refreshes"
    subject_id: Mapped[int] = mapped_column(ForeignKey("local_actors.id"), primary_key=True)
    host_id: Mapped[int] = mapped_column(ForeignKey("hosts.id"), primary_key=True)
    sent_at: Mapped[datetime]


class ParkedRequest(Base):
    """A request whose key could not be fetched in time, raw; verified later by the clock of its arrival."""

    __tablename__ = "parked_requests"
    __table_args__ = (Index(None, "next_at"), Index(None, "host"))
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    host: Mapped[str] = mapped_column(String(300))
    received_at: Mapped[datetime]
    method: Mapped[str] = mapped_column(String(8))
    target: Mapped[str]
    headers: Mapped[str]
    body: Mapped[bytes]
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
